"""Which frames each step learns from, at which noise: a function of seed and step alone.

No generator is carried along: what step k draws does not depend on how many processes work, on what
was read ahead, or on where a run was cut off. The sampler's state is its seed and the next step.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from core.errors import TrainingError
from perception.learning.datasets.base import Dataset, DatasetClip

#: What one draw of a seed is for: each use has a stream of its own.
_LENGTH, _CLIP, _LEVEL, _NOISE = range(4)


@dataclass(frozen=True)
class Draw:
    """One sample of a step: frames start .. start + count - 1 of clip `clip` of data set `dataset`.

    level: index of its noise level. noise_seed: of the noise it is mixed with.
    """

    dataset: int
    clip: int
    start: int
    count: int
    level: int
    noise_seed: int


class Sampler:
    """Draws the samples of a step.

    All samples of a step have one length F = 4N + 1, N uniform in 0..(longest - 1) / 4, so that processes
    wait little for each other. F = 1 draws from image and video sets, longer ones from videos alone: a set
    first, each equally likely, then a clip that is long enough, then where in it.
    """

    def __init__(self, datasets: Sequence[Dataset], longest: int, seed: int, levels: int) -> None:
        """Raises TrainingError where no video has `longest` frames."""
        self._clips = [dataset.clips for dataset in datasets]
        self._seed, self._levels = seed, levels
        names = [[dataset.name, *((clip.name, len(clip)) for clip in dataset.clips)] for dataset in datasets]
        self._data = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]
        self._lengths = [4 * n + 1 for n in range((longest - 1) // 4 + 1)]
        #: By length: data sets with the clips that so many frames can be drawn from.
        self._sources = {
            count: [
                (number, usable)
                for number, clips in enumerate(self._clips)
                if (usable := [i for i, c in enumerate(clips) if len(c) >= count and (c.is_video or count == 1)])
            ]
            for count in self._lengths
        }
        if not self._sources[longest]:
            lengths = [len(clip) for clips in self._clips for clip in clips if clip.is_video]
            most = max(lengths, default=1)
            has = f"the longest of {len(lengths)} video clips has {most}" if lengths else "there are only images"
            raise TrainingError(
                f"Clips of {longest} frames are asked for, and {has}.",
                f"Try --longest {max(1, most - (most - 1) % 4)}, or add a video set (python main.py synth makes one).",
            )

    def state(self, step: int) -> dict[str, Any]:
        """What a checkpoint keeps after `step` steps. data: a digest of the clips' names and lengths."""
        return {"seed": self._seed, "next_step": step, "longest": self._lengths[-1], "data": self._data}

    def draw(self, step: int, number: int) -> Draw:
        """Sample `number` of the batch of `step`."""
        count = int(self._lengths[self._random(step, _LENGTH).integers(len(self._lengths))])
        random = self._random(step, _CLIP, number)
        sources = self._sources[count]
        dataset, clips = sources[int(random.integers(len(sources)))]
        clip = clips[int(random.integers(len(clips)))]
        start = int(random.integers(len(self._clips[dataset][clip]) - count + 1))
        level = int(self._random(step, _LEVEL, number).integers(self._levels))
        noise_seed = int(self._random(step, _NOISE, number).integers(2**62))
        return Draw(dataset, clip, start, count, level, noise_seed)

    def _random(self, *what: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, *what))


def split(datasets: Sequence[Dataset], held_out: int) -> tuple[list[Dataset], list[DatasetClip]]:
    """The data sets without `held_out` of their clips, and those clips: videos where there are any.

    At most a quarter is held out, evenly spread; of fewer than four clips none is, and the first serves
    for both. `seen_in_training` tells.
    """
    pool = [(d, c) for d, dataset in enumerate(datasets) for c, clip in enumerate(dataset.clips) if clip.is_video]
    pool = pool or [(d, c) for d, dataset in enumerate(datasets) for c in range(len(dataset.clips))]
    count = min(held_out, len(pool) // 4)
    if count == 0:
        first = pool[0]
        return list(datasets), [datasets[first[0]].clips[first[1]]]
    taken = {pool[(2 * i + 1) * len(pool) // (2 * count)] for i in range(count)}
    rest = [
        Dataset(dataset.name, tuple(clip for c, clip in enumerate(dataset.clips) if (d, c) not in taken))
        for d, dataset in enumerate(datasets)
    ]
    return [dataset for dataset in rest if dataset.clips], [datasets[d].clips[c] for d, c in sorted(taken)]


def seen_in_training(clips: Sequence[DatasetClip], datasets: Sequence[Dataset]) -> int:
    """How many of these clips are drawn from for training too: the same files, as names repeat between sets."""
    # Without the folders above them, which depend on where a set was said to be.
    own = [(PurePosixPath(clip.name).name, clip.stamp()) for clip in clips]
    names = {name for name, _ in own}
    pool = [(PurePosixPath(clip.name).name, clip) for dataset in datasets for clip in dataset.clips]
    # Stamps look at every file: only those of clips that may be the same are asked for.
    drawn_from = {(name, clip.stamp()) for name, clip in pool if name in names}
    return sum(one in drawn_from for one in own)
