"""One arm as the planner sees it: links covered by spheres, placed for whole batches of configurations."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.cell_parts import ArmMount
from core.transforms import Matrix, apply, invert, transform
from hardware.robot.description import SHAPES, TCP_OFFSET_M, LinkShape
from hardware.robot.kinematics import T_LINK6_TCP, finger_mount, joint_transforms

#: Cells no larger than this [m] each get one sphere: their cover stands out by at most 12 mm.
_CELL_HALF_M = 0.016
#: Frame (0 the base, 1-6 the links) that carries each link; gripper and fingers ride on link 6.
_FRAME = {"base_link": 0, "gripper_base": 6, "link7": 6, "link8": 6} | {f"link{i}": i for i in range(1, 7)}
#: The parts that close around an object.
HAND = ("link6", "gripper_base", "link7", "link8")


@dataclass(frozen=True)
class SphereCover:
    """S spheres on the frames of an arm.

    frame (S,): 0 the base, 1-6 the links. center_m (S, 3) in that frame with the gripper closed;
    slide (S, 3) moves it per metre of finger opening; radius_m (S,); hand (S,): part of the gripper.
    """

    frame: NDArray[np.intp]
    center_m: NDArray[np.float64]
    slide: NDArray[np.float64]
    radius_m: NDArray[np.float64]
    hand: NDArray[np.bool_]


def may_touch(frame: int, other: int) -> bool:
    """Whether parts on two frames may touch: neighbours share a joint, and what is on one frame does not move."""
    return abs(frame - other) < 2


@dataclass(frozen=True)
class Placement:
    """N configurations of one arm in the world: T_world_frame (N, 7, 4, 4), sphere centres (N, S, 3) [m],
    finger openings (N,) [m]."""

    T_world_frame: Matrix
    centers_m: NDArray[np.float64]
    gripper_width_m: NDArray[np.float64]

    @property
    def T_world_tcp(self) -> Matrix:
        """(N, 4, 4)."""
        return self.T_world_frame[:, 6] @ T_LINK6_TCP


@dataclass(frozen=True, eq=False)
class ArmModel:
    """A mounted arm: forward kinematics and shapes of many configurations at once."""

    name: str
    mount: ArmMount

    @cached_property
    def T_world_base(self) -> Matrix:
        return self.mount.T_world_base

    @cached_property
    def T_base_world(self) -> Matrix:
        return invert(self.mount.T_world_base)

    def frames(self, joints_rad: NDArray) -> Matrix:
        """T_world_frame (N, 7, 4, 4) of the base and links 1-6 for joints (N, 6)."""
        steps = joint_transforms(joints_rad, self.mount.firmware)
        frames = np.empty((len(joints_rad), 7, 4, 4))
        frames[:, 0] = self.T_world_base
        for i in range(6):
            np.matmul(frames[:, i], steps[:, i], out=frames[:, i + 1])
        return frames

    def place(self, joints_rad: NDArray, gripper_width_m: NDArray | float) -> Placement:
        """Where the arm's spheres are for joints (N, 6) and finger openings (N,) or one for all."""
        frames = self.frames(joints_rad)
        width = np.broadcast_to(np.asarray(gripper_width_m, float), len(joints_rad))
        centers = np.empty((len(joints_rad), len(COVER.frame), 3))
        for i, carried in enumerate(_CARRIED):
            R, t = frames[:, i, :3, :3], frames[:, i, None, :3, 3]
            np.add(COVER.center_m[carried] @ R.transpose(0, 2, 1), t, out=centers[:, carried])
        centers[:, _SLIDING] += width[:, None, None] * (COVER.slide[_SLIDING] @ frames[:, 6, :3, :3].transpose(0, 2, 1))
        return Placement(frames, centers, width)

    def lowest_m(self, placement: Placement) -> NDArray[np.float64]:
        """(N,) height of the lowest point of everything beyond the shoulder: exact, not by spheres."""
        carrier = placement.T_world_frame[:, _LOW_FRAME]
        center = _T_LOW[:, :3, 3] + _LOW_SLIDE * placement.gripper_width_m[:, None, None]
        middle = (carrier[..., 2, :3] * center).sum(-1) + carrier[..., 2, 3]
        across = np.einsum("nsk,skj->nsj", carrier[..., 2, :3], _LOW_ROTATION)
        box = (np.abs(across) * _LOW_HALF_M).sum(-1)
        sideways = np.sqrt(np.maximum(1.0 - across[..., 2] ** 2, 0.0))
        tube = sideways * _LOW_HALF_M[:, 0] + np.abs(across[..., 2]) * _LOW_HALF_M[:, 2]
        return (middle - np.where(_LOW_IS_TUBE, tube, box)).min(axis=1)


