"""The table's pose from tags: one PnP over all their corners, and what each of them says against it."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.cell import Cell
from core.image import Intrinsics
from core.transforms import Matrix, apply, invert, transform
from perception.depth_types import Plane, SeenTag
from perception.table.camera_shift import ways_in_picture
from perception.table.tags import tag_corners_m

#: A tag's side, measured by the joint solution, may differ from the cell file by this share.
SIZE_TOLERANCE = 0.05
#: A tag's centre may lie this far from where the cell file says: a careful person's ruler.
POSITION_TOLERANCE_M = 0.006


def world_corners(tags: tuple[SeenTag, ...], cell: Cell) -> NDArray[np.float64]:
    T_world_tags = {tag.id: tag.T_world_tag for tag in cell.tags}
    return np.concatenate([apply(T_world_tags[tag.id], tag_corners_m(tag.size_m)) for tag in tags])


def solve_pose(tags: tuple[SeenTag, ...], intrinsics: Intrinsics, cell: Cell) -> tuple[Matrix, float]:
    """T_camera_world by closed form for coplanar points (IPPE), then Levenberg-Marquardt; mean reprojection error."""
    import cv2

    world, pixels = world_corners(tags, cell), np.concatenate([tag.corners_px for tag in tags])
    K = intrinsics.matrix
    _, rvecs, tvecs, _ = cv2.solvePnPGeneric(world, pixels, K, None, flags=cv2.SOLVEPNP_IPPE)
    poses = [cv2.solvePnPRefineLM(world, pixels, K, None, r, t) for r, t in zip(rvecs, tvecs, strict=True)]
    candidates = [transform(Rotation.from_rotvec(np.ravel(r)).as_matrix(), np.ravel(t)) for r, t in poses]
    errors_px = [intrinsics.project(apply(T, world)) - pixels for T in candidates]
    best = int(np.argmin([np.abs(error_px).sum() for error_px in errors_px]))
    return candidates[best], float(np.linalg.norm(errors_px[best], axis=1).mean())


def plane_of(T_camera_world: Matrix) -> Plane:
    normal = T_camera_world[:3, 2].copy()
    return Plane(normal, float(normal @ T_camera_world[:3, 3]))


def contradictions_of(
    tags: tuple[SeenTag, ...], T_camera_world: Matrix, intrinsics: Intrinsics, cell: Cell
) -> dict[int, str]:
    """Per tag that contradicts the cell file, in what it does: by where the rays through its corners meet the table."""
    contradictions, plane = {}, plane_of(T_camera_world)
    for tag in tags:
        rays = np.column_stack([tag.corners_px, np.ones(4)]) @ np.linalg.inv(intrinsics.matrix).T
        points_camera = rays * (plane.offset_m / (rays @ plane.normal))[:, None]
        corners = apply(invert(T_camera_world), points_camera)[:, :2]
        nominal = world_corners((tag,), cell)[:, :2]
        side_m = float(np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1).mean())
        moved_m = corners.mean(axis=0) - nominal.mean(axis=0)
        off_m = float(np.linalg.norm(moved_m))
        if abs(side_m / tag.size_m - 1) > SIZE_TOLERANCE:
            contradictions[tag.id] = f"measures {1000 * side_m:.0f} mm, the cell file says {1000 * tag.size_m:.0f} mm"
        elif off_m > POSITION_TOLERANCE_M:
            way = ways_in_picture(moved_m, T_camera_world)
            contradictions[tag.id] = f"lies {1000 * off_m:.0f} mm from where the cell file has it{way}"
        elif np.linalg.norm(corners - nominal, axis=1).max() > tag.size_m / 4:
            contradictions[tag.id] = "is turned against the cell file"
    return contradictions
