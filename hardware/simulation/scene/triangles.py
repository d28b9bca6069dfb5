"""Triangles with shading normals: what both the path tracer and the ray caster are built from."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.transforms import Matrix, apply
from hardware.simulation.scene.meshes import Primitive

#: Edges sharper than this stay sharp; gentler ones are shaded smoothly.
CREASE_RAD = np.radians(35.0)


@dataclass(frozen=True)
class Triangles:
    """corners_m (F, 3, 3), unit shading normals (F, 3, 3) and texture coordinates uv (F, 3, 2), per face corner."""

    corners_m: NDArray[np.float32]
    normals: NDArray[np.float32]
    uv: NDArray[np.float32]

    def at(self, T_a_b: Matrix) -> "Triangles":
        """The same triangles of frame b in frame a (rigid transform)."""
        normals = self.normals @ T_a_b[:3, :3].T.astype(np.float32)
        return Triangles(apply(T_a_b, self.corners_m).astype(np.float32), normals, self.uv)


def join_triangles(parts: list[Triangles]) -> Triangles:
    """All triangles of several meshes as one."""
    return Triangles(
        np.concatenate([p.corners_m for p in parts]),
        np.concatenate([p.normals for p in parts]),
        np.concatenate([p.uv for p in parts]),
    )


def smooth(vertices_m: NDArray, faces: NDArray) -> Triangles:
    """Shades an indexed mesh (V, 3), (F, 3): each face corner averages, by area, the neighbours within the crease."""
    corners = np.asarray(vertices_m, np.float64)[faces]
    area_normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    unit = area_normal / np.maximum(np.linalg.norm(area_normal, axis=1, keepdims=True), 1e-20)
    # Pairs of a face corner and a face that shares its vertex, each corner's own face included.
    vertex = np.asarray(faces).ravel()
    count = np.bincount(vertex)
    valence = count[vertex]
    corner = np.repeat(np.arange(len(vertex)), valence)
    step = np.arange(len(corner)) - np.repeat(np.cumsum(valence) - valence, valence)
    face = np.argsort(vertex, kind="stable")[np.repeat((np.cumsum(count) - count)[vertex], valence) + step] // 3
    near = np.einsum("ij,ij->i", unit[corner // 3], unit[face]) > np.cos(CREASE_RAD)
    corner, face = corner[near], face[near]
    normals = np.stack([np.bincount(corner, area_normal[face, i], 3 * len(faces)) for i in range(3)], axis=1)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(length > 1e-20, normals / np.maximum(length, 1e-20), np.repeat(unit, 3, axis=0))
    return Triangles(
        corners.astype(np.float32),
        normals.reshape(-1, 3, 3).astype(np.float32),
        np.zeros((len(faces), 3, 2), np.float32),
    )


def rectangle(size_m: tuple[float, float], uv_span: tuple[float, float] = (1.0, 1.0)) -> Triangles:
    """A rectangle in the plane z = 0, centred, facing +z; u runs along x, v along y."""
    x, y = size_m[0] / 2, size_m[1] / 2
    corners = np.array([[-x, -y, 0], [x, -y, 0], [x, y, 0], [-x, y, 0]], np.float32)
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * np.asarray(uv_span, np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    normals = np.tile(np.array([0, 0, 1], np.float32), (2, 3, 1))
    return Triangles(corners[faces], normals, uv[faces])


def box(half_m: ArrayLike, uv_per_m: float = 1.0) -> Triangles:
    """A box of the given half sizes, centred; every side is textured at `uv_per_m` repeats a metre, none mirrored."""
    half = np.asarray(half_m, float)
    sides = []
    for axis in range(3):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        for sign in (1.0, -1.0):
            corners = np.zeros((4, 3))
            corners[:, axis] = sign * half[axis]
            corners[:, a] = np.array([-1, 1, 1, -1]) * half[a] * sign
            corners[:, b] = np.array([-1, -1, 1, 1]) * half[b]
            sides.append((corners, corners[:, [a, b]] * [sign, 1] * uv_per_m, np.eye(3)[axis] * sign))
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    return Triangles(
        np.concatenate([c[faces] for c, _, _ in sides]).astype(np.float32),
        np.concatenate([np.broadcast_to(n, (2, 3, 3)) for _, _, n in sides]).astype(np.float32),
        np.concatenate([uv[faces] for _, uv, _ in sides]).astype(np.float32),
    )


def _revolve(profile_rz_m: NDArray, segments: int = 40) -> Triangles:
    """Turns a profile (P, 2) of radius and height, from bottom to top, about z; radius 0 closes an end."""
    angle = np.linspace(0.0, 2 * np.pi, segments, endpoint=False)
    r, z = np.asarray(profile_rz_m, float).T
    rings = np.stack([np.outer(r, np.cos(angle)), np.outer(r, np.sin(angle)), np.tile(z[:, None], segments)], -1)
    i, j = np.meshgrid(np.arange(len(r) - 1), np.arange(segments), indexing="ij")
    k = (j + 1) % segments
    a, b, c, d = i * segments + j, i * segments + k, (i + 1) * segments + k, (i + 1) * segments + j
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    corners = rings.reshape(-1, 3)[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    return smooth(rings.reshape(-1, 3), faces[area > 1e-14])


def primitive(shape: Primitive) -> Triangles:
    """A collision or robot primitive in its own frame, before `T_body_shape`.

    Raises:
        ValueError: an unknown kind.
    """
    return _solid(shape.kind, tuple(shape.size_m))


@lru_cache(maxsize=256)
def _solid(kind: str, size_m: tuple[float, ...]) -> Triangles:
    """Kept: an arm's are the same in every frame."""
    if kind == "box":
        return box(size_m)
    if kind == "cylinder":
        radius, half = size_m[:2]
        return _revolve(np.array([[0, -half], [radius, -half], [radius, half], [0, half]]))
    if kind in ("capsule", "sphere"):
        radius, half = size_m[0], size_m[1] if kind == "capsule" else 0.0
        quarter = np.linspace(0.0, np.pi / 2, 13)
        turn = np.concatenate([-quarter[::-1], quarter[1 if half == 0.0 else 0 :]])
        height = radius * np.sin(turn) + np.repeat([-half, half], [13, len(turn) - 13])
        return _revolve(np.column_stack([(radius * np.cos(turn)).clip(0), height]))
    raise ValueError(f"unknown primitive {kind!r}; known: box, capsule, cylinder, sphere")
