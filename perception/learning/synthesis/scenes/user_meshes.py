"""A user's own meshes among the drawn objects: a folder of .obj and .glb files, each with a hint on its material.

The hint stands in the file's name (`vase.glass.obj`) or in a `materials.yaml` beside the files:

    vase.obj: glass
    flask.obj: {material: tinted, color: [0.2, 0.6, 0.3], units: mm, up: y}
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import ConfigurationError
from core.text_file import read_yaml
from hardware.simulation.scene.materials import (
    BRUSHED_ROUGHNESS,
    GLASS_IOR,
    GLAZE_IOR,
    PLASTIC_IOR,
    Material,
    Scattering,
    plain,
)
from hardware.simulation.scene.meshes import Mesh
from hardware.simulation.scene.scene import ON_SIDE, SceneObject
from perception.learning.synthesis.scenes.drawing import mass_kg
from perception.learning.synthesis.scenes.materials import CERAMIC, GLASS, METAL, PLASTIC, WOOD

SUFFIXES = (".obj", ".glb")
#: Units of length that a hint may name.
METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}
#: Axes that may point up, and the rotation (3, 3) that makes each of them z.
UPS = {"z": np.eye(3), "y": ON_SIDE}
#: The longest side of what can lie on the table [m].
SMALLEST_M, LARGEST_M = 0.005, 1.0
#: More triangles than this only cost time.
MOST_FACES = 300_000
MOST_BYTES = 200_000_000
#: A body thinner than this on average over its largest side has no inside to speak of [m].
THINNEST_M = 1e-5
HINTS_FILE = "materials.yaml"
#: What a hint may say. A colour is what one wall lets through, what metal reflects, or an albedo; linear RGB.
MATERIALS = {
    "glass": Material("clear glass", "transparent", GLASS, plain(Scattering.GLASS, (0.99, 0.995, 0.99), GLASS_IOR)),
    "tinted": Material("tinted glass", "transparent", GLASS, plain(Scattering.GLASS, (0.6, 0.85, 0.65), GLASS_IOR)),
    "plastic": Material("clear plastic", "transparent", PLASTIC, plain(Scattering.GLASS, [0.99] * 3, PLASTIC_IOR)),
    "mirror": Material("polished metal", "specular", METAL, plain(Scattering.MIRROR, (0.82, 0.83, 0.84))),
    "brushed": Material(
        "brushed metal", "specular", METAL, plain(Scattering.BRUSHED, [0.7, 0.69, 0.67], roughness=BRUSHED_ROUGHNESS)
    ),
    "ceramic": Material("glazed ceramic", "ordinary", CERAMIC, plain(Scattering.GLAZE, (0.75, 0.74, 0.7), GLAZE_IOR)),
    "matte": Material("matte", "ordinary", WOOD, plain(Scattering.MATTE, (0.4, 0.4, 0.4))),
}


class BadMesh(Exception):  # noqa: N818 - told within one ConfigurationError for the whole folder
    """Why a mesh cannot be used, as words that follow its name."""


@dataclass(frozen=True)
class Hint:
    """What is said of a file: its material, its colour (linear RGB; the material's own where empty), its unit of
    length, and which axis points up (empty: y in .glb, as glTF has it, z in .obj)."""

    material: str
    color: tuple[float, ...] = ()
    units: str = "m"
    up: str = ""


@dataclass(frozen=True)
class UserMeshes:
    """The objects of a folder, and what tells this folder's content from any other."""

    objects: tuple[SceneObject, ...] = field(repr=False)
    digest: str


def read_user_meshes(folder: Path) -> UserMeshes:
    """Every mesh of a folder as an object that scenes can be drawn with.

    Raises:
        ConfigurationError: no folder, no mesh, or some that cannot be used: each is named with its cause.
    """
    files = _files_of(folder)
    hints = _read_hints(folder)
    objects: dict[str, SceneObject] = {}
    refused: list[str] = []
    for file in files:
        try:
            objects[file.name] = _read_object(file, hints.get(file.name))
        except BadMesh as error:
            refused.append(f"{file.name} {error}")
    if absent := sorted(hints.keys() - {file.name for file in files}):
        refused.append(f"{HINTS_FILE} names {', '.join(absent)}, which is not there")
    if refused:
        listed = ", ".join(f"{name} ({item.material.name})" for name, item in objects.items())
        raise ConfigurationError(
            f"Meshes of {folder} cannot be used: {'; '.join(refused)}.",
            f"Mend or remove them. Usable: {listed or 'none'}.",
        )
    content = hashlib.sha256()
    for file in [*files, folder / HINTS_FILE]:
        if file.exists():
            content.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return UserMeshes(tuple(objects.values()), content.hexdigest()[:16])


def _files_of(folder: Path) -> list[Path]:
    known = f"Name a folder of {' and '.join(SUFFIXES)} files."
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be listed ({error.strerror}).", known) from error
    if not files:
        raise ConfigurationError(f"{folder} holds no mesh.", known)
    return files


def _read_object(file: Path, hint: Hint | None) -> SceneObject:
    """Raises a BadMesh with a cause that follows the file's name."""
    family, _, named = file.stem.rpartition(".")
    hint = hint or Hint(named if family else "")
    if hint.material not in MATERIALS:
        said = f"has the unknown material {hint.material!r}" if hint.material else "has no hint on its material"
        example = f"{family or file.stem}.glass{file.suffix}"
        raise BadMesh(f"{said} (name it like {example}, or in {HINTS_FILE}; known: {', '.join(MATERIALS)})")
    material = MATERIALS[hint.material]
    if hint.color:
        finish = material.finish
        finish = plain(finish.scattering, hint.color, finish.ior, finish.roughness)
        material = replace(material, finish=finish)
    try:
        with np.errstate(all="ignore"):
            mesh = _read_mesh(file, hint.units, hint.up or ("y" if file.suffix.lower() == ".glb" else "z"))
    except BadMesh:
        raise
    except Exception as error:  # whatever a damaged file makes its reader raise, then or when it is looked at closer
        raise BadMesh(f"cannot be read ({type(error).__name__}: {error})") from error
    return SceneObject(family or file.stem, material, mesh, mass_kg(mesh, material))


def _read_mesh(file: Path, units: str, up: str) -> Mesh:
    """The mesh in metres, z up, standing on z = 0 around the origin, outward winding.

    Raises:
        BadMesh: unreadable, empty, with vertices that are no numbers, open, or of absurd size.
    """
    mesh = _load(file)
    mesh.vertices = mesh.vertices * METRES[units] @ UPS[up].T
    low, high = mesh.bounds
    _check_size(float((high - low).max()), units)
    volume = mesh.volume
    if abs(volume) < THINNEST_M * float((high - low).max()) ** 2:
        raise BadMesh("has no volume")
    if volume < 0:
        mesh.invert()
    foot = np.array([*(low[:2] + high[:2]) / 2, low[2]])
    return Mesh((mesh.vertices - foot).astype(np.float32), np.ascontiguousarray(mesh.faces, np.int32))


def _load(file: Path) -> Any:
    """Everything in the file as one closed trimesh, vertices that lie on each other joined."""
    import trimesh

    if not (size := file.stat().st_size):
        raise BadMesh("is an empty file")
    if size > MOST_BYTES:
        raise BadMesh(f"has {size / 1e6:.0f} MB: more than {MOST_BYTES / 1e6:.0f}")
    loaded = trimesh.load_scene(file, process=False, skip_materials=True).to_mesh()
    if not len(loaded.faces):
        raise BadMesh("holds no triangles")
    if not np.isfinite(loaded.vertices).all():
        raise BadMesh("has vertices that are no numbers (NaN or infinite)")
    if len(loaded.faces) > MOST_FACES:
        raise BadMesh(f"has {len(loaded.faces):,} triangles: more than {MOST_FACES:,}")
    loaded.merge_vertices(merge_tex=True, merge_norm=True)
    loaded.update_faces(loaded.nondegenerate_faces())
    edges = np.sort(loaded.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, uses = np.unique(edges, axis=0, return_counts=True)
    if odd := int((uses % 2).sum()):
        raise BadMesh(f"is open ({odd} of its {len(uses)} edges border one triangle): light would get lost in its wall")
    if not loaded.is_winding_consistent:
        raise BadMesh("has triangles that face both ways: its inside cannot be told from its outside")
    return loaded


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


def _read_hints(folder: Path) -> dict[str, Hint]:
    """File name -> hint; nothing where there is no materials.yaml."""
    file = folder / HINTS_FILE
    if not file.exists():
        return {}
    try:
        hints = read_yaml(file)
        if not isinstance(hints, Mapping):
            raise ValueError("it is no list of files")
        return {str(name): _hint(str(name), value) for name, value in hints.items()}
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{file} cannot be used ({error}).",
            "Write lines like `vase.obj: glass` or `vase.obj: {material: glass, units: mm, up: y}`.",
        ) from error


def _hint(name: str, value: Any) -> Hint:
    hint = Hint(value) if isinstance(value, str) else Hint(**value)
    if not isinstance(hint.material, str):
        raise ValueError(f"{name}: a material is one of {', '.join(MATERIALS)}")
    if hint.units not in METRES or hint.up not in ("", *UPS):
        raise ValueError(f"{name}: units are one of {', '.join(METRES)}, up is one of {', '.join(UPS)}")
    color = np.asarray(hint.color, float)
    if hint.color and (color.shape != (3,) or not ((color >= 0) & (color <= 1)).all()):
        raise ValueError(f"{name}: a color is three numbers from 0 to 1")
    return hint
