"""One mesh file, read and checked: closed, whole, of a size that fits on a table."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.simulation.scene.meshes import Mesh

SUFFIXES = (".obj", ".glb")
#: Units of length that a hint may name.
METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}
#: Axes that may point up, and the rotation (3, 3) that makes each of them z.
UPS = {"z": np.eye(3), "y": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])}
#: The longest side of what can lie on the table [m].
SMALLEST_M, LARGEST_M = 0.005, 1.0
#: More triangles than this only cost time.
MOST_FACES = 300_000
#: A body thinner than this on average over its largest side has no inside to speak of [m].
THINNEST_M = 1e-5


class BadMesh(Exception):  # noqa: N818 - told within one ConfigurationError for the whole folder
    """Why a mesh cannot be used, as words that follow its name."""


def read_mesh(file: Path, units: str, up: str) -> Mesh:
    """The mesh in metres, z up, standing on z = 0 around the origin, outward winding.

    Raises:
        BadMesh: unreadable, empty, with vertices that are no numbers, open, or of absurd size.
    """
    vertices, faces = _closed(_loaded(file))
    vertices_m = vertices * METRES[units] @ UPS[up].T
    low, high = vertices_m.min(0), vertices_m.max(0)
    _check_size(float((high - low).max()), units)
    if abs(_volume(vertices_m, faces)) < THINNEST_M * float((high - low).max()) ** 2:
        raise BadMesh("has no volume")
    if _volume(vertices_m, faces) < 0:
        faces = faces[:, ::-1]
    foot = np.array([*(low[:2] + high[:2]) / 2, low[2]])
    return Mesh((vertices_m - foot).astype(np.float32), np.ascontiguousarray(faces, np.int32))


def _loaded(file: Path) -> Any:
    """Everything in the file as one trimesh, as its vertices are written."""
    import trimesh

    if not file.stat().st_size:
        raise BadMesh("is an empty file")
    try:
        loaded = trimesh.load_scene(file, process=False, skip_materials=True).to_mesh()
    except Exception as error:  # whatever a damaged file makes its reader raise
        raise BadMesh(f"cannot be read ({type(error).__name__}: {error})") from error
    if not len(loaded.faces):
        raise BadMesh("holds no triangles")
    if not np.isfinite(loaded.vertices).all():
        raise BadMesh("has vertices that are no numbers (NaN or infinite)")
    if len(loaded.faces) > MOST_FACES:
        raise BadMesh(f"has {len(loaded.faces):,} triangles: more than {MOST_FACES:,}")
    return loaded


def _closed(mesh: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices (V, 3) and faces (F, 3), those that lie on each other joined."""
    mesh.merge_vertices(merge_tex=True, merge_norm=True)
    mesh.update_faces(mesh.nondegenerate_faces())
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, uses = np.unique(edges, axis=0, return_counts=True)
    if odd := int((uses % 2).sum()):
        raise BadMesh(f"is open ({odd} of its {len(uses)} edges border one triangle): light would get lost in its wall")
    if not mesh.is_winding_consistent:
        raise BadMesh("has triangles that face both ways: its inside cannot be told from its outside")
    return np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)


def _check_size(side_m: float, units: str) -> None:
    if SMALLEST_M <= side_m <= LARGEST_M:
        return
    others = [name for name, metre in METRES.items() if SMALLEST_M <= side_m / METRES[units] * metre <= LARGEST_M]
    hint = f"; were it drawn in {' or '.join(others)}, say so with `units`" if others else ""
    raise BadMesh(
        f"is {_length(side_m)} across where {_length(SMALLEST_M)} to {_length(LARGEST_M)} fit on a table"
        f" (taken as {units}{hint})"
    )


def _length(metres: float) -> str:
    return f"{metres:.3g} m" if metres >= 1 else f"{metres * 1000:.3g} mm"


def _volume(vertices_m: NDArray[np.float64], faces: NDArray[np.int64]) -> float:
    """Signed volume [m³] inside a closed mesh, positive for outward winding."""
    a, b, c = np.moveaxis(vertices_m[faces], 1, 0)
    return float(np.einsum("ij,ij->", np.cross(a, b), c) / 6)
