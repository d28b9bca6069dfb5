"""The ways to run a clip that a bench compares, and what one of them takes."""

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from perception.estimators.dkt.codec import FRAMES_PER_LATENT, FrameShape, latent_count
from perception.estimators.dkt.model import Dkt, DktSettings
from perception.estimators.dkt.sampler import SEED, blend_weights, released_schedule
from perception.estimators.dkt.stream import Transformer
from perception.estimators.dkt.transformer import ExactTransformer
from perception.estimators.dkt.warm_clip import WarmClip
from perception.estimators.specification import Observation
from perception.learning.speed.models import Built
from perception.learning.speed.watch import PeakMemory, Stopwatch, wait_for

Frames = list[NDArray[np.uint8]]
Maps = NDArray[np.float32]

STAGES = ("encode", "denoise", "decode")


class Way(Protocol):
    @property
    def note(self) -> str:
        """What a reader must know about how it ran."""
        ...

    def run(self, frames: Frames, watch: Stopwatch) -> Maps:
        """Disparities (F, H, W) of frames (H, W, 3), or of the newest alone (1, H, W)."""
        ...


@dataclass(frozen=True)
class Timing:
    """Milliseconds a frame, medians over `repeats` runs of a clip.

    stages: of `STAGES`, where they can be told apart. whole: the clip from frames to maps, upload and
    resizing included. peak_bytes: None where the system does not tell. note: see `Way.note`.
    """

    whole_ms: float
    stages_ms: dict[str, float]
    peak_bytes: int | None
    repeats: int
    note: str = ""


class PlainPipeline:
    """DKT as anyone would write it with diffusers' classes: what fast mode is measured against.

    The whole clip is encoded, denoised and decoded at once; every token is computed in every step: 512 of the
    prompt and 257 of the empty image; nothing is folded, compiled or streamed. Where a clip is longer than a
    window, the windows' velocities are blended at every step, as in the released sampler.
    """

    note = ""

    def __init__(self, built: Built, settings: DktSettings) -> None:
        self._vae, self._settings = built.vae, settings
        weight = built.vae.quant_conv.weight
        self._device, self._dtype = weight.device, weight.dtype
        self._schedule = released_schedule(settings.steps, settings.dtype)
        self._transformer = ExactTransformer(built.transformer, built.prompt.to(weight), self._schedule)
        self._mean, self._std = (
            torch.tensor(values).to(weight).reshape(1, -1, 1, 1, 1)
            for values in (built.vae.config.latents_mean, built.vae.config.latents_std)
        )

    @torch.no_grad()
    def run(self, frames: list[NDArray[np.uint8]], watch: Stopwatch) -> NDArray[np.float32]:
        """Disparities (F, H, W) of frames (H, W, 3)."""
        height, width = frames[0].shape[:2]
        shape = FrameShape(height, width, self._settings.size)
        padded = frames + [frames[-1]] * ((latent_count(len(frames)) - 1) * FRAMES_PER_LATENT + 1 - len(frames))
        clip = torch.cat([shape.to_model(frame, self._device, self._dtype) for frame in padded], 2)
        with watch.stage("encode"):
            colors = (self._vae.encode(clip).latent_dist.mode() - self._mean) / self._std
        noise = torch.randn(colors.shape, generator=torch.Generator().manual_seed(SEED)).to(colors)
        with watch.stage("denoise"):
            latents = noise
            for step in range(self._schedule.steps):
                latents = latents + self._blend(step, latents, colors) * self._schedule.change(step)
        with watch.stage("decode"):
            decoded = self._vae.decode(latents * self._std + self._mean).sample
        return shape.disparity(decoded[:, :, : len(frames)]).cpu().numpy()

    def _blend(self, step: int, latents: Tensor, colors: Tensor) -> Tensor:
        """The velocity of the whole clip, from that of its windows."""
        window, stride, total = self._settings.window, self._settings.stride, latents.shape[2]
        value, weight = torch.zeros_like(latents), latents.new_zeros(1, 1, total, 1, 1)
        start, end = 0, 0
        while end < total:
            end = min(start + window, total)
            here = slice(start, end)
            ramp = blend_weights(end - start, window - stride, start == 0, end == total).to(latents)
            ramp = ramp.reshape(1, 1, -1, 1, 1)
            value[:, :, here] += self._transformer.velocity(step, latents[:, :, here], colors[:, :, here]) * ramp
            weight[:, :, here] += ramp
            start += stride
        return value / weight


