"""Whether a grasp would hold, judged against the true shapes without physics: collisions, enclosure, force closure."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from core.transforms import Matrix, apply, invert
from grasping.detection.gripper import PAD_LENGTH_M, PARTS, PRE_OPEN_MARGINS_M, TIP, lowest_corner, pre_opening

#: Coulomb friction of the pads.
FRICTION = 0.5
#: Nothing true within this of the space between the pads: the grasp is at nothing [m].
PHANTOM_M = 0.010
#: The gripper comes straight from so far back [m].
APPROACH_M = 0.100
#: The gripper's boxes are this much smaller: what they touch lightly gives way, or moves aside [m].
TOUCH_M = 0.0015
#: Points a square metre of surface that collisions are looked for with: one every 2 mm or so.
_POINTS_PER_M2 = 300_000
#: Rays between the pads, across and along them, and the least that must meet the object from each side.
_ACROSS, _ALONG, _LEAST_RAYS = 7, 13, 5
#: The pads close until they touch; what lies no deeper than this behind the first point touches too [m].
_PATCH_M = 0.0015


class Cause(StrEnum):
    """What came of the proposed grasps; all but `VALID` are failures.

    MISSED: no grasp, where something stands. REFUSED: none, but for the estimator's own doubt. REACH: none that an
    arm reaches. PHANTOM: at nothing. COLLISION: fingers, palm or wrist meet an object or the table. OUTSIDE: no
    object between the pads. SLIP: what is between them is not held by friction.
    """

    VALID = "valid"
    MISSED = "missed"
    REFUSED = "refused"
    REACH = "reach"
    PHANTOM = "phantom"
    COLLISION = "collision"
    OUTSIDE = "outside"
    SLIP = "slip"


class TrueShapes:
    """The objects on a table as closed triangles in its frame, z up from the table's top."""

    def __init__(self, objects_m: Sequence[NDArray[np.floating]]) -> None:
        """objects_m: the corners (F, 3, 3) [m] of each object's triangles, one object or more."""
        self._scene = o3d.t.geometry.RaycastingScene()
        rng = np.random.default_rng(0)
        points = []
        for corners in objects_m:
            vertices = np.asarray(corners.reshape(-1, 3), np.float32)
            faces = np.arange(len(vertices), dtype=np.uint32).reshape(-1, 3)
            self._scene.add_triangles(_tensor(vertices), _tensor(faces))
            points.append(_surface_points(np.asarray(corners, float), rng))
        self.points_m: NDArray[np.float64] = np.concatenate(points)

    def judge(self, T_table_tcp: Matrix, width_m: float, stroke_m: float) -> Cause:
        """One grasp: its tool (4, 4) in the table's frame, closing on something so wide; the gripper opens so far.

        The tool: z approach, y closing, x = y cross z, its origin between the fingertips.
        """
        local = apply(invert(T_table_tcp), self.points_m)
        if not _near_box(local, np.array([TIP.half_x_m, width_m / 2, PAD_LENGTH_M / 2]), PHANTOM_M):
            return Cause.PHANTOM
        # As the planner opens the fingers: as wide as there is room for.
        openings_m = [float(pre_opening(np.array(width_m), stroke_m, margin_m)) for margin_m in PRE_OPEN_MARGINS_M]
        free_m = [m for m in openings_m if not _meets_table(T_table_tcp, m) and not _meets(local, m)]
        if not free_m:
            return Cause.COLLISION
        opening_m = free_m[0]
        contacts = self._contacts(T_table_tcp, opening_m)
        if contacts is None:
            return Cause.OUTSIDE
        return Cause.VALID if _closes_by_force(*contacts) else Cause.SLIP

    def depth(self, rays: NDArray, T_table_camera: Matrix) -> NDArray[np.float32]:
        """Depth (H, W) [m] of the objects alone along camera rays (H, W, 3; z = 1), NaN beside them."""
        directions = rays @ T_table_camera[:3, :3].T
        distance = self._cast(np.broadcast_to(T_table_camera[:3, 3], rays.shape), directions)[0]
        return np.where(np.isfinite(distance), distance, np.nan).astype(np.float32)

    def _contacts(self, T_table_tcp: Matrix, opening_m: float) -> tuple[NDArray, NDArray] | None:
        """Where the pads first touch (2, 3) and the outward normals there (2, 3), in the tool's frame; None: nowhere,
        or not the same object."""
        across = np.linspace(-TIP.half_x_m, TIP.half_x_m, _ACROSS)
        along = np.linspace(-PAD_LENGTH_M, 0.0, _ALONG)
        x, z = (grid.ravel() for grid in np.meshgrid(across, along))
        R, points, normals, touched = T_table_tcp[:3, :3], [], [], []
        for side in (1.0, -1.0):
            starts = np.column_stack([x, np.full_like(x, side * opening_m / 2), z])
            inwards = np.broadcast_to(R @ [0.0, -side, 0.0], starts.shape)
            distance, normal, object_id = self._cast(apply(T_table_tcp, starts), inwards)
            hit = distance < opening_m
            if hit.sum() < _LEAST_RAYS:
                return None
            patch = hit & (distance <= distance[hit].min() + _PATCH_M)
            points.append(np.mean(starts[patch] - side * distance[patch, None] * [0.0, 1.0, 0.0], axis=0))
            # Turned towards the pad: a mesh's winding is not relied on.
            facing = (normal @ R)[patch]
            facing *= np.where(facing[:, 1:2] * side < 0, -1.0, 1.0)
            normals.append(facing.mean(axis=0))
            touched.append(set(object_id[patch].tolist()))
        return (np.array(points), np.array(normals)) if touched[0] & touched[1] else None

    def _cast(self, origins: NDArray, directions: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Distance (...), normal (..., 3) and object (...) of first hits."""
        rays = np.concatenate([origins, directions], axis=-1, dtype=np.float32)
        hits = self._scene.cast_rays(_tensor(rays))
        return hits["t_hit"].numpy(), hits["primitive_normals"].numpy(), hits["geometry_ids"].numpy()


def _tensor(array: NDArray) -> o3d.core.Tensor:
    return o3d.core.Tensor.from_numpy(np.ascontiguousarray(array))


def _surface_points(corners_m: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Points (N, 3) drawn evenly on triangles (F, 3, 3)."""
    edges = corners_m[:, 1:] - corners_m[:, :1]
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1) / 2
    face = rng.choice(len(area), max(1, round(_POINTS_PER_M2 * area.sum())), p=area / area.sum())
    a, b = rng.random((2, len(face), 1))
    folded = a + b > 1
    a, b = np.where(folded, 1 - a, a), np.where(folded, 1 - b, b)
    return corners_m[face, 0] + a * edges[face, 0] + b * edges[face, 1]


