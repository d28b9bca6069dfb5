"""Training the objects' network on scenes that are rendered as it learns: steps, checkpoints, validation, weights."""

import copy
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import TrainingError
from core.files import read_archive, write_archive
from core.threads import fix_threads
from core.work import write_whole
from perception.estimators.running import pick_device
from perception.estimators.vitro_s.network import average_into
from perception.learning.objects.loss import WEIGHTS as TERMS
from perception.learning.objects.loss import loss_terms
from perception.learning.objects.samples import sample
from perception.learning.objects.settings import ObjectsSettings
from perception.learning.objects.validation import ObjectScores, validate, validation_picture
from perception.learning.objects.view_source import ViewSource
from perception.learning.objects.views import View
from perception.learning.training.files import GOES_ON, LogRow, TrainingLog, write_png
from perception.learning.training.validation import Progress
from perception.learning.vitro_s.training import KEEP, Optimizer, mean_gradients
from perception.objects.model import FORMAT, WEIGHTS, ObjectFinder, read_network
from perception.objects.network import ObjectsNet
from perception.weights.bundled import tensors_bytes

STATE, LOG, CURVE, PICTURE = "state.pt", "log.csv", "loss.png", "validation.png"
_FORMAT = "objects training 1"
#: AdamW's rate for the pretrained encoder and the layers at both ends.
ADAM_RATE = 3e-4
#: The encoder's kernels are pretrained, the ends are AdamW's as Muon's authors advise.
ADAMS_MODULES = ("encoder", "stem", "head")
#: Longer gradients are cut to this.
LONGEST_GRADIENT = 5.0
#: Validated on so many views.
VALIDATED = 80


