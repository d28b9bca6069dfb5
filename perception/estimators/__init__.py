"""The depth estimators by name. A new one is a line in `ESTIMATORS` and a factory below it."""

from collections.abc import Callable

from numpy.typing import NDArray

from core.errors import ConfigurationError
from core.image import RgbdImage
from perception.depth_types import Plane
from perception.estimators.base import ClipEstimator, DepthEstimator, NormalEstimator
from perception.estimators.options import EstimatorOptions, refuse_unknown

#: Finds the table's plane in a frame.
Locate = Callable[[RgbdImage], Plane] | None
Truth = Callable[[RgbdImage], NDArray] | None

DEFAULTS = EstimatorOptions()


def create_estimator(name: str, truth: Truth = None, options: EstimatorOptions = DEFAULTS) -> DepthEstimator:
    """Builds the estimator called `name`; truth is the world's, None on real cameras and recordings.

    Raises:
        ConfigurationError: no such estimator, or one that needs a truth that there is not.
    """
    if name not in _FACTORIES:
        raise ConfigurationError(f"There is no estimator '{name}'.", f"Choose one of: {', '.join(ESTIMATORS)}.")
    return _FACTORIES[name](truth, options)


def _raw(truth: Truth, options: EstimatorOptions) -> DepthEstimator:
    from perception.estimators.raw import RawEstimator

    return RawEstimator()


def _oracle(truth: Truth, options: EstimatorOptions) -> DepthEstimator:
    from perception.estimators.oracle import OracleEstimator

    if truth is None:
        raise ConfigurationError(
            "The oracle is a cheat that reads the simulator's truth, and a real camera or a recording has none.",
            "Choose another estimator, or --camera sim.",
        )
    return OracleEstimator(truth)


def _vitro_s(truth: Truth, options: EstimatorOptions) -> DepthEstimator:
    from perception.estimators.vitro_s.estimator import VitroSEstimator, load_model

    return VitroSEstimator(load_model(options))


def _vitro_s_clip(options: EstimatorOptions, locate: Locate) -> ClipEstimator:
    from perception.estimators.vitro_s.estimator import VitroSClipEstimator, load_model

    return VitroSClipEstimator(load_model(options), locate)


def _dkt(name: str) -> Callable[[Truth, EstimatorOptions], DepthEstimator]:
    def create(truth: Truth, options: EstimatorOptions) -> DepthEstimator:
        from perception.estimators.dkt.estimator import load_clips
        from perception.estimators.dkt.newest import DktNewest

        return DktNewest(load_clips(name, options))

    return create


def _dkt_clip(name: str) -> Callable[[EstimatorOptions], ClipEstimator]:
    def create(options: EstimatorOptions) -> ClipEstimator:
        from perception.estimators.dkt.estimator import load_clips

        return load_clips(name, options)

    return create


def _dkt_normals(name: str) -> Callable[[EstimatorOptions], NormalEstimator]:
    def create(options: EstimatorOptions) -> NormalEstimator:
        from perception.estimators.dkt.estimator import load_clips

        return load_clips(name, options, "normal")

    return create


def _raw_clip(options: EstimatorOptions) -> ClipEstimator:
    from perception.estimators.raw import RawClipEstimator

    refuse_unknown("raw", options)
    return RawClipEstimator()


def _depth_normals(options: EstimatorOptions) -> NormalEstimator:
    from perception.estimators.depth_normals import DepthNormals

    refuse_unknown("depth", options)
    return DepthNormals()


_DKT = {
    "dkt-1.3b": "Diffusion Knows Transparency, the size for the cell",
    "dkt-14b": "Diffusion Knows Transparency, the large one: offline",
    "dkt": "a DKT of any size from --weights",
}
_DKT_NORMALS = {
    "dkt-normal-14b": "Diffusion Knows Transparency for normals",
    "dkt-normal": "a DKT for normals of any size from --weights",
}


def _depth_anything(options: EstimatorOptions) -> ClipEstimator:
    from perception.estimators.depth_anything import DepthAnythingEstimator

    return DepthAnythingEstimator(options)


def _depthcrafter(options: EstimatorOptions) -> ClipEstimator:
    from perception.estimators.depthcrafter.estimator import DepthCrafterEstimator

    return DepthCrafterEstimator(options)


def _marigold(options: EstimatorOptions) -> ClipEstimator:
    from perception.estimators.marigold import MarigoldEstimator

    return MarigoldEstimator(options)


