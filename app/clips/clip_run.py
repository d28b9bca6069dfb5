"""Estimates the maps of a clip, with checkpoints that the same command goes on from."""

import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from app.clips.map_file import MapFile
from app.console import Console
from app.interrupts import Interrupts
from core.errors import PerceptionError, StorageError
from core.files import writing
from core.report.words import counted
from core.threads import fix_threads
from core.work import Work
from hardware.cameras.clips.clip import Clip, Progress, read_ahead
from hardware.cameras.clips.files import may_have_depth, open_clip
from perception.estimators.estimator import Estimator

#: Work lost at most to a kill, besides that on the frame it falls on; longer where saving takes long itself.
CHECKPOINT_EVERY_S = 60.0
SAVES_SHARE = 1 / 20
#: Disk left free when the maps are written.
_SPARE_BYTES = 100_000_000


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


@dataclass(frozen=True)
class ClipMaps:
    """A clip and its maps (F, H, W) or (F, H, W, 3), on disk; facts: what a summary says of how they were made."""

    clip: Clip
    path: Path
    facts: dict[str, Any]

    @property
    def values(self) -> NDArray[np.float32]:
        """The maps as an array that stays on the disk."""
        return cast(NDArray[np.float32], np.load(self.path, mmap_mode="r"))


def estimate_maps(source: Path, estimator: Estimator, work: Work, console: Console) -> ClipMaps:
    """Fills a file of maps in the work's folder, going on where a checkpoint says.

    Raises:
        CameraError: a damaged or empty clip, found before anything else is done.
        KeyboardInterrupt: after the first Ctrl-C, with a checkpoint; at the second at once.
        PerceptionError: the estimator fails on a frame.
        StorageError: the disk is full.
    """
    with console.stage("check") as line, console.frames_bar("checking") as show:
        clip = open_clip(source, show)
        line.detail = f"{counted(clip.count, 'frame')} of {clip.width}x{clip.height}, {clip.fps:.4g} a second"
    kind = estimator.specification.gives
    maps = MapFile(work.folder / f"{kind}.npy.part", (clip.count, clip.height, clip.width))
    if kind == "normals":
        maps = MapFile(maps.path, (*maps.shape, 3))
    end = Checkpoint(0, 0, 0.0, estimator.name, {})
    saved = work.load()
    if saved is not None and maps.holds(saved["maps"]):
        end = Checkpoint(**saved)
        console.say(f"  going on: {end.frames} of {clip.count} frames seen, {end.maps} maps written")
    elif work.has_checkpoint:
        console.say("  starting anew: the unfinished work is damaged")
    with writing(maps.path):
        maps.start(end.maps)
    # What is relative is written once more in metres, where that can be.
    _demand_disk(maps, copies=2 if kind in ("disparity", "depth") and may_have_depth(source) else 1)
    if maps.written < clip.count:
        end = _Run(clip, estimator, maps, work, end).finish(console)
    maps.close()
    facts = {
        "estimator": end.estimator,
        "frames": clip.count,
        "width": clip.width,
        "height": clip.height,
        "fps": round(clip.fps, 3),
        "seconds": round(end.seconds, 3),
        "ms_per_frame": round(1000 * end.seconds / clip.count, 3),
    }
    return ClipMaps(clip, maps.path, facts)


def _demand_disk(maps: MapFile, copies: int) -> None:
    """Raises a StorageError now rather than after hours; copies: files as large that will lie there in the end."""
    needed = (copies * maps.shape[0] - maps.written) * maps.map_bytes + _SPARE_BYTES
    free = shutil.disk_usage(maps.path.parent).free
    if free < needed:
        raise StorageError(
            f"The maps need {needed / 1e9:.1f} GB and {maps.path.parent} has {free / 1e9:.1f} GB free.",
            "Free some disk (df -h), name another --out, or work through a part of the clip.",
        )


class _Run:
    """One process's part of the work."""

    def __init__(self, clip: Clip, estimator: Estimator, maps: MapFile, work: Work, begin: Checkpoint) -> None:
        self._clip, self._estimator, self._maps, self._work = clip, estimator, maps, work
        self._threads = fix_threads(begin.threads)
        self._show: Callable[[float], None] = lambda share: None
        self._stream = estimator.stream(clip.count, clip.height, clip.width, lambda share: self._show(share))
        if begin.frames:
            self._stream.restore(begin.state)
        self._frames = begin.frames
        self._started_s = time.monotonic() - begin.seconds

    def finish(self, console: Console) -> Checkpoint:
        count = self._clip.count
        with Interrupts() as interrupts, console.frames_bar("frames", count, self._maps.written) as show:
            with interrupts.deferring():
                all_are_in = self._push_frames(interrupts, show)
            if not all_are_in:
                console.say(f"  stopped after {self._frames} frames; the same command goes on there")
                raise KeyboardInterrupt
            try:
                # With the checkpoint just taken the next Ctrl-C may stop at once.
                self._take(self._stream.finish())
            except KeyboardInterrupt:
                console.say("  stopped; the same command goes on where the last frame came in")
                raise
            show(self._maps.written, count)
        if self._maps.written != count:
            raise PerceptionError(
                f"{self._estimator.name} gave {self._maps.written} maps for {count} frames.",
                "This is a defect of the estimator: choose another, and report it.",
            )
        return self._save({})

    def _push_frames(self, interrupts: Interrupts, show: Progress) -> bool:
        """Pushes frame after frame, with a checkpoint now and then and at the end; False where it was to stop."""
        count, due_s, stop = self._clip.count, time.monotonic() + CHECKPOINT_EVERY_S, False
        # The bar counts work in frames: maps come in bursts, windows after the frames that they show.
        self._show = lambda share: show(max(self._maps.written, int(share * count)), count)
        with closing(read_ahead(self._clip.frames(self._frames))) as frames:
            for frame in frames:
                self._take(self._stream.push(frame))
                self._frames += 1
                self._show(0.0)
                stop = interrupts.stop_requested
                if stop or time.monotonic() >= due_s:
                    started_s = time.monotonic()
                    self._save(self._stream.state())
                    seconds = time.monotonic() - started_s
                    due_s = started_s + seconds + max(CHECKPOINT_EVERY_S, seconds / SAVES_SHARE)
                if stop:
                    return False
        self._save(self._stream.state())
        return True

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
