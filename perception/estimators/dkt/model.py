"""A loaded DKT: its transformer, exact or folded, its VAE and its schedule, ready to open clips."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel

from core.errors import ConfigurationError
from perception.estimators.dkt.codec import FrameShape, Target
from perception.estimators.dkt.fast_vae import make_fast
from perception.estimators.dkt.files import find_files
from perception.estimators.dkt.load import check_files, load_prompt, load_transformer, load_vae
from perception.estimators.dkt.offload import demand_device, fits, offload_blocks, weight_bytes, working_bytes
from perception.estimators.dkt.sampler import STEPS, STRIDE, WINDOW, Schedule, demand_windows, released_schedule
from perception.estimators.dkt.sizes import MULTIPLE, TransformerSize
from perception.estimators.dkt.speed import SpeedUps, speed_up
from perception.estimators.dkt.stream import DktStream, Transformer
from perception.estimators.dkt.transformer import ExactTransformer, FoldedTransformer
from perception.estimators.running import demand_multiple
from perception.estimators.specification import Progress

Mode = Literal["exact", "fast"]

#: (width, height) [px] of the release.
SIZE = (832, 480)
#: (dim, layers) of the released transformers.
RELEASED = {(1536, 30): "1.3b", (5120, 40): "14b"}


@dataclass(frozen=True)
class DktSettings:
    """How a DKT runs; the defaults are the release's, on the CPU.

    window and stride are in latents (four frames each, but for the first). mode: `exact` computes
    every token as released, `fast` folds constants and compiles on CUDA. offload: the transformer's
    blocks wait in RAM and come one by one; None: where they do not fit into the device's memory.
    """

    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    mode: Mode = "exact"
    size: tuple[int, int] = SIZE
    steps: int = STEPS
    window: int = WINDOW
    stride: int = STRIDE
    offload: bool | None = None

    def __post_init__(self) -> None:
        demand_windows(self.window, self.stride)
        demand_multiple("DKT", self.size, MULTIPLE)
        if self.steps < 1:
            raise ConfigurationError(f"{self.steps} denoising steps denoise nothing.", f"As released: --steps {STEPS}.")

    def describe(self) -> str:
        """As reports name it: `fast bfloat16 cuda 832x480 5 steps`."""
        dtype, device = str(self.dtype).removeprefix("torch."), torch.device(self.device).type
        told = f"{self.mode} {dtype} {device} {self.size[0]}x{self.size[1]} {self.steps} steps"
        return f"{told}, blocks offloaded" if self.offload else told


@dataclass(frozen=True)
class Dkt:
    """The loaded model. size_name: `1.3b`, `14b`, or the number of parameters of any other.

    speed_ups: of fast mode on CUDA.
    """

    transformer: Transformer
    vae: AutoencoderKLWan
    schedule: Schedule
    settings: DktSettings
    size_name: str
    speed_ups: SpeedUps | None = None

    def describe(self) -> str:
        """How it runs, as reports name it: the settings, and which ways to be fast were taken."""
        told = self.settings.describe()
        return told if self.speed_ups is None else f"{told}, {self.speed_ups.describe()}"

    def open(
        self,
        count: int,
        height: int,
        width: int,
        target: Target,
        size: tuple[int, int] | None = None,
        progress: Progress = lambda share: None,
    ) -> DktStream:
        """A stream for a clip of `count` frames; size, where given, instead of the settings'."""
        shape = FrameShape(height, width, size or self.settings.size)
        windows = (self.settings.window, self.settings.stride)
        return DktStream(self.transformer, self.vae, self.schedule, windows, shape, count, target, progress)


def load_dkt(folder: Path, settings: DktSettings) -> Dkt:
    """Loads the files in `folder`.

    Raises:
        ConfigurationError: offloading is asked for where there is nothing to offload from.
        PerceptionError: files that are missing, damaged or of another model.
    """
    if settings.offload:
        demand_device(torch.device(settings.device))
    parts = check_files(find_files(folder))
    vae = load_vae(parts.files, parts.vae, settings.dtype).to(settings.device)
    transformer = load_transformer(parts, settings.dtype)
    return assemble(transformer, vae, load_prompt(parts.files), settings, size_name(parts.transformer, transformer))


def assemble(
    transformer: WanTransformer3DModel, vae: AutoencoderKLWan, prompt: torch.Tensor, settings: DktSettings, name: str
) -> Dkt:
    """A DKT of modules that are loaded already, the VAE on its device; in fast mode both are used up."""
    schedule = released_schedule(settings.steps, settings.dtype)
    reserve = working_bytes(transformer, vae, settings.size, settings.window)
    placed, offloads = _place(transformer, prompt, schedule, settings, reserve)
    speed_ups = None
    if isinstance(placed, FoldedTransformer):
        vae = make_fast(vae)
        if torch.device(settings.device).type == "cuda":
            speed_ups = speed_up(placed, vae, offloads)
    return Dkt(placed, vae, schedule, replace(settings, offload=offloads), name, speed_ups)


def _place(
    transformer: WanTransformer3DModel, prompt: torch.Tensor, schedule: Schedule, settings: DktSettings, reserve: int
) -> tuple[Transformer, bool]:
    """The transformer as it will run, and whether its blocks wait in RAM; `reserve`: bytes it works in."""
    device, asked = torch.device(settings.device), settings.offload

    def fits_whole(module: torch.nn.Module) -> bool:
        return not asked and (asked is False or fits(weight_bytes(module, device) + reserve, device))

    if fits_whole(transformer):
        transformer.to(device)
        kind = ExactTransformer if settings.mode == "exact" else FoldedTransformer
        return kind(transformer, prompt.to(device), schedule), False
    if settings.mode == "exact":
        offload_blocks(transformer, device)
        return ExactTransformer(transformer, prompt, schedule), True
    # Folded in RAM it is smaller, and may fit after all.
    folded = FoldedTransformer(transformer, prompt, schedule)
    if fits_whole(folded):
        return folded.to(device), False
    offload_blocks(folded, device)
    return folded, True


def size_name(size: TransformerSize, transformer: torch.nn.Module) -> str:
    """`1.3b` or `14b` for the released sizes, else the millions of parameters, such as `9m`."""
    count = sum(tensor.numel() for tensor in transformer.parameters())
    return RELEASED.get((size.dim, size.layers), f"{count / 1e6:.0f}m")
