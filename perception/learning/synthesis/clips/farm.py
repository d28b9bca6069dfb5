"""Renders the missing clips of a data set: in this process, or on the processes and machines of a Ray cluster.

The cluster's workers render and send encoded frames; this process alone writes, so the cluster needs no shared disk.
What a lost worker had rendered of its clip is dropped, and another renders it from its start: the bytes are the same.
"""

import logging
import os
import socket
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.cell import Cell
from core.errors import ConfigurationError, DatasetError, VitroError
from hardware.simulation.scene.scene import SceneObject
from perception.learning.synthesis.clips.clip_files import ClipWriter, clip_name
from perception.learning.synthesis.clips.settings import SynthSettings

#: Lost workers that a clip may cost before it is taken for the cause.
MOST_LOSSES = 4
#: How long to wait for a frame before looking at the cluster's size again.
_WAIT_S = 2.0
#: How long a cluster's head may take to answer.
_REACH_S = 10.0
_ROOT = Path(__file__).parents[4]
#: Patterns, as in .gitignore, that keep what a worker does not need from being sent to it: everything in the checkout,
#: which may hold data sets and recordings, but its folder itself, what rendering imports, and no weights or templates
#: among that.
NOT_SENT = ["/*", "!/.", "!/core", "!/hardware", "!/perception", "*.safetensors", "*.md", "*.html"]


@dataclass(frozen=True)
class Job:
    """Clips to render: which of the settings' endless many, with a user's objects among them or of which cell."""

    settings: SynthSettings
    numbers: Sequence[int]
    clips: Path
    user_objects: Sequence[SceneObject] = ()
    cell: Cell | None = None


@dataclass(frozen=True)
class Step:
    """How far a clip is: frames done, 0 again where it is begun anew; is_finished once it has its name on disk."""

    number: int
    frames: int
    is_finished: bool = False


def render_here(job: Job) -> Generator[Step]:
    """One clip after the other.

    Raises:
        StorageError: the disk takes no more; it names the clip, of which nothing is left.
    """
    from perception.learning.synthesis.clips.render import render_clip

    for number in job.numbers:
        with ClipWriter(job.clips, number) as writer:
            frames = 0
            for frames, files in enumerate(render_clip(job.settings, number, job.user_objects, job.cell)):
                writer.add(files)
                yield Step(number, frames)
            writer.finish()
        yield Step(number, frames, is_finished=True)


class _LostWorkerError(Exception):
    """A worker that will send no more of its clip."""


@dataclass
class _Running:
    """A clip on a worker, the encoded frames it sends, and where they go."""

    number: int
    sent: Any
    writer: ClipWriter
    frames: int = -1  # before the clip's facts have come, which are sent first

    def advance(self, frames: int) -> Step:
        """Takes what the worker sent next; frames: how many the clip has.

        Raises:
            _LostWorkerError: the worker is no more.
            VitroError: what the worker raised.
        """
        import ray

        try:
            files: Mapping[str, bytes] = ray.get(next(self.sent))
        except StopIteration:
            if self.frames < frames:
                raise _LostWorkerError("it ended early") from None
            self.writer.finish()
            return Step(self.number, frames, is_finished=True)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, VitroError):
                # Ray's error passes for ours, but what it has for a cause is our error and no text.
                raise error.cause from error
            if isinstance(error.cause, ImportError):
                raise ConfigurationError(
                    f"A worker cannot render ({error.cause}).",
                    "Every machine of the cluster needs the environment that ./setup.sh makes, and its Python.",
                ) from error
            raise
        except ray.exceptions.RayError as error:
            raise _LostWorkerError(str(error).partition("\n")[0]) from error
        self.writer.add(files)
        self.frames += 1
        return Step(self.number, self.frames)


