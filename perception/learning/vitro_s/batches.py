"""Batches for training vitro-s, drawn ahead of time: which ones is decided by the seed and the step alone."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.errors import TrainingError
from perception.learning.datasets.base import DatasetClip
from perception.learning.datasets.files import demand_folder
from perception.learning.datasets.transphy3d import rendered_clips
from perception.learning.vitro_s.samples import KnownFrame, sample

#: One clip of a set in this many, or the last of fewer, is never trained on: validation and calibration see it.
HELD_OUT_EVERY = 40
#: Most bytes of frames kept in memory, which hold 40,000 of 160x96, and the share of the machine's that they may take.
REMEMBERED_BYTES, REMEMBERED_SHARE = 6_000_000_000, 1 / 3
#: Clips whose size tells how many frames that is.
SIZED_CLIPS = 16
#: Batches that are ready or being made.
AHEAD = 3


@dataclass(frozen=True)
class ClipSplit:
    training: tuple[DatasetClip, ...]
    held_out: tuple[DatasetClip, ...]


def split_clips(roots: Sequence[Path]) -> ClipSplit:
    """The clips of TransPhy3D folders.

    Which of them are held out follows from a clip's own number: a set that grows, or another one beside it, never
    turns clips that were trained on into such that are held out.

    Raises:
        DatasetError: a folder of another layout, without a clip, or with one that lacks a file.
        TrainingError: too few clips to hold some out.
    """
    training: list[DatasetClip] = []
    held_out: list[DatasetClip] = []
    for root in roots:
        demand_folder(root)
        clips = rendered_clips(root)
        for clip in clips:
            clip.demand_files()
        if len(clips) < 2:
            raise TrainingError(
                f"One clip is too few in {root}: at least one more is held out for validation.",
                "Render more: python main.py synth --clips 40 --frames 3 --views jump --out DIR.",
            )
        kept = [clip for clip in clips if int(clip.name) % HELD_OUT_EVERY == HELD_OUT_EVERY - 1] or [clips[-1]]
        held_out += kept
        training += [clip for clip in clips if clip not in kept]
    return ClipSplit(tuple(training), tuple(held_out))


@dataclass(frozen=True)
class Batch:
    """inputs (B, CHANNELS, h, w), targets and weights (B, h, w)."""

    inputs: Tensor
    targets: Tensor
    weights: Tensor

    def to(self, device: torch.device) -> "Batch":
        return Batch(*(tensor.to(device) for tensor in (self.inputs, self.targets, self.weights)))

    def split(self, parts: int) -> list["Batch"]:
        """As many parts of about the same size, fewer where there are not as many samples."""
        pieces = (tensor.chunk(parts) for tensor in (self.inputs, self.targets, self.weights))
        return [Batch(*piece) for piece in zip(*pieces, strict=True)]


class BatchSource:
    def __init__(
        self, clips: Sequence[DatasetClip], batch: int, crop: tuple[int, int] | None, seed: int, width: int = 0
    ) -> None:
        """width: samples are about this wide [px]. Larger frames are made smaller by a drawn whole number and a part
        of that size is taken, so that both the whole and its details are learned. 0 leaves frames as they are.

        Raises:
            DatasetError, TrainingError: as `from_step`, of the few frames that tell how large they are.
        """
        self._clips, self._batch, self._crop, self._seed, self._width = clips, batch, crop, seed, width
        some = [KnownFrame.of(clip.frame(0)).nbytes for clip in clips[:: -(-len(clips) // SIZED_CLIPS)]]
        memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        kept = max(1, min(REMEMBERED_BYTES, int(REMEMBERED_SHARE * memory_bytes)) * len(some) // sum(some))
        self._frame = lru_cache(maxsize=kept)(lambda number, frame: KnownFrame.of(clips[number].frame(frame)))

    def from_step(self, step: int) -> Iterator[Batch]:
        """Endless; closing the iterator ends its thread.

        Raises:
            DatasetError: a frame that is missing or damaged.
            TrainingError: one that does not say where its table is.
        """
        with ThreadPoolExecutor(1) as pool:
            due: list[Future[Batch]] = [pool.submit(self.batch, step + i) for i in range(AHEAD)]
            try:
                while True:
                    step += 1
                    due.append(pool.submit(self.batch, step + AHEAD - 1))
                    yield due.pop(0).result()
            finally:
                for future in due:
                    future.cancel()

    def batch(self, step: int) -> Batch:
        samples = [self._sample(np.random.default_rng([self._seed, step, i])) for i in range(self._batch)]
        sizes = {f"{q.shape[1]}x{q.shape[0]}" for _, q, _ in samples}
        if len(sizes) > 1:
            raise TrainingError(
                f"The frames come in {' and '.join(sorted(sizes))}, and a batch is of one size.",
                "Train on data sets of one size (after --width), or give a --crop that fits in all of them.",
            )
        inputs, targets, weights = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*samples, strict=True))
        return Batch(inputs, targets, weights)

    def _sample(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        number = int(rng.integers(len(self._clips)))
        frame = self._frame(number, int(rng.integers(len(self._clips[number]))))
        times = max(1, round(frame.intrinsics.width / self._width)) if self._width else 1
        height, width = (side // times for side in frame.object_.shape)
        if self._crop is None:
            return sample(rng, frame.shrunk(int(rng.integers(1, times + 1))), (height, width))
        if height < self._crop[0] or width < self._crop[1]:
            raise TrainingError(
                f"Crops of {self._crop[1]}x{self._crop[0]} do not fit the frames of {width}x{height}.",
                "Choose a smaller --crop.",
            )
        return sample(rng, frame.shrunk(times), self._crop)
