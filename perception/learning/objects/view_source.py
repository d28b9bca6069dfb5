"""Where training views come from: scenes rendered while the network trains, kept in memory, and on disk if asked."""

import signal
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from core.errors import TrainingError
from core.files import writing
from perception.estimators.vitro_s.model import VitroS, load_vitro_s
from perception.learning.objects.samples import add_answers
from perception.learning.objects.view_file import read_views, write_views
from perception.learning.objects.views import View, render_views

#: One scene in this many, by its number, is never trained on.
HELD_OUT_EVERY = 20
#: Training begins with so many: one of them is held out.
LEAST_SCENES = HELD_OUT_EVERY
#: What a scene's seed is continued with for what is seen of it.
_SEEN = 7


class ViewSource:
    """Scenes 0, 1, 2, ... of a seed; those that a folder holds already are read, the others rendered by workers."""

    def __init__(self, seed: int, workers: int, folder: Path | None, most: int) -> None:
        """workers: processes that render; folder: where scenes are kept, nowhere if None; most: scenes in all."""
        self._seed, self._folder, self._most = seed, folder, most
        self._training: dict[int, list[View]] = {}
        self._held_out: dict[int, list[View]] = {}
        self._next, self._due = 0, list[Future[tuple[int, list[View]]]]()
        self._workers = workers
        # Each renderer is a process of its own: Mitsuba's state is the process's.
        # Ctrl-C is for the trainer to answer.
        self._pool = ProcessPoolExecutor(
            max(workers, 1), get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN)
        )

    @property
    def scenes(self) -> int:
        return len(self._training) + len(self._held_out)

    @property
    def held_out(self) -> list[View]:
        return [view for number in sorted(self._held_out) for view in self._held_out[number]]

    def fill(self, show: Callable[[int, int], None]) -> None:
        """Waits until there is enough to begin with.

        Raises:
            TrainingError: a renderer died, or a stored scene is damaged.
            StorageError: the folder takes no more.
        """
        least = min(LEAST_SCENES, self._most)
        while self.scenes < least:
            self.collect(wait_s=1.0)
            show(min(self.scenes, least), least)

    def collect(self, wait_s: float = 0.0) -> None:
        """Takes what the workers have ready, and gives them more. Raises as `fill`."""
        while len(self._due) < 2 * self._workers and self._next < self._most:
            self._due.append(self._pool.submit(_scene, self._seed, self._next, self._folder))
            self._next += 1
        if wait_s:
            wait(self._due, wait_s)
        for future in [future for future in self._due if future.done()]:
            self._due.remove(future)
            try:
                number, views = future.result()
            except BrokenProcessPool as error:
                raise TrainingError(
                    "A process that renders training scenes died, most likely for want of memory.",
                    "The last checkpoint stands: go on with fewer --renderers or --scenes.",
                ) from error
            kind = self._held_out if number % HELD_OUT_EVERY == HELD_OUT_EVERY - 1 else self._training
            kind[number] = views

    def draw(self, rng: np.random.Generator) -> View:
        """Any view to train on."""
        views = self._training[list(self._training)[int(rng.integers(len(self._training)))]]
        return views[int(rng.integers(len(views)))]

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


def _scene(seed: int, number: int, folder: Path | None) -> tuple[int, list[View]]:
    """In a worker."""
    path = None if folder is None else folder / f"{seed}-{number:05d}.npz"
    if path is not None and path.exists():
        return number, read_views(path)
    rng = np.random.default_rng([seed, number, _SEEN])
    views = [add_answers(rng, view, _model()) for view in render_views([seed, number])]
    if path is not None:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_views(path, views)
    return number, views


@lru_cache(maxsize=1)
def _model() -> VitroS:
    import torch

    torch.set_num_threads(1)
    return load_vitro_s()