class RayFarm:
    """A Ray cluster while it is entered: `local:N` starts N workers here, anything else is a cluster's address.

    Raises:
        ConfigurationError: no such cluster, or one that does not take us.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        kind, _, count = address.partition(":")
        if kind == "local" and not (count.isdecimal() and int(count)):
            raise ConfigurationError(f"--ray {address} names no number of workers.", "For example: --ray local:2")
        #: Workers on this machine; 0 where the address is a cluster's.
        self._local = int(count) if kind == "local" else 0
        self._losses: dict[int, int] = {}

    def __enter__(self) -> "RayFarm":
        import ray
        from ray._private import ray_constants

        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # Where clusters are not enabled Ray listens to this machine alone: its workers run whatever they are sent.
        ray_constants.ENABLE_RAY_CLUSTER = not self._local
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self._local:
            ours = {"env_vars": {"PYTHONPATH": str(_ROOT)}}
            ray.init("local", num_cpus=self._local, include_dashboard=False, runtime_env=ours, **quiet)
            return self
        try:
            host, _, port = self._address.rpartition(":")
            if host and port.isdecimal():  # Ray itself would try for minutes where nobody listens
                socket.create_connection((host, int(port)), timeout=_REACH_S).close()
            ray.init(self._address, runtime_env={"working_dir": str(_ROOT), "excludes": NOT_SENT}, **quiet)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise ConfigurationError(
                f"There is no Ray cluster at {self._address!r} ({error}).",
                "Give the HOST:PORT that `ray start --head` prints, with the cluster's own RAY_AUTH_TOKEN in the "
                "environment; or --ray local:2 for workers on this machine.",
            ) from error
        except ray.exceptions.RayError as error:
            ray.shutdown()
            raise ConfigurationError(
                f"The Ray cluster at {self._address!r} does not take this work ({' '.join(str(error).split())}).",
                "Mend what it names: it needs room for our code and its own RAY_AUTH_TOKEN in the environment; or give "
                "--ray local:2 for workers on this machine.",
            ) from error
        return self

    def __exit__(self, *exc: object) -> None:
        import ray

        ray.shutdown()

    def render(self, job: Job) -> Generator[Step]:
        """All clips, as many at a time as there are workers.

        Raises:
            StorageError: the disk takes no more.
            DatasetError: every worker that took a certain clip was lost.
            ConfigurationError: the workers lack what rendering needs, or the cell has no room for objects.
        """
        import ray

        given = ray.put((tuple(job.user_objects), job.cell))
        # A lost worker's clip is begun anew here, where what was written of it is dropped: Ray must not repeat it. A
        # worker waits with the next frame until its last is taken: a slow disk fills no memory, and who works on a
        # clip that is not all here is at work on it still.
        once = {"num_returns": "streaming", "max_retries": 0, "_generator_backpressure_num_objects": 1}
        remote: Any = ray.remote(_render)
        waiting, running = deque(job.numbers), dict[Any, _Running]()
        try:
            while waiting or running:
                workers, share = self._workers()
                threads = max(1, (os.cpu_count() or 1) // workers) if self._local else 1
                while waiting and len(running) < workers:
                    number = waiting.popleft()
                    writer = ClipWriter(job.clips, number)
                    sent = remote.options(**once, **share).remote(job.settings, number, given, threads)
                    running[sent] = _Running(number, sent, writer)
                for sent in ray.wait(list(running), num_returns=1, timeout=_WAIT_S)[0]:
                    step = self._advance(running[sent], job, waiting)
                    if step.is_finished or step.number in waiting:
                        running.pop(sent).writer.drop()
                    yield step
        finally:
            for clip in running.values():
                ray.cancel(clip.sent, force=True)
                clip.writer.drop()

    def _advance(self, clip: _Running, job: Job, waiting: deque[int]) -> Step:
        """The clip's next step; one whose worker is lost waits again, before all others."""
        try:
            return clip.advance(job.settings.frames)
        except _LostWorkerError as loss:
            losses = self._losses[clip.number] = self._losses.get(clip.number, 0) + 1
            if losses > MOST_LOSSES:
                raise DatasetError(
                    f"Clip {clip_name(clip.number)} cost {losses} workers, the last because of: {loss}.",
                    "Look at the workers' memory. Finished clips are whole; the same command goes on with the rest.",
                ) from loss
            waiting.appendleft(clip.number)
            return Step(clip.number, 0)

    def _workers(self) -> tuple[int, dict[str, Any]]:
        """How many workers there are now, and what each takes of the cluster: a GPU where there are any."""
        import ray

        has = ray.cluster_resources()
        gpus = int(has.get("GPU", 0))
        if self._local:
            return self._local, {"num_cpus": 1, "num_gpus": min(1.0, gpus / self._local)}
        if gpus:
            return gpus, {"num_cpus": 1, "num_gpus": 1}
        # Half of a small picture's time is not for tracing, and has no use for a second core.
        return max(1, int(has.get("CPU", 1))), {"num_cpus": 1}


def _render(
    settings: SynthSettings, number: int, given: tuple[Sequence[SceneObject], Cell | None], threads: int
) -> Iterator[Mapping[str, bytes]]:
    """What runs on a worker: the files of a clip, as `render_clip` yields them; given: a user's objects, the cell."""
    os.environ["OIDN_NUM_THREADS"] = str(threads)
    from hardware.simulation.rendering.backend import mitsuba

    mitsuba()
    import drjit

    if drjit.thread_count() != threads:
        drjit.set_thread_count(threads)

    from perception.learning.synthesis.clips.render import render_clip

    yield from render_clip(settings, number, *given)
