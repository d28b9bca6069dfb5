"""Closed triangle meshes: lathes of drawn profiles, sweeps and rounded boxes, what they weigh, the shapes made of them.

Every mesh is watertight with outward winding, and has support loops beside its sharp edges, so that
normals interpolated over the vertices shade flat parts flat (without them a rim draws as a fat black
band in glass).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

Points = NDArray[np.float64]
SEGMENTS = 64


@dataclass(frozen=True)
class Mesh:
    """A closed triangle mesh: vertices (V, 3) [m] float32, faces (F, 3) int32, outward winding."""

    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]


@dataclass(frozen=True)
class Primitive:
    """A collision or robot shape: half sizes for `box`, (radius, half height) for `cylinder` and
    `capsule` (axis z), (radius,) for `sphere`; T_body_shape places it on its body."""

    kind: str
    size_m: tuple[float, ...]
    T_body_shape: NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """A drawn geometry, of no material yet. family: what a person would sort it under, where it is not asked for.

    collision: what MuJoCo meets; parameters: sizes by name [m]; solidity: the part of the mesh's volume that is
    material, 1 for walls; metal_fill: the part of that which is left in metal, pressed from thinner sheet than drawn,
    or hollow; liquid and lid: in the same frame, where there are any.
    """

    mesh: Mesh
    collision: tuple[Primitive, ...] = ()
    parameters: dict[str, float] = field(default_factory=dict)
    solidity: float = 1.0
    metal_fill: float = 0.25
    family: str = ""
    liquid: Mesh | None = None
    lid: Mesh | None = None


def curve(knots_rz_m: ArrayLike, count: int = 28) -> Points:
    """A smooth outside profile (count, 2) of (radius, z) through knots of increasing z, without overshoot."""
    knots = np.asarray(knots_rz_m, float)
    z = np.linspace(knots[0, 1], knots[-1, 1], count)
    return np.stack([PchipInterpolator(knots[:, 1], knots[:, 0])(z), z], 1)


def inner_wall(outer_rz: Points, wall_m: float, floor_m: float) -> Points:
    """The inside of a wall: the outside curve moved inwards by its thickness, from the floor up."""
    along = np.gradient(outer_rz, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    inner = outer_rz + wall_m * np.stack([-along[:, 1], along[:, 0]], 1)
    inner = inner[(inner[:, 0] > 1e-3) & (inner[:, 1] > floor_m)]
    inner[-1, 1] = outer_rz[-1, 1]
    return inner


def vessel_profile(below: ArrayLike, outer_rz: Points, wall_m: float, floor_m: float, round_m: float) -> Points:
    """The closed outline of a vessel: `below` (from the axis to where the outside starts), out, rim, in.

    round_m rounds the foot's edge and the inside of the floor.
    """
    inner = inner_wall(outer_rz, wall_m, floor_m)[::-1]
    middle, half = (outer_rz[-1] + inner[0]) / 2, (outer_rz[-1, 0] - inner[0, 0]) / 2
    turn = np.linspace(0.0, np.pi, 9)
    rim = middle + half * np.stack([np.cos(turn), np.sin(turn)], 1)
    outside = fillet(np.concatenate([np.reshape(below, (-1, 2)), outer_rz]), round_m)
    corner = np.array([[np.interp(floor_m, inner[::-1, 1], inner[::-1, 0]), floor_m], [0.0, floor_m]])
    inside = fillet(np.concatenate([inner, corner]), round_m)
    return np.concatenate([outside[:-1], rim, inside[1:]])


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


def lathe(profile_rz_m: ArrayLike, reach: Points | None = None, segments: int = SEGMENTS) -> Mesh:
    """Revolves a profile (N, 2) of (radius, z) about z.

    The profile starts and ends on the axis and runs counterclockwise around the material as seen
    with r to the right and z up: out along the bottom, up the outside, back to the axis.

    Args:
        reach: factors (N, K) on the profile's radii in each of K directions, instead of `segments` equal ones.
    """
    rz = np.asarray(profile_rz_m, float)
    reach = np.ones((len(rz), segments)) if reach is None else reach
    angle = np.linspace(0.0, 2 * np.pi, reach.shape[1], endpoint=False)
    r = rz[1:-1, :1] * reach[1:-1]
    rings = np.stack([r * np.cos(angle), r * np.sin(angle), np.broadcast_to(rz[1:-1, 1:], r.shape)], -1)
    return tube(rings, np.array([0.0, 0.0, rz[0, 1]]), np.array([0.0, 0.0, rz[-1, 1]]))


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


def rod(path_xz_m: ArrayLike, half_width_m: float, half_thickness_m: float, sides: int) -> Mesh:
    """Sweeps an ellipse along a path (N, 2): half width along y, half thickness across the path."""
    around = np.linspace(0.0, 2 * np.pi, sides, endpoint=False)
    section = np.stack([half_width_m * np.cos(around), half_thickness_m * np.sin(around)], 1)
    return sweep(path_xz_m, np.broadcast_to(section, (len(np.asarray(path_xz_m)), *section.shape)))


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
    cells = np.stack(np.meshgrid(np.arange(n - 1), np.arange(n - 1), indexing="ij"), -1).reshape(-1, 1, 2)
    quads = np.zeros((3, 2, len(cells), 4, 3), int)
    for axis in range(3):
        quads[axis, 1, ..., axis] = n - 1
        quads[axis][..., [(axis + 1) % 3, (axis + 2) % 3]] = cells + np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    keys, first, number = np.unique(quads.reshape(-1, 3), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    index = np.argsort(order)[number].reshape(3, 2, len(cells), 4)
    index[:, 0] = index[:, 0, :, ::-1]
    vertices = np.stack([axes[k][keys[order, k]] for k in range(3)], -1)
    return vertices, index[..., [0, 1, 2, 0, 2, 3]].reshape(-1, 3).astype(np.int32)


def translate(mesh: Mesh, offset_m: ArrayLike) -> Mesh:
    """The mesh shifted by an offset (3,) [m]."""
    return Mesh((mesh.vertices_m + np.asarray(offset_m)).astype(np.float32), mesh.faces)


def merge(*meshes: Mesh) -> Mesh:
    """Several closed meshes as one; they may overlap, as a mug's handle does its wall."""
    starts = np.cumsum([0] + [len(mesh.vertices_m) for mesh in meshes[:-1]])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]
    return Mesh(np.concatenate([mesh.vertices_m for mesh in meshes]), np.concatenate(faces).astype(np.int32))


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
