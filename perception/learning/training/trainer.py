"""One optimizer step of flow matching on as many processes as there are, with the release's noise levels."""

import math
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Literal

import torch
from accelerate import Accelerator, DistributedType
from accelerate.utils import InitProcessGroupKwargs
from torch import Tensor, nn

from core.errors import ConfigurationError, TrainingError
from core.threads import fix_threads
from perception.estimators.dkt.codec import CausalEncoder
from perception.estimators.dkt.sampler import Schedule, released_schedule
from perception.estimators.dkt.transformer import ExactTransformer
from perception.learning.datasets.base import Dataset
from perception.learning.training.base import Base
from perception.learning.training.clips import TrainingClip, known_of_latents
from perception.learning.training.draws import Draw, Sampler
from perception.learning.training.files import LogRow
from perception.learning.training.loader import clip_stream
from perception.learning.training.lora import add_lora
from perception.learning.training.settings import TrainingSettings

#: Noise levels of the released `training_loss`: the sampler's schedule in this many steps.
LEVELS = 1000
#: One process, or several that hold all of the model each.
_KINDS = (DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU)
#: The others wait so long for the one that validates.
_PATIENCE = timedelta(hours=2)
#: Processes that read ahead on a machine with a GPU; a CPU that trains has no time to spare.
_WORKERS_ON_CUDA = 4


class VelocityModel(nn.Module):
    """The transformer as inference calls it, at any of the training levels; what `accelerate` wraps."""

    def __init__(self, transformer: nn.Module, prompt: Tensor, levels: Schedule) -> None:
        super().__init__()
        self.transformer = transformer
        self._exact = ExactTransformer(transformer, prompt, levels)  # type: ignore[arg-type]

    def forward(self, level: int, latents: Tensor, colors: Tensor) -> Tensor:
        return self._exact.velocity(level, latents, colors)


def make_accelerator(settings: TrainingSettings) -> Accelerator:
    """One process's part: device, mixed precision and how many samples it adds up a step.

    Raises:
        ConfigurationError: a batch that the processes cannot share evenly.
    """
    precision = settings.precision or ("bfloat16" if torch.cuda.is_available() and settings.device != "cpu" else None)
    accelerator = Accelerator(
        cpu=settings.device == "cpu",
        mixed_precision="bf16" if precision == "bfloat16" else "no",
        step_scheduler_with_optimizer=False,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=_PATIENCE)],
    )
    if accelerator.distributed_type not in _KINDS:
        raise ConfigurationError(
            f"Training is not written for {accelerator.distributed_type.value}.",
            "Every process holds the whole frozen base: choose plain multi-GPU (accelerate config), one GPU or more.",
        )
    if settings.batch % accelerator.num_processes:
        raise ConfigurationError(
            f"A batch of {settings.batch} cannot be shared by {accelerator.num_processes} processes.",
            f"Choose a --batch that is a multiple of {accelerator.num_processes}.",
        )
    accelerator.gradient_accumulation_steps = settings.batch // accelerator.num_processes
    fix_threads()
    if settings.deterministic:
        torch.use_deterministic_algorithms(True)
    return accelerator


