"""Where the table is in the camera: solved from the cell's tags, or fitted to the sensor's depth."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.cell import Cell
from core.errors import CalibrationError, PerceptionError
from core.image import Intrinsics, RgbdImage
from core.transforms import Matrix, apply, invert, transform
from perception.depth_types import SeenTag, TableView
from perception.table.diagnosis import demand_own_tags, one_cause, print_and_one_place
from perception.table.metric_factor import sensor_factor
from perception.table.mirrored import refuse_mirrored
from perception.table.plane import fit_table
from perception.table.pose import contradictions_of, plane_of, solve_pose, world_corners
from perception.table.tags import detect_tags

#: Mean reprojection error accepted. Noise alone gives 0.15 px; six tags of which one lies 6 mm off give
#: 0.8 px, and already tilt the table by 4 mm at its far edge.
MAX_RESIDUAL_PX = 1.0
#: A residual beyond what noise gives is looked into: one wrong number may explain it, as a focal length 1 % off.
SUSPICIOUS_PX = 0.3
#: Noise of a detected corner: 0.07 px mean and 0.2 px p95 when rendered; real lenses add to it.
CORNER_SIGMA_PX = 0.2
#: Standard deviation of the table's height that the tags in view must at least give.
MAX_HEIGHT_SIGMA_M = 0.003


def locate_table(frame: RgbdImage, cell: Cell) -> TableView:
    """The table from the cell's tags if any is in view, else from the sensor's depth.

    Raises:
        PerceptionError: neither gives a trustworthy plane, or the frame's own depth contradicts the tags.
        CalibrationError: the tags contradict the cell file.
    """
    tags = detect_tags(frame.color, cell.tags)
    if not tags:
        demand_own_tags(frame.color, cell)
        return fit_table(frame)
    view = solve_table(tags, frame.intrinsics, cell)
    refuse_mirrored(frame)
    return replace(view, sensor_factor=sensor_factor(frame, view))


def solve_table(tags: tuple[SeenTag, ...], intrinsics: Intrinsics, cell: Cell) -> TableView:
    """The table from one or more detected tags: one PnP over all their corners.

    A contradicted cell is refused even where the other tags would outvote one: safety comes first.

    Raises:
        PerceptionError: fewer than two tags, or too badly placed to give the table's height.
        CalibrationError: a tag has another size or place than the cell file says.
    """
    if len(tags) < 2:
        raise PerceptionError(
            f"Two or more of the cell's tags ({', '.join(str(tag.id) for tag in cell.tags)}) must be in view, only tag "
            f"{tags[0].id} is: the rotation of one small tag cannot be trusted.",
            "Uncover the tags, light them evenly and clear what stands before them.",
        )
    T_camera_world, residual_px = solve_pose(tags, intrinsics, cell)
    contradictions = contradictions_of(tags, T_camera_world, intrinsics, cell)
    if contradictions or residual_px > SUSPICIOUS_PX:
        cause = one_cause(tags, intrinsics, cell, residual_px)
        if cause is not None:
            raise cause
    if contradictions or residual_px > MAX_RESIDUAL_PX:
        raise _contradiction(tags, contradictions, residual_px, intrinsics, cell)
    sigma_m = _height_sigma(tags, T_camera_world, intrinsics, cell)
    if sigma_m > MAX_HEIGHT_SIGMA_M:
        raise PerceptionError(
            f"The tags in view ({', '.join(str(tag.id) for tag in tags)}) give the table's height only to "
            f"{1000 * sigma_m:.0f} mm (at most {1000 * MAX_HEIGHT_SIGMA_M:.0f} mm is accepted).",
            "Uncover more tags, nearer to and farther from the camera.",
        )
    return TableView("tags", plane_of(T_camera_world), T_camera_world, tags, residual_px, 0.0)


def _contradiction(
    tags: tuple[SeenTag, ...], contradictions: dict[int, str], residual_px: float, intrinsics: Intrinsics, cell: Cell
) -> CalibrationError:
    """Names the one tag without which the others agree best, else that one beside prints that are all of another
    size, else those that moved where most lie still for a camera that stands where the cell has it, else all that
    disagree."""
    remedy = "Measure the black square and its place, mend `tags` in the cell file or lay the right print."
    culprits = []
    for tag in tags if len(tags) > 2 else ():
        others = tuple(t for t in tags if t is not tag)
        T, rest_px = solve_pose(others, intrinsics, cell)
        own = contradictions_of((tag,), T, intrinsics, cell)
        if own and rest_px <= MAX_RESIDUAL_PX and not contradictions_of(others, T, intrinsics, cell):
            culprits.append((rest_px, f"Tag {tag.id} {own[tag.id]} (measured by the other tags)."))
    if culprits:
        return CalibrationError(min(culprits)[1], remedy)
    if cause := print_and_one_place(tags, intrinsics, cell):
        return cause
    seen_still = contradictions_of(tags, invert(cell.camera.T_world_camera), intrinsics, cell)
    if 0 < len(seen_still) < len(tags) / 2:
        contradictions = seen_still
    listed = "; ".join(f"tag {id_} {what}" for id_, what in contradictions.items()) or (
        f"their corners lie {residual_px:.1f} px from where the cell file has them, {MAX_RESIDUAL_PX:.1f} px accepted"
    )
    return CalibrationError(f"The tags contradict one another: {listed}.", remedy)


def _height_sigma(tags: tuple[SeenTag, ...], T_camera_world: Matrix, intrinsics: Intrinsics, cell: Cell) -> float:
    """Worst standard deviation [m] of the plane's depth along the rays to the workspace's corners."""
    import cv2

    rvec = Rotation.from_matrix(T_camera_world[:3, :3]).as_rotvec()
    tvec = T_camera_world[:3, 3]
    jacobian = cv2.projectPoints(world_corners(tags, cell), rvec, tvec, intrinsics.matrix, None)[1][:, :6]
    covariance = CORNER_SIGMA_PX**2 * np.linalg.pinv(jacobian.T @ jacobian)
    x_m, y_m = cell.workspace.objects_x_m, cell.workspace.objects_y_m
    rays = apply(T_camera_world, np.array([[x, y, 0.0] for x in x_m for y in y_m]))

    def heights(pose: NDArray[np.float64]) -> NDArray[np.float64]:
        return plane_of(transform(Rotation.from_rotvec(pose[:3]).as_matrix(), pose[3:])).height(rays)

    pose, step = np.concatenate([rvec, tvec]), 1e-6
    gradient = np.stack([(heights(pose + step * e) - heights(pose - step * e)) / (2 * step) for e in np.eye(6)], 1)
    return float(np.sqrt(np.einsum("ni,ij,nj->n", gradient, covariance, gradient).max()))