class Streamed:
    """A clip frame by frame, as `python main.py depth` runs it."""

    note = ""

    def __init__(self, model: Dkt) -> None:
        self._model = model

    def run(self, frames: Frames, watch: Stopwatch) -> Maps:
        with _watch(self._model, watch) as model:
            height, width = frames[0].shape[:2]
            stream = model.open(len(frames), height, width, "depth")
            return np.stack([a_map for frame in frames for a_map in stream.push(Observation(frame))] + stream.finish())


class Warm:
    """The cell's way: the newest frame's map alone, everything ready beforehand."""

    def __init__(self, model: Dkt, frames: Frames) -> None:
        self._clip = WarmClip(model, len(frames), *frames[0].shape[:2])

    @property
    def note(self) -> str:
        return "no CUDA graph" if self._clip.lacks_graph else ""

    def run(self, frames: Frames, watch: Stopwatch) -> Maps:
        return self._clip.newest(frames)[None]


def measure(make: Callable[[], Way], frames: Frames, repeats: int, device: torch.device) -> tuple[Timing, Maps]:
    """Runs the clip once for nothing (it compiles, tunes and allocates), then `repeats` times.

    The peak is that of the runs that count; of a warm clip, which keeps what it takes, that of all.
    """
    memory = PeakMemory(device)
    # Left to this way is what the last one no longer holds.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    memory.reset()
    way = make()
    way.run(frames, Stopwatch(device))
    if not isinstance(way, Warm):
        memory.reset()
    whole, stages = [], []
    for _ in range(repeats):
        watch, begun_s = Stopwatch(device), time.perf_counter()
        maps = way.run(frames, watch)
        wait_for(device)
        whole.append(time.perf_counter() - begun_s)
        stages.append(watch.seconds())
    each_ms = 1e3 / len(frames)
    told = {name: statistics.median(run[name] for run in stages) * each_ms for name in STAGES if name in stages[0]}
    return Timing(statistics.median(whole) * each_ms, told, memory.bytes(), repeats, way.note), maps


def difference(maps: Maps, reference: Maps) -> float:
    """Median relative difference from the last of the reference's maps, of disparity and so of depth."""
    reference = reference[-len(maps) :]
    return float(np.median(np.abs(maps - reference) / np.maximum(reference, 1e-3)))


def drifting_clip(count: int, size: tuple[int, int]) -> Frames:
    """Frames (H, W, 3) of smooth random colours that drift; size: (width, height) [px]."""
    coarse = torch.rand(1, 3, 6, 10, generator=torch.Generator().manual_seed(0))
    image = torch.nn.functional.interpolate(coarse, size[::-1], mode="bicubic")[0].clamp(0, 1)
    frame = (image.permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    return [np.ascontiguousarray(np.roll(frame, 3 * number, axis=1)) for number in range(count)]


class _Timed:
    """A transformer whose passes are counted as denoising."""

    def __init__(self, transformer: Transformer, watch: Stopwatch) -> None:
        self._transformer, self._watch = transformer, watch

    def velocity(self, step: int, latents: Tensor, colors: Tensor) -> Tensor:
        with self._watch.stage("denoise"):
            return self._transformer.velocity(step, latents, colors)


@contextmanager
def _watch(model: Dkt, watch: Stopwatch) -> Iterator[Dkt]:
    """The model, its stages counted."""
    hooks = []
    for half, stage in ((model.vae.encoder, "encode"), (model.vae.decoder, "decode")):
        hooks.append(half.register_forward_pre_hook(lambda *_, stage=stage: watch.start(stage)))
        hooks.append(half.register_forward_hook(lambda *_: watch.stop()))
    try:
        yield replace(model, transformer=_Timed(model.transformer, watch))
    finally:
        for hook in hooks:
            hook.remove()
