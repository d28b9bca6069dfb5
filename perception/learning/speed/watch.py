"""Time and memory of work that a GPU does behind the program's back."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def wait_for(device: torch.device) -> None:
    """Returns once the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Stopwatch:
    """Adds up what stages take, by CUDA events where there are any: they stop nothing that runs."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._events: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []
        self._seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the body as part of the stage."""
        self.start(name)
        yield
        self.stop()

    def start(self, name: str) -> None:
        if self._device.type == "cuda":
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            self._events.append((name, begin, end))
        else:
            self._begun = name, time.perf_counter()

    def stop(self) -> None:
        """Ends the stage that was started last."""
        if self._device.type == "cuda":
            self._events[-1][2].record()
        else:
            name, begun_s = self._begun
            self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - begun_s

    def seconds(self) -> dict[str, float]:
        """Of every stage so far."""
        wait_for(self._device)
        for name, begin, end in self._events:
            self._seconds[name] = self._seconds.get(name, 0.0) + begin.elapsed_time(end) / 1e3
        self._events.clear()
        return dict(self._seconds)


class PeakMemory:
    """The most memory since `reset`: what PyTorch took of a GPU's, or on Linux the process's in RAM."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def reset(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            with contextlib.suppress(OSError):
                _CLEAR.write_text("5")

    def bytes(self) -> int | None:
        """None where the system does not tell."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        with contextlib.suppress(OSError):
            for line in _STATUS.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        return None


def matmul_rate(device: torch.device, dtype: torch.dtype, repeats: int = 10) -> float:
    """Floating-point operations a second of a large matrix product: what the floor is divided by."""
    side = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    return 2.0 * side**3 / median_seconds(lambda: a @ b, device, repeats)


def median_seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Of so many runs, after one that does not count."""
    taken = []
    for _ in range(repeats + 1):
        wait_for(device)
        begun_s = time.perf_counter()
        work()
        wait_for(device)
        taken.append(time.perf_counter() - begun_s)
    return statistics.median(taken[1:])
