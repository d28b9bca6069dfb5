"""What a TransPhy3D data set is made from: with a clip's number, all that decides the clip's bytes."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from core.cell import Cell
from core.errors import ConfigurationError
from core.surfaces import SURFACES

FORMAT = "vitro-transphy3d"
#: Raised whenever the same settings draw, film or store another clip than before.
VERSION = 6
#: Settings that version 1 did not have; it had what they are by default.
_SINCE_2 = ("scenes", "cell", "cell_digest", "zoom")
Scenes = Literal["drawn", "cell"]
Views = Literal["orbit", "jump", "still"]
#: Surface of a set whose clips each draw their own.
ANY_SURFACE = "any"
#: A picture's side [px]: below, nothing can be seen; above, one frame takes minutes.
SIDES_PX = (16, 4096)
SAMPLES = (1, 4096)
ZOOMS = (1.0, 8.0)


@dataclass(frozen=True)
class SynthSettings:
    """width, height [px]; frames of a clip; views: `orbit` along a path, `jump`, independent ones, or `still`, one
    place a clip, in the cell alone; surface: one of SURFACES or `any`; spp: samples a pixel; sensor: whether a
    stereo camera's depth comes along; meshes: what tells one set of user meshes from another, empty without any;
    scenes: `drawn`, or of the `cell` of this name and digest (`of_cell`); zoom: the greatest factor on a drawn
    camera's focal length.

    Raises:
        ConfigurationError: a value that nothing can be rendered with.
    """

    seed: int = 0
    width: int = 416
    height: int = 240
    frames: int = 120
    views: Views = "orbit"
    surface: str = ANY_SURFACE
    spp: int = 16
    sensor: bool = False
    meshes: str = ""
    scenes: Scenes = "drawn"
    cell: str = ""
    cell_digest: str = ""
    zoom: float = 1.0

    def __post_init__(self) -> None:
        _demand(self.seed >= 0, f"seed {self.seed}", "a seed of 0 or above")
        for side in (self.width, self.height):
            _demand(SIDES_PX[0] <= side <= SIDES_PX[1], f"size {self.width}x{self.height}", _range("sides", SIDES_PX))
        _demand(1 <= self.frames <= 999_999, f"frames {self.frames}", "1 to 999999 frames")
        _demand(self.views in get_args(Views), f"views {self.views!r}", f"one of: {', '.join(get_args(Views))}")
        surfaces = (*SURFACES, ANY_SURFACE)
        _demand(self.surface in surfaces, f"surface {self.surface!r}", f"one of: {', '.join(surfaces)}")
        _demand(SAMPLES[0] <= self.spp <= SAMPLES[1], f"spp {self.spp}", _range("samples", SAMPLES))
        _demand(ZOOMS[0] <= self.zoom <= ZOOMS[1], f"zoom {self.zoom}", _range("a zoom", ZOOMS))
        scenes = f"scenes {self.scenes!r}"
        _demand(self.scenes in get_args(Scenes), scenes, f"one of: {', '.join(get_args(Scenes))}")
        # The cell's camera and objects are its own; scenes that are drawn know no cell.
        if self.scenes == "cell":
            _demand(bool(self.cell), f"{scenes} of no cell", "a cell's name")
            _demand(self.views == "still", f"{scenes} and views {self.views!r}", "no views: its camera stands still")
            _demand(self.zoom == 1.0, f"{scenes} and zoom {self.zoom:g}", "no zoom: its camera has a focal length")
            _demand(not self.meshes, f"{scenes} and user meshes", "no meshes: its objects are the cell's")
        else:
            _demand(not self.cell, f"{scenes} and cell {self.cell!r}", "no cell")
            _demand(self.views != "still", f"{scenes} and views {self.views!r}", "orbit or jump")

    def as_facts(self) -> dict[str, Any]:
        """What dataset.json says, but for the number of clips."""
        return {"format": FORMAT, "version": VERSION} | asdict(self) | {"zoom": float(self.zoom)}

    @property
    def digest(self) -> str:
        """What tells the clips of these settings from those of others."""
        return settings_digest(self.as_facts())


def settings_digest(facts: Mapping[str, Any]) -> str:
    """What tells the clips of the settings in a dataset.json from those of others."""
    decisive = {key: value for key, value in facts.items() if key != "clips"}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def settings_of(facts: Mapping[str, Any]) -> SynthSettings:
    """The settings that a dataset.json was written from.

    Raises:
        KeyError, ConfigurationError: it is no dataset.json of this version.
    """
    names = [field.name for field in fields(SynthSettings) if field.name not in _SINCE_2 or field.name in facts]
    return SynthSettings(**{name: facts[name] for name in names})


def of_cell(cell: Cell) -> dict[str, Any]:
    """The settings of scenes of a cell: any change of it is another digest."""
    digest = hashlib.sha256(cell.model_dump_json().encode()).hexdigest()[:16]
    return {"scenes": "cell", "views": "still", "cell": cell.name, "cell_digest": digest}


def _range(what: str, limits: tuple[float, float]) -> str:
    return f"{what} from {limits[0]:g} to {limits[1]:g}"


def _demand(holds: bool, given: str, wanted: str) -> None:
    if not holds:
        raise ConfigurationError(f"A data set cannot be made with {given}.", f"Give {wanted}.")
