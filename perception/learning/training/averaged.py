"""Training a small network beside its own average over time, which becomes the model."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import TrainingError
from core.files import write_archive
from core.threads import fix_threads
from perception.learning.training.files import GOES_ON, LogRow, TrainingLog
from perception.learning.training.muon import Muon

STATE, LOG, CURVE, PICTURE = "state.pt", "log.csv", "loss.png", "validation.png"
#: The average forgets half of itself in about 350 steps.
KEEP = 0.998

Net = TypeVar("Net", bound=nn.Module)
Gradients = tuple[float, tuple[Tensor, ...]]


class AveragedTraining(ABC, Generic[Net]):
    """A run in its folder. net learns, slow is its average; workers share a batch on the CPU, a GPU takes it whole."""

    adams_modules: ClassVar[tuple[str, ...]]
    adam_rate: ClassVar[float]
    #: Longer gradients are cut to this.
    longest_gradient: ClassVar[float] = math.inf

    def __init__(self, out: Path, batch: int, workers: int, device: torch.device, net: Net, slow: Net) -> None:
        """batch: samples a step; net: its kernels lie in memory as channels_last has them."""
        self.out, self.net, self.slow = out, net, slow
        self._device, self._batch = device, batch
        self._optimizer = Muon(net, self.adams_modules, self.adam_rate)
        # Each worker computes alone: threads that share one convolution wait for each other half of the time.
        fix_threads(1)
        self._parts = workers if device.type == "cpu" else 1
        self._workers, self._log = ThreadPoolExecutor(workers), TrainingLog(out / LOG)
        self.steps_done, self.is_stopping, self._seconds = 0, False, 0.0

    @abstractmethod
    def _factor(self) -> float:
        """On all rates, of the next step."""

    @abstractmethod
    def _losses(self) -> list[Callable[[], Tensor]]:
        """What computes the loss (a scalar) of each part of the next batch, on a worker."""

    def step(self, should_stop: Callable[[], bool] = lambda: False) -> LogRow:
        """One step of the optimizer; should_stop: whether it is to be the last, read when it is done.

        Raises:
            TrainingError: the loss or its gradient is not finite; the last checkpoint stands.
        """
        began_s, factor = time.monotonic(), self._factor()
        value, gradients = _mean([self._workers.submit(self._gradients, loss) for loss in self._losses()])
        norm = float(torch.stack([gradient.norm() for gradient in gradients]).norm())
        if not np.isfinite(value) or not np.isfinite(norm):
            raise TrainingError(
                f"The loss of step {self.steps_done + 1} is {value}.",
                "The last checkpoint stands: go on with a smaller --rate.",
            )
        if norm > self.longest_gradient:
            gradients = [self.longest_gradient / norm * gradient for gradient in gradients]
        self._optimizer.step(gradients, factor, self._workers)
        self.steps_done += 1
        self._average()
        seconds = time.monotonic() - began_s
        self._seconds += seconds
        row = LogRow.of(self.steps_done, value, norm, factor, 1, self._batch, seconds)
        self._log.add(row)
        self.is_stopping = should_stop()
        return row

    def _gradients(self, loss: Callable[[], Tensor]) -> Gradients:
        value = loss()
        return value.item(), torch.autograd.grad(value, self._optimizer.parameters)

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(KEEP, self.steps_done / (self.steps_done + 10))
        for slow, fast in zip(self.slow.parameters(), self.net.parameters(), strict=True):
            slow.lerp_(fast, 1.0 - keep)

    def _save(self, facts: dict[str, Any]) -> None:
        """The checkpoint, with what else it is to keep; a kill at any moment leaves the one before or this one.

        Raises as `write_whole`.
        """
        state = {
            "step": self.steps_done,
            "net": self.net.state_dict(),
            "slow": self.slow.state_dict(),
            "optimizer": self._optimizer.state(),
        }
        write_archive(self.out / STATE, facts | state, GOES_ON)
        self._log.draw(self.out / CURVE)

    def _restore(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.slow.load_state_dict(state["slow"])
        self._optimizer.restore(state["optimizer"])
        self.steps_done = int(state["step"])

    def close(self) -> None:
        self._workers.shutdown()


def _mean(shares: Sequence[Future[Gradients]]) -> tuple[float, list[Tensor]]:
    """Of a batch's parts, which workers compute."""
    results = [share.result() for share in shares]
    summed = (sum(parts[1:], parts[0]) for parts in zip(*(result[1] for result in results), strict=True))
    return float(np.mean([result[0] for result in results])), [total / len(results) for total in summed]
