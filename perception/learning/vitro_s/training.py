"""Training vitro-s on TransPhy3D folders: steps, checkpoints that go on to the bit, validation, weights."""

import copy
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from core.errors import TrainingError
from core.files import read_archive
from core.work import changes, write_whole
from perception.estimators.running import pick_device
from perception.estimators.vitro_s.encoding import CHANNELS, LOG_B
from perception.estimators.vitro_s.model import UNCALIBRATED, VitroS, read_weights, weights_bytes
from perception.estimators.vitro_s.network import VitroNet, pad_to_multiple, parameters
from perception.learning.training.averaged import PICTURE, STATE, AveragedTraining
from perception.learning.training.files import GOES_ON, write_png
from perception.learning.training.validation import Progress
from perception.learning.vitro_s.batches import Batch, BatchSource, split_clips
from perception.learning.vitro_s.settings import VitroSettings
from perception.learning.vitro_s.validation import Scores, Validation, calibrate, validate, validation_picture

WEIGHTS = "vitro-s.safetensors"
_FORMAT = "vitro-s training 3"
#: Scales of the gradient term and its weight; weights of the terms for the expected error and for outlines.
SCALES, GRADIENT, LIKELIHOOD, OUTLINE = 3, 0.5, 0.05, 0.15
#: Above the table: by 4 mm where the camera is 0.6 m over it.
ABOVE_Q = 0.027


class VitroTraining(AveragedTraining[VitroNet]):
    """One run in a folder; made anew on the same folder it goes on from its checkpoint.

    Raises:
        DatasetError, TrainingError: data that cannot be used, a checkpoint of another model or damaged.
        PerceptionError: weights to begin from that cannot be used.
    """

    is_over, seconds_left = False, math.inf
    #: The first and the last layer are AdamW's, as Muon's authors advise.
    adams_modules, adam_rate = ("stem", "head"), 2e-4

    def __init__(self, out: Path, settings: VitroSettings) -> None:
        self.settings = settings
        self.clips = split_clips(settings.data)
        torch.manual_seed(settings.seed)
        device = pick_device(settings.device)
        net = VitroNet().to(device)
        if settings.init is not None and not (out / STATE).exists():
            net.load_state_dict(read_weights(settings.init)[0].state_dict())
        slow = copy.deepcopy(net)
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        super().__init__(out, settings.batch, settings.workers, device, net, slow)
        #: `batch: 16 before, 24 now`, for every setting in which a run goes on otherwise.
        self.changes: tuple[str, ...] = ()
        self._facts = settings.facts() | {"device": str(device), "clips": str(len(self.clips.training))}
        self._resume()
        self.lost_steps = self._log.begin(self.steps_done)
        batches = BatchSource(self.clips.training, settings.batch, settings.crop_shape, settings.seed, settings.width)
        self._batches: Iterator[Batch] = batches.from_step(self.steps_done)

    def _factor(self) -> float:
        return self.settings.factor(self.steps_done)

    def _losses(self) -> list[Callable[[], Tensor]]:
        return [partial(self._loss, part) for part in next(self._batches).split(self._parts)]

    def _loss(self, part: Batch) -> Tensor:
        part = part.to(self._device)
        height, width = part.targets.shape[1:]
        with torch.autocast(self._device.type, torch.bfloat16):
            answer = self.net(pad_to_multiple(part.inputs).contiguous(memory_format=torch.channels_last))
        return loss(answer[..., :height, :width].float(), part.targets, part.weights)

    def save(self) -> None:
        """The checkpoint. Raises as `write_whole`."""
        self._save({"format": _FORMAT, "network": self._identity(), "settings": self._facts})

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
        super().close()

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
        self._restore(state)
        self.changes = tuple(changes(self._facts | state.get("settings", {}), self._facts))


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
