"""Training vitro-s on TransPhy3D folders: steps, checkpoints that go on to the bit, validation, weights."""

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.errors import TrainingError
from core.files import read_archive, write_archive
from core.threads import fix_threads
from core.work import changes, write_whole
from perception.estimators.running import pick_device
from perception.estimators.vitro_s.encoding import CHANNELS, LOG_B
from perception.estimators.vitro_s.model import UNCALIBRATED, VitroS, read_weights, weights_bytes
from perception.estimators.vitro_s.network import VitroNet, average_into, pad_to_multiple, parameters
from perception.learning.training.files import GOES_ON, LogRow, TrainingLog, write_png
from perception.learning.training.validation import Progress
from perception.learning.vitro_s.batches import Batch, BatchSource, split_clips
from perception.learning.vitro_s.settings import VitroSettings
from perception.learning.vitro_s.validation import Scores, Validation, calibrate, validate, validation_picture

STATE, WEIGHTS, LOG, CURVE, PICTURE = "state.pt", "vitro-s.safetensors", "log.csv", "loss.png", "validation.png"
_FORMAT = "vitro-s training 3"
#: The average that becomes the model forgets half of itself in about 350 steps.
KEEP = 0.998
#: Scales of the gradient term and its weight; weights of the terms for the expected error and for outlines.
SCALES, GRADIENT, LIKELIHOOD, OUTLINE = 3, 0.5, 0.05, 0.15
#: Above the table: by 4 mm where the camera is 0.6 m over it.
ABOVE_Q = 0.027
ADAM_RATE, MUON_RATE = 2e-4, 2e-3
WEIGHT_DECAY, BETAS, MOMENTUM = 1e-2, (0.9, 0.98), 0.95
#: Parts of the kernels that can be stepped at the same time.
HANDS = 2
#: The first and the last layer are AdamW's, as Muon's authors advise.
_ADAMS_MODULES = ("stem", "head")