class Trainer:
    """Base, LoRA and optimizer on their devices; `step` after `step` from where `start` says."""

    def __init__(
        self,
        accelerator: Accelerator,
        base: Base,
        datasets: Sequence[Dataset],
        sampler: Sampler,
        settings: TrainingSettings,
    ) -> None:
        self.accelerator, self.sampler, self.settings = accelerator, sampler, settings
        self._datasets, self._vae = datasets, base.vae
        self._levels = training_levels(base.vae.dtype)
        self._level_weights = level_weights(settings.weighting)
        self.transformer = add_lora(base.transformer, settings.rank, settings.seed)
        on_cuda = accelerator.device.type == "cuda"
        if on_cuda if settings.gradient_checkpointing is None else settings.gradient_checkpointing:
            self.transformer.enable_gradient_checkpointing()
        self._workers = (_WORKERS_ON_CUDA if on_cuda else 0) if settings.workers is None else settings.workers
        self._learning = [p for p in self.transformer.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(self._learning, settings.learning_rate, weight_decay=settings.weight_decay)
        model = VelocityModel(self.transformer, base.prompt, self._levels)
        self.model, self.optimizer = accelerator.prepare(model, optimizer)
        self.is_stopping = False
        self.start(0)

    def start(self, steps_done: int) -> None:
        """Goes on after so many steps; weights and optimizer are as they were then."""
        self.steps_done, share = steps_done, (self.accelerator.process_index, self.accelerator.num_processes)
        size, batch = self.settings.size, self.settings.batch
        self._clips = clip_stream(self._datasets, self.sampler, size, steps_done, batch, share, self._workers)

    def step(self, should_stop: Callable[[], bool] = lambda: False) -> LogRow:
        """One step of the whole batch.

        Args:
            should_stop: whether this process is asked to, read once the loss is known; `is_stopping`: whether any was.

        Raises:
            TrainingError: the loss or its gradient is not finite: nothing was changed.
            DatasetError: a frame that cannot be read.
        """
        began_s = time.monotonic()
        losses, draws = [], []
        for _ in range(self.accelerator.gradient_accumulation_steps):
            draw, clip = next(self._clips)
            with self.accelerator.accumulate(self.model):
                loss = self._loss(draw, clip)
                self.accelerator.backward(loss)
                losses.append(loss.detach())
                draws.append(draw)
        # The mean loss of all processes, and whether any of them is to stop.
        loss = torch.stack(losses).mean()
        own = torch.stack([loss.float(), loss.new_tensor(float(should_stop()), dtype=torch.float32)])
        gathered = self.accelerator.gather(own[None])
        mean, self.is_stopping = float(gathered[:, 0].mean()), bool(gathered[:, 1].max() > 0)
        grad_norm = float(self.accelerator.clip_grad_norm_(self._learning, self.settings.clip_norm))
        if not (math.isfinite(mean) and math.isfinite(grad_norm)):
            self.optimizer.zero_grad()
            raise TrainingError(
                f"The loss of step {self.steps_done + 1} is {mean:g}, its gradient's norm {grad_norm:g}: not finite.",
                "Nothing was changed by it, and the last checkpoint is kept: run the same command with a smaller "
                "--learning-rate, or --precision float32.",
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.steps_done += 1
        seconds = time.monotonic() - began_s
        rate, frames = self.settings.learning_rate, draws[0].count
        return LogRow.of(self.steps_done, mean, grad_norm, rate, frames, self.settings.batch, seconds)

    def _loss(self, draw: Draw, clip: TrainingClip) -> Tensor:
        """How far the predicted velocity of a clip is from the true one."""
        device = self.accelerator.device
        colors = encode(self._vae, clip.color.to(device)).float()
        truth = encode(self._vae, clip.disparity.to(device)).float()
        noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(draw.noise_seed)).to(device)
        latents, velocity = add_noise(truth, noise, float(self._levels.sigmas[draw.level]))
        dtype = self._vae.dtype
        predicted = self.model(draw.level, latents.to(dtype), colors.to(dtype))
        known = known_of_latents(clip.known.to(device), (truth.shape[2], truth.shape[3], truth.shape[4]))
        return velocity_loss(predicted, velocity, known) * self._level_weights[draw.level].to(device)


@torch.no_grad()
def encode(vae: nn.Module, frames: Tensor) -> Tensor:
    """Normalised latents (1, z, (F + 3) / 4, h/8, w/8) of frames (1, 3, F, h, w) in -1..1, as inference makes them."""
    encoder = CausalEncoder(vae)  # type: ignore[arg-type]
    pushed = (encoder.push(frame.to(vae.dtype)) for frame in frames.split(1, 2))  # type: ignore[attr-defined]
    return torch.cat([latent for latent in pushed if latent is not None], 2)


def training_levels(dtype: torch.dtype) -> Schedule:
    """All levels t = 5 s / (1 + 4 s), s = 1, 0.999, .. 0.001, as inference's schedule of 1,000 steps has them.

    dtype: in which the transformer is told its timestep (released: rounded to it).
    """
    return released_schedule(LEVELS, dtype)


def add_noise(truth: Tensor, noise: Tensor, t: float) -> tuple[Tensor, Tensor]:
    """Where truth x_0 is after the share t of the straight way to noise x_1, and its velocity x_1 - x_0 there."""
    return (1 - t) * truth + t * noise, noise - truth


def velocity_loss(predicted: Tensor, velocity: Tensor, known: Tensor) -> Tensor:
    """Mean squared error (1, 16, T, h, w) over what is known; with everything known the plain mean.

    known: (1, 1, T, h, w) in 0..1, the weight of each latent.
    """
    errors = (predicted.float() - velocity.float()).square()
    weight = known.expand_as(errors)
    return (errors * weight).sum() / weight.sum()


def level_weights(weighting: Literal["plain", "released"]) -> Tensor:
    """(LEVELS,) what each level's loss is multiplied with; 1 on average.

    `released`: a bell around timestep 500 down to 0 at its lowest, of the released scheduler.
    """
    if weighting == "plain":
        return torch.ones(LEVELS)
    timesteps = training_levels(torch.float32).sigmas[:-1] * LEVELS
    bell = torch.exp(-2 * ((timesteps - LEVELS / 2) / LEVELS) ** 2)
    raised = bell - bell.min()
    return raised * (LEVELS / raised.sum())
