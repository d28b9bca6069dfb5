"""Training the objects' network on scenes that are rendered as it learns: steps, checkpoints, validation, weights."""

import copy
import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import TrainingError
from core.files import read_archive
from core.work import write_whole
from perception.estimators.running import pick_device
from perception.learning.objects.loss import WEIGHTS as TERMS
from perception.learning.objects.loss import loss_terms
from perception.learning.objects.samples import sample
from perception.learning.objects.settings import ObjectsSettings
from perception.learning.objects.validation import ObjectScores, validate, validation_picture
from perception.learning.objects.view_source import ViewSource
from perception.learning.objects.views import View
from perception.learning.training.averaged import PICTURE, STATE, AveragedTraining
from perception.learning.training.files import GOES_ON, write_png
from perception.learning.training.validation import Progress
from perception.objects.model import FORMAT, WEIGHTS, ObjectFinder, read_network
from perception.objects.network import ObjectsNet
from perception.weights.bundled import tensors_bytes

_FORMAT = "objects training 1"
#: Validated on so many views.
VALIDATED = 80


class ObjectsTraining(AveragedTraining[ObjectsNet]):
    """One run in a folder; made anew on the same folder it goes on from its checkpoint, on other draws: which scenes
    were ready when decides what is drawn.

    Raises:
        TrainingError: a checkpoint of another model or damaged.
        PerceptionError: weights to begin from that cannot be used.
    """

    #: Steps after the last checkpoint are lost for good.
    lost_steps = 0

    #: The encoder's kernels are pretrained, the ends are AdamW's as Muon's authors advise.
    adams_modules, adam_rate = ("encoder", "stem", "head"), 3e-4
    longest_gradient = 5.0

    def __init__(self, out: Path, settings: ObjectsSettings) -> None:
        self.settings = settings
        device = pick_device(settings.device)
        init = settings.init or (WEIGHTS if WEIGHTS.exists() else None)
        torch.manual_seed(settings.seed)
        net = ObjectsNet() if init is None else copy.deepcopy(read_network(init))
        net = net.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        super().__init__(out, settings.batch, settings.workers, device, net, copy.deepcopy(net))
        self._loader = ThreadPoolExecutor(1)
        self._resume()
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

    def _factor(self) -> float:
        return self.settings.factor(self.share, self.steps_done)

    def _losses(self) -> list[Callable[[], Tensor]]:
        self.source.collect()
        while len(self._ahead) < 2:
            drawn = [self.source.draw(self._draws) for _ in range(self.settings.batch)]
            self._ahead.append(self._loader.submit(_batch, drawn, int(self._draws.integers(1 << 31))))
        x, y = self._ahead.pop(0).result()
        parts = zip(x.chunk(self._parts), y.chunk(self._parts), strict=True)
        return [partial(self._loss, *part) for part in parts]

    def _loss(self, x: Tensor, y: Tensor) -> Tensor:
        x, y = x.to(self._device), y.to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16):
            answer = self.net(x.contiguous(memory_format=torch.channels_last))
        terms = loss_terms(answer.float(), y)
        return torch.stack([TERMS[name] * term for name, term in terms.items()]).sum()

    def save(self) -> None:
        """The checkpoint. Raises as `write_whole`."""
        self._save({"format": _FORMAT, "seconds": self._seconds})

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
        super().close()
        self.source.close()

    def _resume(self) -> None:
        path, remedy = self.out / STATE, "Move it away to begin anew, or choose another --out."
        if not path.exists():
            return
        try:
            state: dict[str, Any] = read_archive(path)
            if state["format"] != _FORMAT:
                raise TrainingError(f"{path} is of another model ({state['format']}).", remedy)
            self._restore(state)
            self._seconds = float(state["seconds"])
        except (ValueError, KeyError, RuntimeError) as error:
            raise TrainingError(f"{path} is damaged or of another model ({error}).", remedy) from error


def _batch(views: Sequence[View], seed: int) -> tuple[Tensor, Tensor]:
    """Inputs (B, CHANNELS, H, W) and targets (B, 7, H, W)."""
    pairs = [sample(np.random.default_rng([seed, number]), view) for number, view in enumerate(views)]
    x, y = (np.stack(maps) for maps in zip(*pairs, strict=True))
    return torch.from_numpy(x), torch.from_numpy(y)
