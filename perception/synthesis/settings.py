"""What a TransPhy3D data set is made from: with a clip's number, all that decides the clip's bytes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from errors import ConfigurationError

FORMAT = "vitro-transphy3d"
#: Raised whenever the same settings draw, film or store another clip than before.
VERSION = 1
Views = Literal["orbit", "jump"]
SURFACES = ("reflective", "translucent", "diffuse")
#: Surface of a set whose clips each draw their own.
ANY_SURFACE = "any"
#: A picture's side [px]: below, nothing can be seen; above, one frame takes minutes.
SIDES_PX = (16, 4096)
SAMPLES = (1, 4096)


@dataclass(frozen=True)
class SynthSettings:
    """width, height [px]; frames of a clip; views: `orbit` along a path or `jump`, independent ones; surface: one of
    SURFACES or `any`; spp: samples a pixel; sensor: whether a stereo camera's depth comes along; meshes: what tells
    one set of user meshes from another, empty without any.

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

    def __post_init__(self) -> None:
        _demand(self.seed >= 0, f"seed {self.seed}", "a seed of 0 or above")
        for side in (self.width, self.height):
            _demand(SIDES_PX[0] <= side <= SIDES_PX[1], f"size {self.width}x{self.height}", _range("sides", SIDES_PX))
        _demand(1 <= self.frames <= 999_999, f"frames {self.frames}", "1 to 999999 frames")
        _demand(self.views in get_args(Views), f"views {self.views!r}", f"one of: {', '.join(get_args(Views))}")
        surfaces = (*SURFACES, ANY_SURFACE)
        _demand(self.surface in surfaces, f"surface {self.surface!r}", f"one of: {', '.join(surfaces)}")
        _demand(SAMPLES[0] <= self.spp <= SAMPLES[1], f"spp {self.spp}", _range("samples", SAMPLES))

    def as_facts(self) -> dict[str, Any]:
        """What dataset.json says, but for the number of clips."""
        return {"format": FORMAT, "version": VERSION} | asdict(self)


def differences(facts: Mapping[str, Any], settings: SynthSettings) -> list[str]:
    """`frames: 120 there, 9 asked for`, for every setting in which a dataset.json differs."""
    wanted = settings.as_facts()
    return [
        f"{key}: {facts.get(key)} there, {wanted[key]} asked for" for key in wanted if facts.get(key) != wanted[key]
    ]


def settings_of(facts: Mapping[str, Any]) -> SynthSettings:
    """The settings that a dataset.json was written from.

    Raises:
        KeyError, ConfigurationError: it is no dataset.json of this version.
    """
    return SynthSettings(**{field.name: facts[field.name] for field in fields(SynthSettings)})


def _range(what: str, limits: tuple[int, int]) -> str:
    return f"{what} from {limits[0]} to {limits[1]}"


def _demand(holds: bool, given: str, wanted: str) -> None:
    if not holds:
        raise ConfigurationError(f"A data set cannot be made with {given}.", f"Give {wanted}.")