def _near_box(local_m: NDArray, half_m: NDArray, reach_m: float) -> bool:
    """Whether points (N, 3) come within a distance of the pads' box, which ends at the fingertips."""
    center_m = np.array([0.0, 0.0, -half_m[2]])
    outside = np.maximum(np.abs(local_m - center_m) - half_m, 0.0)
    return bool(((outside**2).sum(axis=1) < reach_m**2).any())


def _meets_table(T_table_tcp: Matrix, opening_m: float) -> bool:
    return bool(T_table_tcp[2, 3] < lowest_corner(T_table_tcp[None, :3, :3], np.array([opening_m]))[0] - TOUCH_M)


def _meets(local_m: NDArray, opening_m: float) -> bool:
    """Whether points (N, 3) in the tool's frame lie in what the open gripper sweeps on its straight way in."""
    x, y, behind = np.abs(local_m[:, 0]), np.abs(local_m[:, 1]), -local_m[:, 2]
    for part in PARTS:
        # The side that faces the object stays where it is: the opening leaves it room already.
        inner, outer = part.y_inner_m, part.y_outer_m - TOUCH_M
        if part.moves:
            inner, outer = inner + opening_m / 2, outer + opening_m / 2
        level = (behind > part.z_start_m + TOUCH_M) & (behind < part.z_end_m + APPROACH_M)
        if (level & (x < part.half_x_m - TOUCH_M) & (y >= inner) & (y < outer)).any():
            return True
    return False


def _closes_by_force(points_m: NDArray, normals: NDArray) -> bool:
    """Two contacts hold by friction where the line between them lies in both cones (Nguyen 1988)."""
    line = points_m[0] - points_m[1]
    length = np.linalg.norm(line)
    if length < 1e-6:
        return False
    along = normals @ (line / length) * [1.0, -1.0]
    return bool((along >= np.linalg.norm(normals, axis=1) * np.cos(np.arctan(FRICTION))).all())