def oriented_boxes(arm: ArmModel, joints_rad: NDArray, gripper_width_m: float) -> list[tuple[Matrix, NDArray]]:
    """The arm at joints (6,) as boxes: (T_world_box, half sizes (3,)) around each of its shapes."""
    frames = arm.frames(np.asarray(joints_rad, float)[None])[0]
    return [(frames[frame] @ T, half) for frame, T, half in in_frame_boxes(tuple(SHAPES), gripper_width_m)]


def in_frame_boxes(links: tuple[str, ...], gripper_width_m: float = 0.0) -> list[tuple[int, Matrix, NDArray]]:
    """Boxes around the shapes of some links: (frame 0-6, T_frame_box, half sizes (3,))."""
    return [
        (_FRAME[link], _in_frame(link, shape.T_link_shape, gripper_width_m), shape.half_extents_m)
        for link in links
        for shape in SHAPES[link]
    ]


def _in_frame(link: str, T_link_shape: Matrix, gripper_width_m: float = 0.0) -> Matrix:
    """T_frame_shape: as T_link_shape, but fingers stand in the frame of link 6."""
    if link not in ("link7", "link8"):
        return T_link_shape
    return transform(translation_m=_slide(link) * gripper_width_m) @ finger_mount(link) @ T_link_shape


def _slide(link: str) -> NDArray[np.float64]:
    """How a link moves in its frame per metre of finger opening (3,)."""
    return finger_mount(link)[:3, 2] / 2 if link in ("link7", "link8") else np.zeros(3)


def _sphere_cells(shape: LinkShape) -> tuple[NDArray, float]:
    """Centres (n, 3) in the shape's frame and the radius of equal spheres that together cover it."""
    half = shape.half_extents_m
    if shape.kind == "sphere":
        return np.zeros((1, 3)), float(half[0])
    counts = np.maximum(np.ceil(half / _CELL_HALF_M - 1e-9).astype(int), 1)
    if shape.kind == "cylinder":
        counts[:2] = 1
    cell = half / counts
    axes = [-h + c * (2 * np.arange(n) + 1) for h, c, n in zip(half, cell, counts, strict=True)]
    centers = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    # A cylinder's cell is a disc: its farthest point lies on the rim, not at a box's corner.
    reach = np.hypot(cell[0], cell[2]) if shape.kind == "cylinder" else np.linalg.norm(cell)
    return centers, float(reach)


def _cover() -> SphereCover:
    frame, center, slide, radius, hand = [], [], [], [], []
    for link, shapes in SHAPES.items():
        for shape in shapes:
            cells, reach = _sphere_cells(shape)
            count = len(cells)
            frame += [_FRAME[link]] * count
            center.append(apply(_in_frame(link, shape.T_link_shape), cells))
            slide.append(np.tile(_slide(link), (count, 1)))
            radius += [reach] * count
            hand += [link in HAND] * count
    return SphereCover(np.array(frame), np.concatenate(center), np.concatenate(slide), np.array(radius), np.array(hand))


COVER = _cover()
#: Spheres stand in the order of their frames, so each frame's are one slice.
_CARRIED = [slice(*np.searchsorted(COVER.frame, (i, i + 1))) for i in range(7)]
_SLIDING = np.flatnonzero(COVER.slide.any(axis=1))
_LOW = [(link, shape) for link, shapes in SHAPES.items() if _FRAME[link] >= 2 for shape in shapes]
_LOW_FRAME = np.array([_FRAME[link] for link, _ in _LOW])
_T_LOW = np.array([_in_frame(link, shape.T_link_shape) for link, shape in _LOW])
_LOW_SLIDE = np.array([_slide(link) for link, _ in _LOW])
_LOW_ROTATION = _T_LOW[:, :3, :3].copy()
_LOW_HALF_M = np.array([shape.half_extents_m for _, shape in _LOW])
_LOW_IS_TUBE = np.array([shape.kind == "cylinder" for _, shape in _LOW])
_PALM = SHAPES["gripper_base"][0]
_PALM_CENTER_M = _PALM.T_link_shape[:3, 3] - (0.0, 0.0, TCP_OFFSET_M)
#: Corners (3,) of the gripper's body in the tool's frame.
PALM_LOW_M, PALM_HIGH_M = _PALM_CENTER_M - _PALM.half_extents_m, _PALM_CENTER_M + _PALM.half_extents_m
