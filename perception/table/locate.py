"""Where the table is in the camera: solved from the cell's tags, or fitted to the sensor's depth."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.cell import Cell
from core.errors import CalibrationError, PerceptionError
from core.image import Intrinsics, RgbdImage
from core.transforms import Matrix, apply, invert, rotation_angle, transform
from perception.depth_types import Plane, SeenTag, TableView
from perception.table.metric_factor import sensor_factor
from perception.table.plane import fit_table
from perception.table.tags import detect_tags, tag_corners_m

#: A tag's side, measured by the joint solution, may differ from the cell file by this share.
SIZE_TOLERANCE = 0.05
#: A tag's centre may lie this far from where the cell file says: a careful person's ruler.
POSITION_TOLERANCE_M = 0.006
#: Mean reprojection error accepted. Noise alone gives 0.15 px; six tags of which one lies 6 mm off give
#: 0.8 px, and already tilt the table by 4 mm at its far edge.
MAX_RESIDUAL_PX = 1.0
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
        return fit_table(frame)
    view = solve_table(tags, frame.intrinsics, cell)
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
    T_camera_world, residual_px = _solve(tags, intrinsics, cell)
    contradictions = _contradictions(tags, T_camera_world, intrinsics, cell)
    if contradictions or residual_px > MAX_RESIDUAL_PX:
        raise _contradiction(tags, contradictions, residual_px, intrinsics, cell)
    sigma_m = _height_sigma(tags, T_camera_world, intrinsics, cell)
    if sigma_m > MAX_HEIGHT_SIGMA_M:
        raise PerceptionError(
            f"The tags in view ({', '.join(str(tag.id) for tag in tags)}) give the table's height only to "
            f"{1000 * sigma_m:.0f} mm (at most {1000 * MAX_HEIGHT_SIGMA_M:.0f} mm is accepted).",
            "Uncover more tags, nearer to and farther from the camera.",
        )
    return TableView("tags", _plane(T_camera_world), T_camera_world, tags, residual_px, 0.0)


def camera_shift(view: TableView, cell: Cell) -> tuple[float, float]:
    """How far the camera is from where the cell file has it: (metres, radians)."""
    T_world_camera, T_nominal = invert(view.T_camera_world), cell.camera.T_world_camera
    shift_m = float(np.linalg.norm(T_world_camera[:3, 3] - T_nominal[:3, 3]))
    return shift_m, rotation_angle(T_world_camera[:3, :3], T_nominal[:3, :3])


def _world_corners(tags: tuple[SeenTag, ...], cell: Cell) -> NDArray[np.float64]:
    T_world_tags = {tag.id: tag.T_world_tag for tag in cell.tags}
    return np.concatenate([apply(T_world_tags[tag.id], tag_corners_m(tag.size_m)) for tag in tags])


def _solve(tags: tuple[SeenTag, ...], intrinsics: Intrinsics, cell: Cell) -> tuple[Matrix, float]:
    """T_camera_world by closed form for coplanar points (IPPE), then Levenberg-Marquardt; mean reprojection error."""
    import cv2

    world, pixels = _world_corners(tags, cell), np.concatenate([tag.corners_px for tag in tags])
    K = intrinsics.matrix
    _, rvecs, tvecs, _ = cv2.solvePnPGeneric(world, pixels, K, None, flags=cv2.SOLVEPNP_IPPE)
    poses = [cv2.solvePnPRefineLM(world, pixels, K, None, r, t) for r, t in zip(rvecs, tvecs, strict=True)]
    candidates = [transform(Rotation.from_rotvec(np.ravel(r)).as_matrix(), np.ravel(t)) for r, t in poses]
    errors_px = [intrinsics.project(apply(T, world)) - pixels for T in candidates]
    best = int(np.argmin([np.abs(error_px).sum() for error_px in errors_px]))
    return candidates[best], float(np.linalg.norm(errors_px[best], axis=1).mean())


def _plane(T_camera_world: Matrix) -> Plane:
    normal = T_camera_world[:3, 2].copy()
    return Plane(normal, float(normal @ T_camera_world[:3, 3]))


def _contradictions(
    tags: tuple[SeenTag, ...], T_camera_world: Matrix, intrinsics: Intrinsics, cell: Cell
) -> dict[int, str]:
    """Per tag that contradicts the cell file, in what it does: by where the rays through its corners meet the table."""
    contradictions, plane = {}, _plane(T_camera_world)
    for tag in tags:
        rays = np.column_stack([tag.corners_px, np.ones(4)]) @ np.linalg.inv(intrinsics.matrix).T
        points_camera = rays * (plane.offset_m / (rays @ plane.normal))[:, None]
        corners = apply(invert(T_camera_world), points_camera)[:, :2]
        nominal = _world_corners((tag,), cell)[:, :2]
        side_m = float(np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1).mean())
        off_m = float(np.linalg.norm(corners.mean(axis=0) - nominal.mean(axis=0)))
        if abs(side_m / tag.size_m - 1) > SIZE_TOLERANCE:
            contradictions[tag.id] = f"measures {1000 * side_m:.0f} mm, the cell file says {1000 * tag.size_m:.0f} mm"
        elif off_m > POSITION_TOLERANCE_M:
            contradictions[tag.id] = f"lies {1000 * off_m:.0f} mm from where the cell file has it"
        elif np.linalg.norm(corners - nominal, axis=1).max() > tag.size_m / 4:
            contradictions[tag.id] = "is turned against the cell file"
    return contradictions


def _contradiction(
    tags: tuple[SeenTag, ...], contradictions: dict[int, str], residual_px: float, intrinsics: Intrinsics, cell: Cell
) -> CalibrationError:
    """Names the one tag without which the others agree best, or all that disagree."""
    remedy = "Measure the black square and its place, mend `tags` in the cell file or lay the right print."
    culprits = []
    for tag in tags if len(tags) > 2 else ():
        others = tuple(t for t in tags if t is not tag)
        T, rest_px = _solve(others, intrinsics, cell)
        own = _contradictions((tag,), T, intrinsics, cell)
        if own and rest_px <= MAX_RESIDUAL_PX and not _contradictions(others, T, intrinsics, cell):
            culprits.append((rest_px, f"Tag {tag.id} {own[tag.id]} (measured by the other tags)."))
    if culprits:
        return CalibrationError(min(culprits)[1], remedy)
    listed = "; ".join(f"tag {id_} {what}" for id_, what in contradictions.items()) or (
        f"their corners lie {residual_px:.1f} px from where the cell file has them, {MAX_RESIDUAL_PX:.1f} px accepted"
    )
    return CalibrationError(f"The tags contradict one another: {listed}.", remedy)


def _height_sigma(tags: tuple[SeenTag, ...], T_camera_world: Matrix, intrinsics: Intrinsics, cell: Cell) -> float:
    """Worst standard deviation [m] of the plane's depth along the rays to the workspace's corners."""
    import cv2

    rvec = Rotation.from_matrix(T_camera_world[:3, :3]).as_rotvec()
    tvec = T_camera_world[:3, 3]
    jacobian = cv2.projectPoints(_world_corners(tags, cell), rvec, tvec, intrinsics.matrix, None)[1][:, :6]
    covariance = CORNER_SIGMA_PX**2 * np.linalg.pinv(jacobian.T @ jacobian)
    x_m, y_m = cell.workspace.objects_x_m, cell.workspace.objects_y_m
    rays = apply(T_camera_world, np.array([[x, y, 0.0] for x in x_m for y in y_m]))

    def heights(pose: NDArray[np.float64]) -> NDArray[np.float64]:
        return _plane(transform(Rotation.from_rotvec(pose[:3]).as_matrix(), pose[3:])).height(rays)

    pose, step = np.concatenate([rvec, tvec]), 1e-6
    gradient = np.stack([(heights(pose + step * e) - heights(pose - step * e)) / (2 * step) for e in np.eye(6)], 1)
    return float(np.sqrt(np.einsum("ni,ij,nj->n", gradient, covariance, gradient).max()))
