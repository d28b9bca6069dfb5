"""Where memory runs out under an estimator: one more try at a smaller setting, if the model declares one."""

import logging
import sys
from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

from core.errors import PerceptionError
from perception.estimators.specification import ClipModel, FrameModel

_log = logging.getLogger(__name__)
Model = FrameModel | ClipModel
Result = TypeVar("Result")
#: What PyTorch's allocator for the CPU and cuBLAS say in plain RuntimeErrors.
_WORDS = ("allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")


class OutOfMemoryError(PerceptionError):
    """An estimator that does not fit into its device's memory."""


@runtime_checkable
class Shrinkable(Protocol):
    """A model that can do with less memory."""

    def smaller(self, height: int, width: int, /) -> "tuple[Model, str] | None":
        """The same model at a setting that needs less for frames of this size [px], and what reports call that
        setting; None where there is none."""
        ...


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on the CPU or a GPU; torch is not imported for it."""
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError | OutOfMemoryError) or (torch and isinstance(error, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _WORDS)


def retry_smaller(
    name: str, model: Model, size: tuple[int, int], work: Callable[[Model], Result]
) -> tuple[Result, str]:
    """What `work` makes of the model or, where memory runs out, once more of its smaller self.

    Args:
        size: (height, width) [px] of the frames.

    Returns:
        The result, and the smaller setting that it took, '' where none was needed.

    Raises:
        OutOfMemoryError: no memory at the smaller setting either. Without one, whatever `work` raises.
    """
    try:
        return work(model), ""
    except Exception as error:
        less = model.smaller(*size) if is_out_of_memory(error) and isinstance(model, Shrinkable) else None
        if less is None:
            raise
        first = error
    smaller, setting = less
    _log.warning("%s ran out of memory; tried once more at %s", name, setting)
    _release_memory()
    try:
        return work(smaller), setting
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            f"{name} does not fit into the device's memory, at {setting} neither.",
            "Close what else uses it (nvidia-smi, free -h), or choose --estimator vitro-s.",
        ) from first


def _release_memory() -> None:
    """What the failed try cached would be missed by the next."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_available():
        torch.cuda.empty_cache()
