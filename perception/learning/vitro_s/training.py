"""Training vitro-s on TransPhy3D folders: steps, checkpoints that go on to the bit, validation, weights."""

import copy
import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.errors import TrainingError
from perception.estimators.vitro_s.encoding import CHANNELS
from perception.estimators.vitro_s.model import UNCALIBRATED, VitroS, read_weights, weights_bytes
from perception.estimators.vitro_s.network import VitroNet, average_into, pad_to_multiple, parameters
from perception.learning.training.files import write_whole
from perception.learning.training.log import LogRow, TrainingLog
from perception.learning.vitro_s.calibration import Exam, Scores, calibrate, examine, validation_picture
from perception.learning.vitro_s.lessons import Batch, Lessons, read_curriculum
from perception.learning.vitro_s.losses import loss
from perception.learning.vitro_s.optimizer import Optimizer

STATE, WEIGHTS, LOG, CURVE, PICTURE = "state.pt", "vitro-s.safetensors", "log.csv", "loss.png", "validation.png"
_FORMAT = "vitro-s training 3"
WARM_UP = 50
#: The average that becomes the model forgets half of itself in about 350 steps.
KEEP = 0.998


@dataclass(frozen=True)
class VitroSettings:
    """data: TransPhy3D folders. rate: on the optimizer's learning rates, which rise over `WARM_UP` steps,
    stay, and fall to 0 over the last `decay` of `steps`; so a run may be prolonged before they have fallen.
    width: frames are brought to about this [px], made smaller or in parts; 0: as they are.
    init: a weights file to begin from instead of from nothing.
    workers: threads that share a batch, each of whose parts counts alike: their number belongs to the run; on a
    GPU there is one. device: what torch calls it."""

    data: tuple[Path, ...]
    steps: int = 20_000
    decay: int = 12_000
    batch: int = 16
    crop: tuple[int, int] | None = None
    rate: float = 1.0
    seed: int = 0
    workers: int = 2
    width: int = 160
    init: Path | None = None
    device: str = "cpu"

    def told(self) -> dict[str, str]:
        """What a checkpoint keeps of them, to say in what a run is gone on with otherwise."""
        crop = f"{self.crop[1]}x{self.crop[0]}" if self.crop else "whole"
        facts = asdict(self) | {"data": ", ".join(str(path.resolve()) for path in self.data), "crop": crop}
        return {key: str(value) for key, value in facts.items() if key != "init"}

    def factor(self, step: int) -> float:
        """On the optimizer's rates, of a step counted from 0."""
        decay = min(self.decay, self.steps)
        fall = (self.steps - step) / decay if decay else 1.0
        return self.rate * min(1.0, (step + 1) / WARM_UP, fall)


class VitroTraining:
    """One run in a folder; made anew on the same folder it goes on from its checkpoint.

    Raises:
        DatasetError, TrainingError: data that cannot be used, a checkpoint of another model or damaged.
        PerceptionError: weights to begin from that cannot be used.
    """

    def __init__(self, out: Path, settings: VitroSettings) -> None:
        self.out, self.settings = out, settings
        self.curriculum = read_curriculum(settings.data)
        torch.manual_seed(settings.seed)
        self._device = torch.device(settings.device)
        self.net = VitroNet().to(self._device)
        if settings.init is not None and not (out / STATE).exists():
            self.net.load_state_dict(read_weights(settings.init)[0].state_dict())
        self.slow = copy.deepcopy(self.net)
        self.net = self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = Optimizer(self.net)
        # Each worker computes alone: threads that share one convolution wait for each other half of the time.
        torch.set_num_threads(1)
        self._parts = settings.workers if self._device.type == "cpu" else 1
        self._workers = ThreadPoolExecutor(settings.workers)
        self.steps_done = 0
        #: `batch: 16 before, 24 now`, for every setting in which a run is gone on with otherwise.
        self.changed: tuple[str, ...] = ()
        self._told = settings.told() | {"clips": str(len(self.curriculum.training))}
        self.began_at = self._resume()
        self._log = TrainingLog(out / LOG)
        self._log.begin(self.steps_done)
        lessons = Lessons(self.curriculum.training, settings.batch, settings.crop, settings.seed, settings.width)
        self._batches: Iterator[Batch] = lessons.from_step(self.steps_done)

    def step(self) -> LogRow:
        """One step of the optimizer.

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
        speed = self.settings.batch / seconds
        row = LogRow(self.steps_done, value, norm, factor, 1, speed, speed, seconds)
        self._log.add(row)
        return row

    def _gradients(self, batch: Batch) -> tuple[float, list[Tensor]]:
        """The loss of a batch, whose parts the workers share, and its gradients."""
        shares = [self._workers.submit(self._share, part) for part in batch.split(self._parts)]
        results = [share.result() for share in shares]
        summed = (sum(parts[1:], parts[0]) for parts in zip(*(result[1] for result in results), strict=True))
        return float(np.mean([result[0] for result in results])), [total / len(results) for total in summed]

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
            "settings": self._told,
            "net": self.net.state_dict(),
            "slow": self.slow.state_dict(),
            "optimizer": self._optimizer.state(),
        }
        content = io.BytesIO()
        torch.save(state, content)
        write_whole(self.out / STATE, content.getvalue())
        self._log.draw(self.out / CURVE)

    def validate(self, progress: Callable[[int, int], None]) -> Scores:
        """Scores on the held-out clips, with a picture of some. Raises as `write_whole`."""
        return self._exam(progress).scores

    def finish(self, progress: Callable[[int, int], None]) -> Scores:
        """Calibrates the confidence on the held-out clips and writes weights and picture. Raises as `write_whole`."""
        exam = self._exam(progress, is_thorough=True)
        write_whole(self.out / WEIGHTS, weights_bytes(self.slow, calibrate(exam)))
        return exam.scores

    def _exam(self, progress: Callable[[int, int], None], is_thorough: bool = False) -> Exam:
        model = VitroS(copy.deepcopy(self.slow), UNCALIBRATED, self.settings.device)
        exam = examine(model, self.curriculum.held_out, progress, is_thorough)
        write_whole(self.out / PICTURE, validation_picture(model, self.curriculum.held_out))
        return exam

    def close(self) -> None:
        """Ends the threads that draw batches and work on them."""
        self._batches.close()  # type: ignore[attr-defined]
        self._workers.shutdown()

    def _identity(self) -> dict[str, int]:
        return {"parameters": parameters(self.net), "channels": CHANNELS}

    def _resume(self) -> int:
        """Takes the checkpoint up where there is one; the steps done then."""
        path = self.out / STATE
        if not path.exists():
            return 0
        state = self._read(path)
        self.net.load_state_dict(state["net"])
        self.slow.load_state_dict(state["slow"])
        self._optimizer.restore(state["optimizer"])
        self.steps_done = int(state["step"])
        before, now = state.get("settings", {}), self._told
        self.changed = tuple(
            f"{key}: {before[key]} before, {now[key]} now" for key in now if before.get(key, now[key]) != now[key]
        )
        return self.steps_done

    def _read(self, path: Path) -> dict[str, Any]:
        remedy = "Move it away to begin anew, or choose another --out."
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            kind, network = state["format"], state["network"]
        except Exception as error:  # torch raises whatever its archive or pickle reader met
            # An EOFError says nothing; what an archive's reader says is long.
            said = (str(error) or "it ends early").splitlines()[0].partition(". ")[0]
            raise TrainingError(f"{path} is damaged ({said}).", remedy) from error
        if kind != _FORMAT or network != self._identity():
            raise TrainingError(f"{path} is of another model ({kind}, {network}; here {self._identity()}).", remedy)
        return state