class VitroTraining:
    """One run in a folder; made anew on the same folder it goes on from its checkpoint.

    Raises:
        DatasetError, TrainingError: data that cannot be used, a checkpoint of another model or damaged.
        PerceptionError: weights to begin from that cannot be used.
    """

    is_over, seconds_left = False, math.inf

    def __init__(self, out: Path, settings: VitroSettings) -> None:
        self.out, self.settings = out, settings
        self.clips = split_clips(settings.data)
        torch.manual_seed(settings.seed)
        self._device = pick_device(settings.device)
        self.net = VitroNet().to(self._device)
        if settings.init is not None and not (out / STATE).exists():
            self.net.load_state_dict(read_weights(settings.init)[0].state_dict())
        self.slow = copy.deepcopy(self.net)
        self.net = self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = Optimizer(self.net)
        # Each worker computes alone: threads that share one convolution wait for each other half of the time.
        fix_threads(1)
        self._parts = settings.workers if self._device.type == "cpu" else 1
        self._workers = ThreadPoolExecutor(settings.workers)
        self.steps_done, self.is_stopping = 0, False
        #: `batch: 16 before, 24 now`, for every setting in which a run goes on otherwise.
        self.changes: tuple[str, ...] = ()
        self._facts = settings.facts() | {"device": str(self._device), "clips": str(len(self.clips.training))}
        self._resume()
        self._log = TrainingLog(out / LOG)
        self.lost_steps = self._log.begin(self.steps_done)
        batches = BatchSource(self.clips.training, settings.batch, settings.crop_shape, settings.seed, settings.width)
        self._batches: Iterator[Batch] = batches.from_step(self.steps_done)

    def step(self, should_stop: Callable[[], bool] = lambda: False) -> LogRow:
        """One step of the optimizer; should_stop: whether it is to be the last, read when it is done.

        Raises:
            TrainingError: the loss is not finite; the last checkpoint stands.
        """
        began_s, factor = time.monotonic(), self.settings.factor(self.steps_done)
        value, gradients = self._gradients(next(self._batches))
        if not np.isfinite(value):
            raise TrainingError(
                f"The loss of step {self.steps_done + 1} is {value}.",
                "The last checkpoint stands: go on with a smaller --rate.",
            )
        norm = float(torch.stack([gradient.norm() for gradient in gradients]).norm())
        self._optimizer.step(gradients, factor, self._workers)
        self.steps_done += 1
        average_into(self.slow, self.net, min(KEEP, self.steps_done / (self.steps_done + 10)))
        seconds = time.monotonic() - began_s
        row = LogRow.of(self.steps_done, value, norm, factor, 1, self.settings.batch, seconds)
        self._log.add(row)
        self.is_stopping = should_stop()
        return row

    def _gradients(self, batch: Batch) -> tuple[float, list[Tensor]]:
        """The loss of a batch, whose parts the workers share, and its gradients."""
        return mean_gradients([self._workers.submit(self._share, part) for part in batch.split(self._parts)])

    def _share(self, part: Batch) -> tuple[float, tuple[Tensor, ...]]:
        part = part.to(self._device)
        height, width = part.targets.shape[1:]
        with torch.autocast(self._device.type, torch.bfloat16):
            answer = self.net(pad_to_multiple(part.inputs).contiguous(memory_format=torch.channels_last))
        value = loss(answer[..., :height, :width].float(), part.targets, part.weights)
        return value.item(), torch.autograd.grad(value, self._optimizer.parameters)

    def save(self) -> None:
        """The checkpoint; a kill at any moment leaves the one before or this one. Raises as `write_whole`."""
        state = {
            "format": _FORMAT,
            "network": self._identity(),
            "step": self.steps_done,
            "settings": self._facts,
            "net": self.net.state_dict(),
            "slow": self.slow.state_dict(),
            "optimizer": self._optimizer.state(),
        }
        write_archive(self.out / STATE, state, GOES_ON)
        self._log.draw(self.out / CURVE)

    def validate(self, progress: Progress) -> list[str]:
        """Scores on the held-out clips, with a picture of some. Raises as `write_whole`."""
        return [self._validation(progress).scores.describe(self.steps_done)]

    def finish(self, progress: Progress) -> Scores:
        """Calibrates the confidence on the held-out clips and writes weights and picture. Raises as `write_whole`."""
        validation = self._validation(progress, is_thorough=True)
        write_whole(self.out / WEIGHTS, weights_bytes(self.slow, calibrate(validation)), GOES_ON)
        return validation.scores

    def _validation(self, progress: Progress, is_thorough: bool = False) -> Validation:
        model = VitroS(copy.deepcopy(self.slow), UNCALIBRATED, str(self._device))
        validation = validate(model, self.clips.held_out, progress, is_thorough)
        write_png(self.out / PICTURE, validation_picture(model, self.clips.held_out))
        return validation

    def close(self) -> None:
        self._batches.close()  # type: ignore[attr-defined]
        self._workers.shutdown()

    def _identity(self) -> dict[str, int]:
        return {"parameters": parameters(self.net), "channels": CHANNELS}

    def _resume(self) -> None:
        path, remedy = self.out / STATE, "Move it away to begin anew, or choose another --out."
        if not path.exists():
            return
        try:
            state = read_archive(path)
            kind, network = state["format"], state["network"]
        except (ValueError, KeyError) as error:
            raise TrainingError(f"{path} is damaged ({error}).", remedy) from error
        if kind != _FORMAT or network != self._identity():
            raise TrainingError(f"{path} is of another model ({kind}, {network}; here {self._identity()}).", remedy)
        self.net.load_state_dict(state["net"])
        self.slow.load_state_dict(state["slow"])
        self._optimizer.restore(state["optimizer"])
        self.steps_done = int(state["step"])
        self.changes = tuple(changes(self._facts | state.get("settings", {}), self._facts))


def mean_gradients(shares: Sequence[Future[tuple[float, tuple[Tensor, ...]]]]) -> tuple[float, list[Tensor]]:
    """The mean loss and gradients of a batch's parts, which workers computed."""
    results = [share.result() for share in shares]
    summed = (sum(parts[1:], parts[0]) for parts in zip(*(result[1] for result in results), strict=True))
    return float(np.mean([result[0] for result in results])), [total / len(results) for total in summed]


