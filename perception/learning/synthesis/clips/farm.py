"""Renders the missing clips of a data set in this process; `ray_farm` does the same on many."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.cell import Cell
from hardware.simulation.scene.scene import SceneObject
from perception.learning.synthesis.clips.clip_files import ClipWriter
from perception.learning.synthesis.clips.settings import SynthSettings


@dataclass(frozen=True)
class Job:
    """Clips to render: which of the settings' endless many, into which folder, with a user's objects among them, or
    of which cell."""

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