def _newest(
    make: Callable[[EstimatorOptions], ClipEstimator], longest: int = 1
) -> Callable[[Truth, EstimatorOptions], DepthEstimator]:
    """A clip estimator for the cell, which shows it at most the `longest` newest frames."""

    def make_newest(truth: Truth, options: EstimatorOptions) -> DepthEstimator:
        from perception.estimators.newest_frame import NewestFrame

        return NewestFrame(make(options), longest)

    return make_newest


_OTHERS = {
    "depth-anything-v2-large": "disparity of one image (Depth-Anything-V2-Large)",
    "depthcrafter": "disparity of a clip by video diffusion (DepthCrafter)",
    "marigold-e2e": "depth of one image by diffusion in one step (Marigold-E2E-FT)",
}
_OTHER_CLIPS: dict[str, Callable[[EstimatorOptions], ClipEstimator]] = {
    "depth-anything-v2-large": _depth_anything,
    "depthcrafter": _depthcrafter,
    "marigold-e2e": _marigold,
}
#: How many frames make the clip of one answer in the cell; a window of DepthCrafter's at most.
_OTHERS_LOOK_BACK = {"depthcrafter": 110}

_VITRO_S = {"vitro-s": "the bundled small model: metric depth over the table, on any CPU"}

#: What people may choose, in a line each.
ESTIMATORS: dict[str, str] = (
    _VITRO_S
    | {
        "raw": "the sensor's depth as it is: the baseline that fails on glass and mirrors",
        "oracle": "the simulator's truth (a cheat, digital cell only): what perfect depth would give",
    }
    | _DKT
    | _OTHERS
)

_FACTORIES: dict[str, Callable[[Truth, EstimatorOptions], DepthEstimator]] = {
    "vitro-s": _vitro_s,
    "raw": _raw,
    "oracle": _oracle,
} | {name: _dkt(name) for name in _DKT}
_FACTORIES |= {name: _newest(make, _OTHERS_LOOK_BACK.get(name, 1)) for name, make in _OTHER_CLIPS.items()}

#: Those that work through clips (`python main.py depth`), with what they are in a line.
CLIP_ESTIMATORS: dict[str, str] = (
    _VITRO_S | {"raw": "the sensor's depth as it is, where the frames have one"} | _DKT | _OTHERS
)

_CLIP_FACTORIES: dict[str, Callable[[EstimatorOptions], ClipEstimator]] = {"raw": _raw_clip} | {
    name: _dkt_clip(name) for name in _DKT
}
_CLIP_FACTORIES |= _OTHER_CLIPS
#: Those that are told where the table is.
_TABLE_CLIP_FACTORIES: dict[str, Callable[[EstimatorOptions, Locate], ClipEstimator]] = {"vitro-s": _vitro_s_clip}


def create_clip_estimator(name: str, options: EstimatorOptions = DEFAULTS, locate: Locate = None) -> ClipEstimator:
    """Builds the clip estimator called `name`; locate finds the table for one that must know it, None: where the
    sensor's depth shows it.

    Raises:
        ConfigurationError: no such estimator, or options that it does not know.
        PerceptionError: weights that are missing, damaged or of another model.
    """
    if name in _TABLE_CLIP_FACTORIES:
        return _TABLE_CLIP_FACTORIES[name](options, locate)
    if name not in _CLIP_FACTORIES:
        raise ConfigurationError(
            f"There is no clip estimator '{name}'.", f"Choose one of: {', '.join(CLIP_ESTIMATORS)}."
        )
    return _CLIP_FACTORIES[name](options)


#: Those that give surface normals (`python main.py normals`), with what they are in a line.
NORMAL_ESTIMATORS: dict[str, str] = {"depth": "those of the sensor's depth, where the frames have one"} | _DKT_NORMALS

_NORMAL_FACTORIES: dict[str, Callable[[EstimatorOptions], NormalEstimator]] = {"depth": _depth_normals} | {
    name: _dkt_normals(name) for name in _DKT_NORMALS
}


def create_normal_estimator(name: str, options: EstimatorOptions = DEFAULTS) -> NormalEstimator:
    """Builds the normal estimator called `name`.

    Raises:
        ConfigurationError: no such estimator, or options that it does not know.
        PerceptionError: weights that are missing, damaged or of another model.
    """
    if name not in _NORMAL_FACTORIES:
        raise ConfigurationError(
            f"There is no normal estimator '{name}'.", f"Choose one of: {', '.join(NORMAL_ESTIMATORS)}."
        )
    return _NORMAL_FACTORIES[name](options)
