"""A clip as most readers give it: a list of frames, each read by a function of the layout."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from perception.learning.datasets.base import DatasetFrame


@dataclass(frozen=True)
class FrameClip:
    """read(folder, stem) gives the frame whose files in `folder` begin with `stem`."""

    name: str
    is_video: bool
    folder: Path
    stems: Sequence[str]
    read: Callable[[Path, str], DatasetFrame]

    def __len__(self) -> int:
        return len(self.stems)

    def frame(self, i: int) -> DatasetFrame:
        """See `Clip.frame`."""
        return self.read(self.folder, self.stems[i])

    def stamp(self) -> str:
        """See `Clip.stamp`."""
        return stamp_of(self.folder.rglob("*"))


def stamp_of(files: Iterable[Path]) -> str:
    """A digest of the files' names, sizes and times of change."""
    told = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(files) if file.is_file()]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def stems_of(folder: Path, ending: str) -> tuple[str, ...]:
    """What the files that end so begin with, in order."""
    return tuple(sorted(file.name.removesuffix(ending) for file in folder.glob(f"*{ending}")))
