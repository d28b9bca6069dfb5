"""Exact rays through the cell's parts: ground truth, and what the stereo's projector lights."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from core.image import Intrinsics
from core.transforms import Matrix
from hardware.simulation.scene.scene import ScenePart


@dataclass(frozen=True)
class Truth:
    """The first surface in every pixel, glass and mirrors included.

    depth_m (H, W) float32 along the optical axis, NaN where nothing is hit; normals (H, W, 3) float32
    unit shading normals in the camera frame, facing it; instance_ids (H, W) int32, 0 for all but tableware.
    """

    depth_m: NDArray[np.float32]
    normals: NDArray[np.float32]
    instance_ids: NDArray[np.int32]


@dataclass(frozen=True)
class Hits:
    """First intersections of N rays. part is -1 for a miss; normals are the unit shading normals."""

    distance_m: NDArray[np.float32]
    part: NDArray[np.int32]
    normals: NDArray[np.float32]
    uv: NDArray[np.float32]


class RayCaster:
    """Casts rays against the parts of a scene."""

    def __init__(self, parts: Sequence[ScenePart]) -> None:
        self.parts = tuple(parts)
        self._scene = o3d.t.geometry.RaycastingScene()
        counts = []
        for part in self.parts:
            corners = part.triangles.corners_m
            faces = np.arange(3 * len(corners), dtype=np.uint32).reshape(-1, 3)
            self._scene.add_triangles(tensor(corners.reshape(-1, 3)), tensor(faces))
            counts.append(len(corners))
        self._first_face = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        self._normals = np.concatenate([p.triangles.normals for p in self.parts])
        self._uv = np.concatenate([p.triangles.uv for p in self.parts])

    def cast(self, origins: NDArray, directions: NDArray) -> Hits:
        """First hits of rays (N, 3), (N, 3); distances in units of the direction's length."""
        result = self._scene.cast_rays(_rays(origins, directions))
        distance = result["t_hit"].numpy()
        part = result["geometry_ids"].numpy().astype(np.int32)
        missed = ~np.isfinite(distance)
        part[missed] = -1
        face = np.where(missed, 0, self._first_face[part] + result["primitive_ids"].numpy())
        b = result["primitive_uvs"].numpy()
        weights = np.stack([1 - b[:, 0] - b[:, 1], b[:, 0], b[:, 1]], 1)
        normals = np.einsum("nc,nci->ni", weights, self._normals[face])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        return Hits(distance, part, normals, np.einsum("nc,nci->ni", weights, self._uv[face]))

    def occluded(self, origin: NDArray, reach: NDArray, margin: float) -> NDArray[np.bool_]:
        """Whether something stands between a point and each of `origin + reach` (N, 3), the last share excepted."""
        return self._scene.test_occlusions(_rays(origin, reach), tnear=0.0, tfar=1.0 - margin).numpy()

    def depth_and_part(
        self, intrinsics: Intrinsics, T_world_camera: Matrix
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """The truth's depth (H, W) alone, and each pixel's part as `Hits` has it, in half the truth's time."""
        R = T_world_camera[:3, :3].astype(np.float32)
        directions = intrinsics.rays().reshape(-1, 3) @ R.T
        result = self._scene.cast_rays(_rays(T_world_camera[:3, 3], directions))
        # Copied: an array of Open3D's that outlives the process's end makes it end with 1.
        depth_m, part = result["t_hit"].numpy().copy(), result["geometry_ids"].numpy().astype(np.int32)
        missed = ~np.isfinite(depth_m)
        depth_m[missed], part[missed] = np.nan, -1
        shape = (intrinsics.height, intrinsics.width)
        return depth_m.reshape(shape), part.reshape(shape)

    def truth(self, intrinsics: Intrinsics, T_world_camera: Matrix) -> Truth:
        """What a perfect sensor would see: one ray through each pixel's centre."""
        rays = intrinsics.rays().reshape(-1, 3)
        R = T_world_camera[:3, :3].astype(np.float32)
        hits = self.cast(T_world_camera[:3, 3], rays @ R.T)
        seen = hits.part >= 0
        depth = np.where(seen, hits.distance_m, np.nan).astype(np.float32)
        normals = hits.normals @ R
        normals *= -np.sign(np.einsum("ni,ni->n", normals, rays))[:, None]
        ids = np.where(seen, np.array([p.instance_id for p in self.parts])[hits.part], 0)
        shape = (intrinsics.height, intrinsics.width)
        return Truth(
            depth.reshape(shape), normals.reshape(*shape, 3).astype(np.float32), ids.reshape(shape).astype(np.int32)
        )


def tensor(array: NDArray) -> o3d.core.Tensor:
    """As Open3D takes it."""
    return o3d.core.Tensor.from_numpy(np.ascontiguousarray(array))


def _rays(origins: NDArray, directions: NDArray) -> o3d.core.Tensor:
    """(N, 6) From one origin (3,) or from each of (N, 3)."""
    rays = np.empty((len(directions), 6), np.float32)
    rays[:, :3], rays[:, 3:] = origins, directions
    return tensor(rays)
