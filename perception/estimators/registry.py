"""The estimators there are. A new one is a file with its specification, and a line in the list below."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from core.errors import ConfigurationError, did_you_mean
from core.plugins import is_plugin, load_plugin, naming_failures
from perception.estimators import depth_anything, marigold, oracle, plane, sensor
from perception.estimators.degraded import DEGRADED
from perception.estimators.depthcrafter import estimator as depthcrafter
from perception.estimators.dkt import estimator as dkt
from perception.estimators.estimator import Estimator, Locate, Truth
from perception.estimators.options import EstimatorOptions, refuse_unknown
from perception.estimators.specification import ClipModel, EstimatorSpecification, FrameModel
from perception.estimators.vitro_s import estimator as vitro_s

#: By name, in the order in which people are told of them.
ESTIMATORS = {
    specification.name: specification
    for specification in (
        vitro_s.ESTIMATOR,
        sensor.ESTIMATOR,
        oracle.ESTIMATOR,
        *dkt.ESTIMATORS,
        depth_anything.ESTIMATOR,
        depthcrafter.ESTIMATOR,
        marigold.ESTIMATOR,
        plane.ESTIMATOR,
        sensor.NORMALS,
    )
}
Output = Literal["depth", "normals", "any"]


def find_estimator(name: str, output: Output = "depth") -> EstimatorSpecification:
    """The estimator of a name, or of a lab's own file: path/to/file.py, which defines `ESTIMATOR`.

    Raises:
        ConfigurationError: there is none, or it gives something else than `output`.
    """
    found = ESTIMATORS.get(name) or DEGRADED.get(name)
    if is_plugin(name):
        found = load_plugin(Path(name), "ESTIMATOR", EstimatorSpecification)
        if found.name in ESTIMATORS or found.name in DEGRADED:
            raise ConfigurationError(f"{name} is called '{found.name}', as one of Vitro's.", "Give it another name.")
        found = replace(found, file=Path(name).expanduser().resolve())
    fitting = [known for known, one in ESTIMATORS.items() if _gives(one, output)]
    if found is None or not _gives(found, output):
        unknown = f"There is no estimator '{name}'.{did_you_mean(name, fitting)}"
        cause = unknown if found is None else f"{name} gives {found.gives}, no {output}."
        raise ConfigurationError(cause, f"Choose one of: {', '.join(fitting)}. Or a file of your own: path/to/file.py")
    return found


def choice_of(logged: str) -> str:
    """What chooses the estimator that a log calls so: without the settings that it ran with, nor that it cheats. A name
    that is none of Vitro's, such as that of a lab's own, is as it was."""
    name = logged.partition(" (")[0].partition(", ")[0]
    return name if name in ESTIMATORS or name in DEGRADED else logged


def find_estimators(text: str, output: Output = "depth") -> tuple[EstimatorSpecification, ...]:
    """Those of a comma-separated list.

    Raises:
        ConfigurationError: there is one that there is not, or none at all, one stands twice or two share a name.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    found = tuple(find_estimator(part, output) for part in parts)
    if not found:
        raise ConfigurationError("--estimators names none.", f"Choose some of: {', '.join(ESTIMATORS)}.")
    names = [one.name for one in found]
    if twice := next((name for number, name in enumerate(names) if name in names[:number]), None):
        raise ConfigurationError(
            f"Two of {text} are called '{twice}'.", "Name each once; of two of your own, give one another name."
        )
    return found


def open_estimator(
    chosen: str | EstimatorSpecification,
    options: EstimatorOptions | None = None,
    truth: Truth | None = None,
    locate: Locate | None = None,
) -> Estimator:
    """Loads an estimator, of which `find_estimator` knows the name.

    Args:
        truth: the digital cell's, which a cheat alone ever sees; None on real cameras and recordings.
        locate: finds the table in a clip's frames; None: where the sensor's depth shows it.

    Raises:
        ConfigurationError: no such estimator, options that it does not know, or a cheat where there is no truth.
        PerceptionError: weights that are missing, damaged or of another model.
    """
    specification = find_estimator(chosen) if isinstance(chosen, str) else chosen
    options = options or EstimatorOptions()
    if specification.is_cheat and truth is None:
        raise ConfigurationError(
            f"The {specification.name} is a cheat that reads the simulator's truth, and a real camera or a recording "
            "has none.",
            "Choose another estimator; this one runs in the digital cell alone: python main.py --camera sim.",
        )
    refuse_unknown(specification.name, options, specification.options)
    with naming_failures(specification.file, "loaded"):
        model = specification.load(options)
    if not isinstance(model, FrameModel | ClipModel):
        raise ConfigurationError(
            f"{specification.name} loads a {type(model).__name__}, which has neither estimate nor stream.",
            "Give it estimate(seen), which returns a map (docs/estimators.md).",
        )
    return Estimator(specification, model, truth if specification.is_cheat else None, locate)


def _gives(specification: EstimatorSpecification, output: Output) -> bool:
    return output == "any" or (specification.gives == "normals") == (output == "normals")
