"""Folders of images as clips: any names, in the order in which a person would count them."""

import re
from collections.abc import Iterator
from pathlib import Path

from core.errors import CameraError
from core.image_file import read_image
from hardware.cameras.clips.clip import Census, ClipFrame, Progress

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
#: Images keep no times.
NOMINAL_FPS = 30.0


class ImageClip:
    """The images of a folder, or one image as a clip of one frame.

    Raises:
        CameraError: no image, a damaged one, or one of another size than the first.
    """

    fps = NOMINAL_FPS

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        self.name = str(path)
        self._files = image_files(path)
        census = Census(self.name, progress, len(self._files))
        for file in self._files:
            height, width = read_image(file).shape[:2]
            census.add(width, height, file.name)
        self.count = census.count
        self.width, self.height = census.size

    def frames(self, start: int = 0) -> Iterator[ClipFrame]:
        """See `Clip.frames`."""
        for file in self._files[start:]:
            color = read_image(file)
            if color.shape[:2] != (self.height, self.width):
                raise CameraError(f"{file} changed while it was worked on.", "Leave the folder alone; run it again.")
            yield ClipFrame(color)


def image_files(path: Path) -> tuple[Path, ...]:
    """The images of a folder in natural order (2 before 10), or the one image that `path` is.

    Raises:
        CameraError: there is none.
    """
    if path.is_file():
        return (path,)
    images = [p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")]
    if not images:
        raise CameraError(f"{path} holds no image.", f"Put its frames there ({', '.join(SUFFIXES)}), in order by name.")
    return tuple(sorted(images, key=_natural))


def _natural(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Runs of digits compare as numbers, all else as text; names that are equal so, by their bytes."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p], path.name
