"""Clips read ahead: each process gets its share of every step's batch, whatever it waits for."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from core.errors import TrainingError, VitroError
from perception.learning.datasets.base import Dataset
from perception.learning.training.clips import TrainingClip, read_clip
from perception.learning.training.draws import Draw, Sampler

#: What was drawn, and what it reads.
DrawnClip = tuple[Draw, TrainingClip]

#: How torch's error begins where a process that reads ahead is no more; it has no type of its own.
_LOST = "DataLoader worker"


class _Reader(TorchDataset[DrawnClip | VitroError]):
    """The clip of (step, number), read from disk; or why not: raised in another process it would come as torch's."""

    def __init__(self, datasets: Sequence[Dataset], sampler: Sampler, size: tuple[int, int]) -> None:
        self._datasets, self._sampler, self._size = datasets, sampler, size

    def __getitem__(self, index: tuple[int, int]) -> DrawnClip | VitroError:
        draw = self._sampler.draw(*index)
        try:
            clip = self._datasets[draw.dataset].clips[draw.clip]
            return draw, read_clip(clip, draw.start, draw.count, self._size)
        except VitroError as error:
            return error


def clip_stream(
    datasets: Sequence[Dataset],
    sampler: Sampler,
    size: tuple[int, int],
    first_step: int,
    batch: int,
    share: tuple[int, int],
    workers: int,
) -> Iterator[DrawnClip]:
    """The clips of one process in order, from `first_step` on; share: (this process, number of processes).

    workers: processes that read ahead; 0 reads where it is asked for.

    Raises:
        DatasetError: a frame that cannot be read.
    """
    reader = _Reader(datasets, sampler, size)
    process, processes = share
    ahead: dict[str, Any] = {"num_workers": workers, "worker_init_fn": _leave_interrupts} if workers else {}
    loader = DataLoader(
        reader,
        batch_size=None,
        sampler=((step, number) for step in count(first_step) for number in range(process, batch, processes)),
        # One of its own: a loader seeds its workers, and a resumed run must not take numbers off the global one.
        generator=torch.Generator().manual_seed(0),
        **ahead,
    )
    for read in loader:
        if isinstance(read, VitroError):
            raise read
        yield read


@contextmanager
def naming_lost_readers() -> Iterator[None]:
    """Around all of the training: torch tells of a reader that was killed wherever training is at that moment.

    Raises:
        TrainingError: that happened.
    """
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith(_LOST):
            raise
        raise TrainingError(
            f"A process that reads ahead was lost ({str(error).partition('. ')[0].rstrip('.')}).",
            "Look at the memory (free -m). The same command goes on from the last checkpoint; with --workers 0 the "
            "process that trains reads for itself.",
        ) from error


def _leave_interrupts(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal; the one that trains finishes its step, for which it needs these."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
