"""Works through a clip with checkpoints: what `depth` and `normals` share."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.markup import escape

from app.clips.ahead import read_ahead
from app.clips.map_file import MapFile
from app.console import Console
from app.interrupts import Interrupts
from core.errors import CameraError, ConfigurationError, PerceptionError, StorageError
from core.files import writing
from core.work import Work, digest_of
from hardware.cameras.clips.clip import Clip
from hardware.cameras.clips.files import may_have_depth, open_clip
from perception.estimators.estimator import Estimator
from perception.estimators.options import EstimatorOptions
from perception.estimators.specification import EstimatorSpecification
from perception.threads import fix_threads

#: Work lost at most to a kill, besides that on the frame it falls on; longer where saving takes long itself.
CHECKPOINT_EVERY_S = 60.0
SAVES_SHARE = 1 / 20
#: Disk left free when the maps are written.
_SPARE_BYTES = 100_000_000


@dataclass(frozen=True)
class ClipRequest:
    """What was asked for on the command line, for any command that works through a clip."""

    source: Path
    out: Path
    estimator: str
    settings: EstimatorOptions
    fresh: bool


@dataclass(frozen=True)
class Checkpoint:
    """After `frames` frames went in and `maps` maps came out, `seconds` into the work.

    estimator: its name as it runs. state: the stream's. threads: that computed it (0: written before this was kept).
    """

    frames: int
    maps: int
    seconds: float
    estimator: str
    state: dict[str, Any]
    threads: int = 0


def on_device(request: ClipRequest) -> ClipRequest:
    """The request with the device that `auto` means here.

    Raises:
        ConfigurationError: no such device.
    """
    from perception.estimators.running import pick_device

    return replace(request, settings=replace(request.settings, device=str(pick_device(request.settings.device))))


def identity_of(request: ClipRequest, estimator: str, **more: str) -> dict[str, str]:
    """What makes two runs the same work, by the words of the command line.

    Raises:
        CameraError: there is no such source.
        ConfigurationError: the results would be written among the source's frames.
    """
    if not request.source.exists():
        raise CameraError(
            f"There is no clip {request.source}.", "Name a video file, a .bag, a .db3 or a folder of frames."
        )
    if request.out.exists() and request.out.samefile(request.source):
        raise ConfigurationError(f"--out {request.out} is the source itself.", "Name another folder for the results.")
    weights = request.settings.weights
    settings = {key: str(value) for key, value in asdict(request.settings).items()}
    if weights is not None and weights.exists():
        settings["weights"] = digest_of(weights, "**/*")
    return {"source": digest_of(request.source), "estimator": estimator} | settings | more


def demand_source(specification: EstimatorSpecification, source: Path, why: str) -> None:
    """What needs more than colour is refused before anything is loaded.

    Raises:
        ConfigurationError: the source has colour alone.
    """
    if may_have_depth(source) or not (specification.needs_depth or specification.needs_table):
        return
    lacks = f"has no depth of its own, and {specification.name} is nothing else"
    if specification.needs_table:
        lacks = f"has no intrinsics.json and no depth, and {specification.name} must know the camera and its table"
    raise ConfigurationError(
        f"{source} {lacks} ({why}).",
        "Give a .bag, a .db3, or a folder of 000000.png with intrinsics.json; or fetch a model that needs colour "
        "alone (python main.py weights where) and name it with --estimator.",
    )


def done_before(work: Work, request: ClipRequest, console: Console) -> dict[str, Any] | None:
    """The summary of work that is done already, which it says; None where there is something to do."""
    done = work.finished()
    if done is None or request.fresh:
        return None
    console.say(f"{escape(str(request.out))} holds this already; --fresh works it out anew.")
    return done


@contextmanager
def begun(work: Work, request: ClipRequest, console: Console) -> Iterator[None]:
    """Holds the work's folder, says whether unfinished work is thrown away, and removes earlier results."""
    work.refuse_foreign()
    with work.opened(request.fresh) as changed:
        if changed:
            console.say(f"  starting anew: {changed}")
        if work.forget():
            console.say(f"  earlier results in {escape(str(request.out))} are removed")
        yield


def checked_clip(source: Path, console: Console) -> Clip:
    """Opens a clip behind a bar, which reads it to its end."""
    with console.stage("check") as line, console.frames_bar("checking") as show:
        clip = open_clip(source, show)
        line.detail = f"{clip.count} frame(s) of {clip.width}x{clip.height}, {clip.fps:.4g} a second"
    return clip


def work_through(
    clip: Clip,
    estimator: Estimator,
    maps: MapFile,
    work: Work,
    console: Console,
    copies: int = 1,
) -> Checkpoint:
    """Fills `maps`, going on where a checkpoint says; returns the last one: name and seconds of all runs together.

    copies: files as large as the maps that the disk
    must take in the end, the maps themselves among them.

    Raises:
        KeyboardInterrupt: after the first Ctrl-C, with a checkpoint; at the second at once.
        PerceptionError: the estimator fails on a frame.
        StorageError: the disk is full.
    """
    saved = work.load()
    begun = None if saved is None else Checkpoint(**saved)
    if begun is not None and maps.holds(begun.maps):
        console.say(f"  going on: {begun.frames} of {clip.count} frames seen, {begun.maps} maps written")
    else:
        if work.has_checkpoint:
            console.say("  starting anew: the unfinished work is damaged")
        begun = Checkpoint(0, 0, 0.0, estimator.name, {})
    with writing(maps.path):
        maps.start(begun.maps)
    _demand_disk(maps, copies)
    if maps.written == clip.count:
        return begun
    return _Run(clip, estimator, maps, work, begun).finish(console)


