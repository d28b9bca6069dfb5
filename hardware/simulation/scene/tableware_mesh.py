"""Closed triangle meshes of tableware: lathes, sweeps and rounded boxes, and what they weigh.

Every mesh is watertight with outward winding, and has support loops beside its sharp edges, so that
normals interpolated over the vertices shade flat parts flat (without them a rim draws as a fat black
band in glass).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hardware.simulation.scene.scene import Mesh

Points = NDArray[np.float64]
SEGMENTS = 64


def lathe(profile_rz_m: ArrayLike, segments: int = SEGMENTS) -> Mesh:
    """Revolves a profile (N, 2) of (radius, z) about z.

    The profile starts and ends on the axis and runs counterclockwise around the material as seen
    with r to the right and z up: out along the bottom, up the outside, back to the axis.
    """
    rz = np.asarray(profile_rz_m, float)
    angles = np.linspace(0.0, 2 * np.pi, segments, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], 1)
    rings = rz[1:-1]
    walls = np.concatenate(
        [rings[:, None, :1] * circle, np.broadcast_to(rings[:, None, 1:], (len(rings), segments, 1))], 2
    )
    poles = np.array([[0.0, 0.0, rz[0, 1]], [0.0, 0.0, rz[-1, 1]]])
    return tube(walls, poles[0], poles[1])


def sweep(path_xz_m: ArrayLike, sections_m: NDArray) -> Mesh:
    """Sweeps closed sections along a path in the xz plane, closing both ends.

    path (N, 2) of (x, z); sections (N, K, 2) of (sideways along y, along the path's normal).
    """
    path = np.asarray(path_xz_m, float)
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.stack([-tangent[:, 1], np.zeros(len(path)), tangent[:, 0]], 1)
    centers = np.stack([path[:, 0], np.zeros(len(path)), path[:, 1]], 1)
    sideways = np.array([0.0, 1.0, 0.0])
    rings = centers[:, None] + sections_m[..., :1] * sideways + sections_m[..., 1:] * normal[:, None]
    return tube(rings, rings[0].mean(0), rings[-1].mean(0))


def tube(rings: Points, start: Points, end: Points) -> Mesh:
    """Joins rings (N, K, 3) into a tube closed by a fan to one vertex at each end."""
    count, around = rings.shape[:2]
    index = np.arange(count * around).reshape(count, around)
    here, there = index, np.roll(index, -1, axis=1)
    a, b, c, d = here[:-1], there[:-1], there[1:], here[1:]
    first, last = count * around, count * around + 1
    faces = [
        np.stack([a, b, c], -1).reshape(-1, 3),
        np.stack([a, c, d], -1).reshape(-1, 3),
        np.stack([np.full(around, first), there[0], here[0]], -1),
        np.stack([np.full(around, last), here[-1], there[-1]], -1),
    ]
    vertices = np.concatenate([rings.reshape(-1, 3), start[None], end[None]])
    return Mesh(vertices.astype(np.float32), np.concatenate(faces).astype(np.int32))


def rounded_box(half_m: ArrayLike, radius_m: float, steps: int = 4) -> Mesh:
    """A box centred on the origin with half sizes (3,) and edges rounded to a radius [m]."""
    half = np.asarray(half_m, float)
    core = half - radius_m
    arc = radius_m * np.tan(np.linspace(0.0, np.pi / 4, steps + 1)[1:])
    positive = [np.concatenate([[c - 2 * radius_m, c], c + arc]) for c in core]
    axes = [np.concatenate([-p[::-1], p]) for p in positive]
    vertices, faces = _cube_surface(axes)
    inner = np.clip(vertices, -core, core)
    outward = vertices - inner
    vertices = inner + radius_m * outward / np.linalg.norm(outward, axis=1, keepdims=True)
    return Mesh(vertices.astype(np.float32), faces)


def _cube_surface(axes: list[Points]) -> tuple[Points, NDArray[np.int32]]:
    """The surface of the grid spanned by three coordinate lists of equal length, vertices shared."""
    n = len(axes[0])
    number: dict[tuple[int, int, int], int] = {}
    faces: list[tuple[int, int, int]] = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for side in (0, n - 1):
            for i in range(n - 1):
                for j in range(n - 1):
                    quad = []
                    for di, dj in ((0, 0), (1, 0), (1, 1), (0, 1)):
                        key = [0, 0, 0]
                        key[axis], key[u], key[v] = side, i + di, j + dj
                        quad.append(number.setdefault((key[0], key[1], key[2]), len(number)))
                    if side == 0:
                        quad.reverse()
                    faces += [(quad[0], quad[1], quad[2]), (quad[0], quad[2], quad[3])]
    vertices = np.array([[axes[k][key[k]] for k in range(3)] for key in number])
    return vertices, np.array(faces, np.int32)


def moved(mesh: Mesh, offset_m: ArrayLike) -> Mesh:
    """The mesh shifted by an offset (3,) [m]."""
    return Mesh((mesh.vertices_m + np.asarray(offset_m)).astype(np.float32), mesh.faces)


def merged(*meshes: Mesh) -> Mesh:
    """Several closed meshes as one; they may overlap, as a mug's handle does its wall."""
    starts = np.cumsum([0] + [len(mesh.vertices_m) for mesh in meshes[:-1]])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]
    return Mesh(np.concatenate([mesh.vertices_m for mesh in meshes]), np.concatenate(faces).astype(np.int32))


def fillet(profile_rz_m: ArrayLike, radius_m: float, steps: int = 4) -> Points:
    """Rounds the corners (over 25 degrees) of an open polyline (N, 2), with a support point each side."""
    points = np.asarray(profile_rz_m, float)
    out = [points[:1]]
    for before, corner, after in zip(points[:-2], points[1:-1], points[2:], strict=True):
        inward, outward = before - corner, after - corner
        length_in, length_out = np.linalg.norm(inward), np.linalg.norm(outward)
        if -inward @ outward > np.cos(np.radians(25.0)) * length_in * length_out:
            out.append(corner[None])
            continue
        reach = float(np.min([radius_m, 0.3 * length_in, 0.3 * length_out]))
        start, end = corner + reach * inward / length_in, corner + reach * outward / length_out
        t = np.linspace(0.0, 1.0, steps + 1)[:, None]
        curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end
        support = 0.5 * reach
        out += [(start + support * inward / length_in)[None], curve, (end + support * outward / length_out)[None]]
    return np.concatenate([*out, points[-1:]])


def mass_properties(mesh: Mesh) -> tuple[float, Points, Points]:
    """Volume [m³], centre (3,) [m] and inertia (3, 3) [m⁵] about it of a closed mesh of density 1.

    Sums signed tetrahedra to the origin; their second moment is the one of Blow & Binstock (2004),
    'How to find the inertia tensor of any solid body'.
    """
    corners = mesh.vertices_m.astype(float)[mesh.faces]
    volumes = (corners[:, 0] * np.cross(corners[:, 1], corners[:, 2])).sum(1) / 6.0
    volume = float(volumes.sum())
    sums = corners.sum(1)
    center = volumes @ sums / (4.0 * volume)
    each, weights = corners.reshape(-1, 3), np.repeat(volumes, 3)[:, None]
    outer = (each * weights).T @ each + (sums * volumes[:, None]).T @ sums
    second = outer / 20.0 - volume * np.outer(center, center)
    return volume, center, np.trace(second) * np.eye(3) - second