class ObjectsTraining:
    """One run in a folder; made anew on the same folder it goes on from its checkpoint, on other draws: which scenes
    were ready when decides what is drawn.

    Raises:
        TrainingError: a checkpoint of another model or damaged.
        PerceptionError: weights to begin from that cannot be used.
    """

    #: Steps after the last checkpoint are lost for good.
    lost_steps = 0

    def __init__(self, out: Path, settings: ObjectsSettings) -> None:
        self.out, self.settings = out, settings
        self._device = pick_device(settings.device)
        init = settings.init or (WEIGHTS if WEIGHTS.exists() else None)
        torch.manual_seed(settings.seed)
        net = ObjectsNet() if init is None else copy.deepcopy(read_network(init))
        self.net = net.to(self._device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.slow = copy.deepcopy(self.net)
        self._optimizer = Optimizer(self.net, ADAMS_MODULES, ADAM_RATE)
        fix_threads(1)
        self._parts = settings.workers if self._device.type == "cpu" else 1
        self._workers, self._loader = ThreadPoolExecutor(settings.workers), ThreadPoolExecutor(1)
        self.steps_done, self.is_stopping = 0, False
        self._seconds = 0.0
        self._resume()
        self._log = TrainingLog(out / LOG)
        self._log.begin(self.steps_done)
        self.source = ViewSource(settings.seed, settings.renderers, settings.views, settings.scenes)
        self._ahead: list[Future[tuple[Tensor, Tensor]]] = []
        self._draws = np.random.default_rng([settings.seed, self.steps_done])

    @property
    def is_over(self) -> bool:
        """Whether its steps are made, or its minutes gone where it has any."""
        return self.share >= 1.0

    @property
    def seconds_left(self) -> float:
        """Of the minutes that it has; infinity where it has none."""
        return 60 * self.settings.minutes - self._seconds if self.settings.minutes else math.inf

    @property
    def share(self) -> float:
        """Of the run that is done."""
        by_steps = self.steps_done / self.settings.steps
        return max(by_steps, self._seconds / (60 * self.settings.minutes)) if self.settings.minutes else by_steps

    def step(self, should_stop: Callable[[], bool] = lambda: False) -> LogRow:
        """One step of the optimizer; should_stop: whether it is to be the last, read when it is done.

        Raises:
            TrainingError: the loss is not finite; the last checkpoint stands.
        """
        began_s, factor = time.monotonic(), self.settings.factor(self.share, self.steps_done)
        self.source.collect()
        while len(self._ahead) < 2:
            drawn = [self.source.draw(self._draws) for _ in range(self.settings.batch)]
            self._ahead.append(self._loader.submit(_batch, drawn, int(self._draws.integers(1 << 31))))
        value, gradients = self._gradients(*self._ahead.pop(0).result())
        norm = float(torch.stack([gradient.norm() for gradient in gradients]).norm())
        if not np.isfinite(value) or not np.isfinite(norm):
            raise TrainingError(
                f"The loss of step {self.steps_done + 1} is {value}.",
                "The last checkpoint stands: go on with a smaller --rate.",
            )
        shorter = min(1.0, LONGEST_GRADIENT / max(norm, 1e-9))
        self._optimizer.step([shorter * gradient for gradient in gradients], factor, self._workers)
        self.steps_done += 1
        average_into(self.slow, self.net, min(KEEP, self.steps_done / (self.steps_done + 10)))
        seconds = time.monotonic() - began_s
        self._seconds += seconds
        row = LogRow.of(self.steps_done, value, norm, factor, 1, self.settings.batch, seconds)
        self._log.add(row)
        self.is_stopping = should_stop()
        return row

    def _gradients(self, x: Tensor, y: Tensor) -> tuple[float, list[Tensor]]:
        """The loss of a batch, whose parts the workers share, and its gradients."""
        parts = zip(x.chunk(self._parts), y.chunk(self._parts), strict=True)
        return mean_gradients([self._workers.submit(self._share, *part) for part in parts])

    def _share(self, x: Tensor, y: Tensor) -> tuple[float, tuple[Tensor, ...]]:
        x, y = x.to(self._device), y.to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16):
            answer = self.net(x.contiguous(memory_format=torch.channels_last))
        terms = loss_terms(answer.float(), y)
        value = torch.stack([TERMS[name] * term for name, term in terms.items()]).sum()
        return value.item(), torch.autograd.grad(value, self._optimizer.parameters)

    def save(self) -> None:
        """The checkpoint; a kill at any moment leaves the one before or this one. Raises as `write_whole`."""
        state = {
            "format": _FORMAT,
            "step": self.steps_done,
            "seconds": self._seconds,
            "net": self.net.state_dict(),
            "slow": self.slow.state_dict(),
            "optimizer": self._optimizer.state(),
        }
        write_archive(self.out / STATE, state, GOES_ON)
        self._log.draw(self.out / CURVE)

    def validate(self, progress: Progress) -> list[str]:
        """Scores on held-out scenes, with a picture of some. Raises as `write_whole`."""
        return [self._scores(progress).describe(self.steps_done)]

    def finish(self, progress: Progress) -> ObjectScores:
        """Writes weights and picture. Raises as `write_whole`."""
        scores = self._scores(progress)
        tensors = {name: tensor.half() for name, tensor in self.slow.state_dict().items()}
        write_whole(self.out / WEIGHTS.name, tensors_bytes(tensors, FORMAT), GOES_ON)
        return scores

    def _scores(self, progress: Progress) -> ObjectScores:
        finder = ObjectFinder(copy.deepcopy(self.slow), str(self._device))
        views = self.source.held_out[:VALIDATED]
        scores = validate(finder, views, progress)
        if views:
            write_png(self.out / PICTURE, validation_picture(finder, views))
        return scores

    def close(self) -> None:
        self._loader.shutdown(cancel_futures=True)
        self._workers.shutdown()
        self.source.close()

    def _resume(self) -> None:
        path, remedy = self.out / STATE, "Move it away to begin anew, or choose another --out."
        if not path.exists():
            return
        try:
            state: dict[str, Any] = read_archive(path)
            if state["format"] != _FORMAT:
                raise TrainingError(f"{path} is of another model ({state['format']}).", remedy)
            self.net.load_state_dict(state["net"])
            self.slow.load_state_dict(state["slow"])
            self._optimizer.restore(state["optimizer"])
        except (ValueError, KeyError, RuntimeError) as error:
            raise TrainingError(f"{path} is damaged or of another model ({error}).", remedy) from error
        self.steps_done, self._seconds = int(state["step"]), float(state["seconds"])


def _batch(views: Sequence[View], seed: int) -> tuple[Tensor, Tensor]:
    """Inputs (B, CHANNELS, H, W) and targets (B, 7, H, W)."""
    pairs = [sample(np.random.default_rng([seed, number]), view) for number, view in enumerate(views)]
    x, y = (np.stack(maps) for maps in zip(*pairs, strict=True))
    return torch.from_numpy(x), torch.from_numpy(y)
