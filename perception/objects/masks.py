"""Which pixels may show something to grasp: what stands on the table, not the bin, a fixture, the tags or the arms.

Solids (the workspace, the bin, the fixtures, the links of the arms) are boxes that the camera's rays are cut with.
Where depth is known a pixel is judged by its own point, so that a glass before the bin stays whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.cell_parts import PAPER_RATIO
from core.image import Intrinsics, RgbdImage
from core.transforms import Matrix, apply, invert, transform
from hardware.robot.description import SHAPES
from hardware.robot.fixtures import fixtures_of
from hardware.robot.kinematics import link_poses
from perception.depth_types import SeenTag, TableView
from perception.objects.object_map import CellMasks

Mask = NDArray[np.bool_]

#: Objects reach this far beyond the workspace that their feet keep to, and this high.
OVERHANG_M = 0.06
TALLEST_M = 0.35
#: Without tags nothing says where the table ends: objects within this of its visible middle count.
SENSOR_REACH_M = 0.35
#: Solids are swollen by what calibration, depth and the simple shapes may miss.
FIXED_MARGIN_M = 0.015
ARM_MARGIN_M = 0.025
#: What stands higher than this above a tag is not the tag.
PAPER_CLEAR_M = 0.015
#: Sensor and estimator see the same where their depths differ by less than this [m]; it is clear of an arm or the bin
#: where it would stand before them so much farther away too.
AGREE_M, CLEAR_M = 0.03, 0.05
_NEAREST_M = 0.05


@dataclass(frozen=True)
class Box:
    """A solid in the camera: T_camera_box, half sizes (3,) [m]."""

    T_camera_box: Matrix
    half_m: NDArray[np.float64]


def object_region(
    view: TableView,
    cell: Cell,
    intrinsics: Intrinsics,
    arm_joints: Mapping[str, NDArray[np.float64]],
    depth_m: NDArray[np.float32] | None = None,
) -> Mask:
    """(H, W) True where an object to grasp may be seen.

    arm_joints: measured joints (6,) [rad] by arm name; arms that are not named are not masked. With
    depth_m (H, W, metric, NaN holes) each pixel is judged by where its point lies. A view without
    tags does not know the cell: its region is the table around the middle of what is seen of it.
    """
    region = _workspace_mask(view, cell, intrinsics, depth_m)
    if view.source == "sensor":
        return region
    region &= ~fixed_mask(view, cell, intrinsics, depth_m)
    region &= ~arms_mask(view, cell, intrinsics, arm_joints, depth_m)
    papers = tags_mask(view.tags, intrinsics)
    if depth_m is not None:
        papers &= ~(view.plane.height(intrinsics.rays() * depth_m[..., None]) > PAPER_CLEAR_M)
    return region & ~papers


def cell_masks(
    view: TableView, cell: Cell, intrinsics: Intrinsics, arm_joints: Mapping[str, NDArray[np.float64]]
) -> CellMasks:
    """What the cell knows of a picture before anything of its depth is known; see `object_region`."""
    region = object_region(view, cell, intrinsics, {})
    if view.source == "sensor":
        return CellMasks(region, np.zeros_like(region), np.zeros_like(region))
    arms_m, images_m = (arms_depth(view, cell, intrinsics, arm_joints, mirrored) for mirrored in (False, True))
    on_arms = np.isfinite(arms_m)
    return CellMasks(region & ~on_arms, on_arms, np.isfinite(images_m), arms_m)


def confirmed(
    stands: Mask,
    view: TableView,
    cell: Cell,
    image: RgbdImage,
    arm_joints: Mapping[str, NDArray[np.float64]],
    depth_m: NDArray[np.float32],
) -> Mask:
    """(H, W) What of `stands` is no arm, bin or fixture, which an estimator may see nearer than they are: where one of
    them is, or would be but for what stands before it, the sensor has that too, clear of them.

    stands (H, W): what only an estimator saw, by its depth_m (H, W; metric); image: the sensor's; see `object_region`.
    """
    if view.source == "sensor":
        return stands
    lens = image.intrinsics
    doubtful = stands & (fixed_mask(view, cell, lens) | arms_mask(view, cell, lens, arm_joints))
    if image.depth_m is None or not doubtful.any():
        return stands & ~doubtful
    is_clear = object_region(view, cell, lens, arm_joints, image.depth_m + CLEAR_M)
    return stands & (~doubtful | (is_clear & (np.abs(image.depth_m - depth_m) < AGREE_M)))


def fixed_mask(view: TableView, cell: Cell, intrinsics: Intrinsics, depth_m: NDArray | None = None) -> Mask:
    """(H, W) True on the bin and what lies in it, on the cell's fixtures and the arms' pedestals."""
    size = np.array(cell.bin.size_m)
    solids = [(transform(translation_m=(*cell.bin.center_m, size[2] / 2)), size / 2)]
    solids += [(one.T_world_box, one.half_m) for one in fixtures_of(cell)]
    boxes = [Box(view.T_camera_world @ T, half_m + FIXED_MARGIN_M) for T, half_m in solids]
    # A stand that holds the camera, where the tags say that is now, would be all that there is to see.
    seen = [box for box in boxes if (np.abs(invert(box.T_camera_box)[:3, 3]) > box.half_m).any()]
    return _is_covered(reduce(np.fmin, [_entry_depth(box, intrinsics) for box in seen]), depth_m)


def arms_mask(
    view: TableView,
    cell: Cell,
    intrinsics: Intrinsics,
    arm_joints: Mapping[str, NDArray[np.float64]],
    depth_m: NDArray | None = None,
) -> Mask:
    """(H, W) True on the arms at these joints, their fingers anywhere between closed and open."""
    return _is_covered(arms_depth(view, cell, intrinsics, arm_joints), depth_m)


def arms_depth(
    view: TableView,
    cell: Cell,
    intrinsics: Intrinsics,
    arm_joints: Mapping[str, NDArray[np.float64]],
    mirrored: bool = False,
    margin_m: float = ARM_MARGIN_M,
) -> NDArray[np.float64]:
    """(H, W) how far away [m] the arms of `arms_mask` are at least, NaN where none is seen.

    mirrored: not the arms, but what would be seen of them in a table that is a mirror. margin_m: by which they are
    swollen.
    """
    entry_m = np.full((intrinsics.height, intrinsics.width), np.nan)
    T_camera_world = view.T_camera_world @ np.diag([1.0, 1.0, -1.0, 1.0]) if mirrored else view.T_camera_world
    for name, joints_rad in arm_joints.items():
        arm = cell.arms[name]
        T_camera_base = T_camera_world @ arm.T_world_base
        closed = link_poses(joints_rad, 0.0, arm.firmware)
        opened = link_poses(joints_rad, arm.gripper_stroke_m, arm.firmware)
        for link, shapes in SHAPES.items():
            # A finger slides along its z from where it closes to where it opens.
            slide = (invert(closed[link]) @ opened[link])[:3, 3]
            for shape in shapes:
                T = T_camera_base @ closed[link] @ transform(translation_m=slide / 2) @ shape.T_link_shape
                along = np.abs(shape.T_link_shape[:3, :3].T @ slide) / 2
                box = Box(T, shape.half_extents_m + along + margin_m)
                entry_m = np.fmin(entry_m, _entry_depth(box, intrinsics))
    return entry_m


def tags_mask(tags: tuple[SeenTag, ...], intrinsics: Intrinsics) -> Mask:
    """(H, W) True on the tags' paper, white border included."""
    import cv2

    mask = np.zeros((intrinsics.height, intrinsics.width), np.uint8)
    h = PAPER_RATIO / 2
    square = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]], np.float32)
    paper = np.array([[[-h, -h], [h, -h], [h, h], [-h, h]]], np.float32)
    for tag in tags:
        to_image = cv2.getPerspectiveTransform(square, tag.corners_px.astype(np.float32))
        quad = cv2.perspectiveTransform(paper, to_image)[0]
        cv2.fillConvexPoly(mask, np.rint(quad).astype(np.int32), 1)
    return mask.astype(bool)