class Optimizer:
    """Muon for the convolutions, AdamW for the rest, under one factor on their rates.

    Muon (Jordan et al. 2024; `torch.optim.Muon`) takes orthogonal steps, for which a matrix is needed: a
    convolution's kernel counts as one of its outputs by all of its inputs. On this network AdamW alone learns
    far more slowly (docs/lab/vitro-s.md).
    """

    def __init__(
        self, net: nn.Module, adams_modules: tuple[str, ...] = _ADAMS_MODULES, adam_rate: float = ADAM_RATE
    ) -> None:
        """net: its kernels lie in memory as channels_last has them; adams_modules: whose kernels AdamW moves too."""
        self._adam_rate = adam_rate
        named = list(net.named_parameters())
        kernels = {name for name, p in named if p.ndim == 4 and not name.startswith(adams_modules)}
        self._kernels = [p for name, p in named if name in kernels]
        self._others = [p for name, p in named if name not in kernels]
        # Matrices that share the kernels' memory.
        self._matrices = [nn.Parameter(_matrix(kernel.data)) for kernel in self._kernels]
        self._muons = [
            torch.optim.Muon(self._matrices[i::HANDS], MUON_RATE, weight_decay=WEIGHT_DECAY, momentum=MOMENTUM)
            for i in range(HANDS)
        ]
        self._adam = torch.optim.AdamW(self._others, adam_rate, weight_decay=WEIGHT_DECAY, betas=BETAS, fused=True)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What `step` wants gradients of, in its order."""
        return [*self._kernels, *self._others]

    def step(self, gradients: Sequence[Tensor], factor: float, workers: Executor) -> None:
        """Moves the weights, each part of them in a worker; factor (0 to 1) scales all rates."""
        for matrix, gradient in zip(self._matrices, gradients, strict=False):
            matrix.grad = _matrix(gradient)
        for other, gradient in zip(self._others, gradients[len(self._matrices) :], strict=True):
            other.grad = gradient
        rates = [*((muon, MUON_RATE) for muon in self._muons), (self._adam, self._adam_rate)]
        for optimizer, rate in rates:
            optimizer.param_groups[0]["lr"] = rate * factor
        for done in [workers.submit(optimizer.step) for optimizer, _ in rates]:
            done.result()

    def state(self) -> dict[str, Any]:
        return {"muon": [muon.state_dict() for muon in self._muons], "adam": self._adam.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        for muon, own in zip(self._muons, state["muon"], strict=True):
            muon.load_state_dict(own)
        self._adam.load_state_dict(state["adam"])


def _matrix(kernel: Tensor) -> Tensor:
    """(out, h * w * in) view of a kernel (out, in, h, w) in channels_last memory."""
    return kernel.permute(0, 2, 3, 1).contiguous().flatten(1)


def loss(answer: Tensor, q: Tensor, weight: Tensor) -> Tensor:
    """Scalar loss of answers (B, 3, H, W) for targets (B, H, W) under weights (B, H, W).

    L1 on q; L1 on its differences at three scales (as MiDaS has it, Ranftl et al. 2020); and the negative
    log likelihood of a Laplace distribution around the answer as it is, so that the expected error cannot
    buy a worse depth; and the cross entropy of what stands above the table.
    """
    total = weight.sum().clamp(min=1.0)
    error = answer[:, 0] - q
    value = (weight * error.abs()).sum() / total
    log_b = answer[:, 1].clamp(*LOG_B)
    likelihood = (weight * (error.detach().abs() * torch.exp(-log_b) + log_b)).sum() / total
    above = functional.binary_cross_entropy_with_logits(answer[:, 2], (q > ABOVE_Q).float(), weight, reduction="sum")
    gradient = error.new_zeros(())
    for scale in range(SCALES):
        e, w = error[:, :: 2**scale, :: 2**scale], weight[:, :: 2**scale, :: 2**scale]
        across, down = torch.minimum(w[:, :, 1:], w[:, :, :-1]), torch.minimum(w[:, 1:], w[:, :-1])
        gradient = gradient + (across * (e[:, :, 1:] - e[:, :, :-1]).abs()).sum() / across.sum().clamp(min=1.0)
        gradient = gradient + (down * (e[:, 1:] - e[:, :-1]).abs()).sum() / down.sum().clamp(min=1.0)
    return value + GRADIENT * gradient + LIKELIHOOD * likelihood + OUTLINE * above / total
