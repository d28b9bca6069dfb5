"""On what a learned estimator runs, at what size, and what happens where it does not fit."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from core.errors import ConfigurationError
from perception.estimators.memory import OutOfMemoryError, is_out_of_memory
from perception.estimators.options import EstimatorOptions

#: (width, height) [px]
Size = tuple[int, int]


def pick_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one, else the CPU.

    Raises:
        ConfigurationError: no such device, or none on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise ConfigurationError(f"There is no device '{name}'.", "Choose auto, cpu, cuda or cuda:0.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigurationError(
            f"This machine has no device '{name}' that PyTorch can use.",
            "Choose --device cpu, or run python main.py doctor.",
        )
    return device


def pick_dtype(options: EstimatorOptions, device: torch.device, on_cuda: torch.dtype) -> torch.dtype:
    """The type asked for, else what the model was released in on CUDA and float32 on the CPU."""
    if options.dtype is not None:
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[options.dtype]
    return on_cuda if device.type == "cuda" else torch.float32


def demand_multiple(name: str, size: Size | None, multiple: int) -> None:
    """Raises a ConfigurationError unless both sides of a size that was asked for are multiples [px]."""
    if size is not None and any(side < multiple or side % multiple for side in size):
        nearest = "x".join(str(max(1, round(side / multiple)) * multiple) for side in size)
        raise ConfigurationError(
            f"{name} works at multiples of {multiple} pixels, not at {size[0]}x{size[1]}.", f"Try --size {nearest}."
        )


@contextmanager
def fitting(name: str, size: Size | None = None, multiple: int = 1) -> Iterator[None]:
    """Where memory runs out, names a size that needs about a quarter of it; None while the weights are loaded.

    Raises:
        OutOfMemoryError: as it says.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        what, remedy = f"{name} does not fit into the device's memory", "close what else uses it, or try --device cpu."
        if size is None:
            raise OutOfMemoryError(f"{what}.", remedy.capitalize()) from error
        width, height = half_size(size, multiple)
        raise OutOfMemoryError(f"{what} at {size[0]}x{size[1]}.", f"Try --size {width}x{height}, {remedy}") from error


def half_size(size: Size, multiple: int) -> Size:
    """Half of each side, rounded down to the model's multiple."""
    width, height = (max(1, side // 2 // multiple) * multiple for side in size)
    return width, height