class _Run:
    """One process's part of the work."""

    def __init__(self, clip: Clip, estimator: Estimator, maps: MapFile, work: Work, begun: Checkpoint) -> None:
        self._clip, self._estimator, self._maps, self._work = clip, estimator, maps, work
        self._threads = fix_threads(begun.threads)
        self._share = 0.0
        self._show: Callable[[int, int | None], None] = lambda done, total: None
        self._stream = estimator.stream(clip.count, clip.height, clip.width, self._progress)
        if begun.frames:
            self._stream.restore(begun.state)
        self._frames = begun.frames
        self._started_s = time.monotonic() - begun.seconds

    def finish(self, console: Console) -> Checkpoint:
        due_s = time.monotonic() + CHECKPOINT_EVERY_S
        with (
            Interrupts() as interrupts,
            console.frames_bar("frames", self._clip.count, self._maps.written) as show,
            closing(read_ahead(self._clip.frames(self._frames))) as frames,
        ):
            interrupts.emergency = _stop_now
            self._show = show
            for frame in frames:
                self._take(self._stream.push(frame))
                self._frames += 1
                self._progress(self._share)
                if interrupts.stop_requested or time.monotonic() >= due_s:
                    begun_s = time.monotonic()
                    self._save(self._stream.state())
                    saved_s = time.monotonic()
                    due_s = saved_s + max(CHECKPOINT_EVERY_S, (saved_s - begun_s) / SAVES_SHARE)
                if interrupts.stop_requested:
                    console.say(f"  stopped after {self._frames} frames; the same command goes on there")
                    raise KeyboardInterrupt
            self._save(self._stream.state())
            interrupts.emergency = None  # with the checkpoint just taken the next Ctrl-C may stop at once
            try:
                self._take(self._stream.finish())
            except KeyboardInterrupt:
                console.say("  stopped; the same command goes on where the last frame came in")
                raise
            show(self._maps.written, self._clip.count)
        if self._maps.written != self._clip.count:
            raise PerceptionError(
                f"{self._estimator.name} gave {self._maps.written} maps for {self._clip.count} frames.",
                "This is a defect of the estimator: choose another, and report it.",
            )
        return self._save({})

    def _progress(self, share: float) -> None:
        """The bar counts work in frames: maps come in bursts, windows after the frames that they show."""
        self._share = share
        self._show(max(self._maps.written, int(share * self._clip.count)), self._clip.count)

    def _take(self, new: list[NDArray[np.float32]]) -> None:
        with writing(self._maps.path):
            self._maps.append(new)

    def _save(self, state: dict[str, Any]) -> Checkpoint:
        with writing(self._maps.path):
            self._maps.sync()
        seconds = time.monotonic() - self._started_s
        checkpoint = Checkpoint(self._frames, self._maps.written, seconds, self._estimator.name, state, self._threads)
        self._work.save(vars(checkpoint))
        return checkpoint


def _stop_now() -> None:
    raise KeyboardInterrupt


def _demand_disk(maps: MapFile, copies: int) -> None:
    """Raises a StorageError now rather than after hours."""
    needed = (copies * maps.shape[0] - maps.written) * maps.map_bytes + _SPARE_BYTES
    free = shutil.disk_usage(maps.path.parent).free
    if free < needed:
        raise StorageError(
            f"The maps need {needed / 1e9:.1f} GB and {maps.path.parent} has {free / 1e9:.1f} GB free.",
            "Free some disk (df -h), name another --out, or work through a part of the clip.",
        )


def facts_of(request: ClipRequest, clip: Clip, worked: Checkpoint, why: str) -> dict[str, Any]:
    """What every summary says of how its maps were made."""
    settings = {
        key: str(value) if isinstance(value, Path) else value for key, value in asdict(request.settings).items()
    }
    return {
        "source": str(request.source),
        "estimator": worked.estimator,
        "chosen": why,
        "settings": settings,
        "frames": clip.count,
        "width": clip.width,
        "height": clip.height,
        "fps": round(clip.fps, 3),
        "seconds": round(worked.seconds, 3),
        "ms_per_frame": round(1000 * worked.seconds / clip.count, 3),
    }


def say_done(summary: dict[str, Any], file: str, out: Path, console: Console) -> None:
    """Says how long the maps took and where they are."""
    console.say(
        f"{summary['frames']} frame(s) in {summary['seconds']:.1f} s ({summary['ms_per_frame']:.0f} ms a frame), "
        f"{file} in [bold]{escape(str(out))}[/]"
    )