def _workspace_mask(view: TableView, cell: Cell, intrinsics: Intrinsics, depth_m: NDArray | None) -> Mask:
    if view.source == "sensor":
        x_m = y_m = (-SENSOR_REACH_M, SENSOR_REACH_M)
    else:
        x_m, y_m = cell.workspace.objects_x_m, cell.workspace.objects_y_m
    low = np.array([x_m[0] - OVERHANG_M, y_m[0] - OVERHANG_M, 0.0])
    high = np.array([x_m[1] + OVERHANG_M, y_m[1] + OVERHANG_M, TALLEST_M])
    if depth_m is None:
        box = Box(view.T_camera_world @ transform(translation_m=(low + high) / 2), (high - low) / 2)
        return np.isfinite(_entry_depth(box, intrinsics))
    points = apply(invert(view.T_camera_world), intrinsics.rays() * depth_m[..., None])
    # From below the table too: noise there is the detector's to judge, by the plane.
    low[2] = -TALLEST_M
    return np.all((points >= low) & (points <= high), axis=-1)


def _is_covered(entry_m: NDArray[np.float64], depth_m: NDArray | None) -> Mask:
    """Pixels (H, W) whose ray meets a solid, and whose point, where known, does not lie before it."""
    covered = np.isfinite(entry_m)
    return covered if depth_m is None else covered & ~(depth_m < entry_m)


