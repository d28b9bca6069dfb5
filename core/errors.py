"""The one error family: every failure names its cause and the next step.

Layers raise the subclass of their subject; `app/console.py` prints it once, as
"what went wrong" and "what to do". Nothing here imports anything of ours.
"""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any


class VitroError(Exception):
    """A failure with a cause and a remedy, both written for the person at the table."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"{cause} {remedy}")
        self.cause = cause
        self.remedy = remedy

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """How it is pickled, as a worker's is; no `__init__` runs again, so that a subclass may have its own."""
        return type(self).__new__, (type(self), *self.args), self.__dict__


class ConfigurationError(VitroError):
    """A cell YAML, option or environment that cannot be used as written."""


class StorageError(VitroError):
    """A file or folder that takes no more: a full disk, missing permissions, or another run that writes there."""


class CameraError(VitroError):
    """A camera or recording that gives no usable frame."""


class ArmError(VitroError):
    """An arm that is absent, silent, faulted or not where it was told to be."""


class TrackingError(ArmError):
    """An arm that could not follow its path: something is in its way. A failure of the system under test.

    arm: whose it was, where several moved at once.
    """

    arm = ""


class GripperError(ArmError):
    """A gripper that does not come to rest; the arm that carries it is well."""


class CalibrationError(VitroError):
    """A cell whose geometry is unknown, stale or contradicted by what is seen."""


class IntrinsicsError(CalibrationError):
    """Intrinsics that are not of this picture, as what is seen in it proves."""


class PerceptionError(VitroError):
    """A frame from which no trustworthy metric depth follows."""


class ContradictionError(PerceptionError):
    """Depth that the picture itself proves wrong: it is used for nothing, not even without a scale.

    factor: what it would have to be multiplied with, where that is why.
    """

    def __init__(self, cause: str, remedy: str, factor: float | None = None) -> None:
        super().__init__(cause, remedy)
        self.factor = factor


class DeadlineError(VitroError):
    """Work that was given up and still runs, so that nothing can be computed beside it."""


class PlanningError(VitroError):
    """No grasp, or no trajectory that the gate passes."""


class TrialError(VitroError):
    """A trial log that cannot be opened, written or trusted."""


class DamageError(TrialError):
    """A trial log of which a part cannot be read; the rest may be salvaged."""


class DatasetError(VitroError):
    """A data set that is laid out otherwise than asked, or a file of it that is missing or damaged."""


class TrainingError(VitroError):
    """A training run that cannot begin, go on, or be trusted any more."""


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """What a cause ends in where a name that there is not reads like one that there is; else nothing."""
    meant = get_close_matches(given.lower(), list(map(str, known)), 1)
    return f" Did you mean {meant[0]!r}?" if meant else ""