def _entry_depth(box: Box, intrinsics: Intrinsics) -> NDArray[np.float64]:
    """(H, W) depth [m] at which each pixel's ray enters the box, NaN where it misses (slab method)."""
    entry_m = np.full((intrinsics.height, intrinsics.width), np.nan)
    window = _window(box, intrinsics)
    if window is None:
        return entry_m
    T_box_camera = invert(box.T_camera_box)
    v, u = np.ogrid[window]
    x, y = (u - intrinsics.cx) / intrinsics.fx, (v - intrinsics.cy) / intrinsics.fy
    enters, leaves = [], []
    # Axis by axis: maps whose last axis is of three are thrice as slow.
    for (to_x, to_y, to_z, start), half_m in zip(T_box_camera[:3], box.half_m, strict=True):
        along = x * to_x + (y * to_y + to_z)
        along[np.abs(along) < 1e-12] = 1e-12
        one, other = (-half_m - start) / along, (half_m - start) / along
        enters.append(np.minimum(one, other))
        leaves.append(np.maximum(one, other))
    enter, leave = np.maximum.reduce(enters), np.minimum.reduce(leaves)
    entry_m[window] = np.where((leave >= enter) & (leave > 0), np.maximum(enter, 0.0), np.nan)
    return entry_m


def _window(box: Box, intrinsics: Intrinsics) -> tuple[slice, slice] | None:
    """The rows and columns that a box can appear in; all of them where it reaches behind the camera."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    corners = apply(box.T_camera_box, signs * box.half_m)
    if corners[:, 2].max() < _NEAREST_M:
        return None
    if corners[:, 2].min() < _NEAREST_M:
        return slice(0, intrinsics.height), slice(0, intrinsics.width)
    pixels = intrinsics.project(corners)
    low, high = np.floor(pixels.min(axis=0)), np.ceil(pixels.max(axis=0)) + 1
    size = np.array([intrinsics.width, intrinsics.height])
    (left, top), (right, bottom) = np.clip(low, 0, size).astype(int), np.clip(high, 0, size).astype(int)
    return None if right <= left or bottom <= top else (slice(top, bottom), slice(left, right))
