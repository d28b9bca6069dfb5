"""Clips by path: a video file, a folder of images, or a recording."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from core.errors import CameraError
from core.image_file import read_image
from hardware.cameras.camera import EndOfRecording
from hardware.cameras.clips.clip import NOMINAL_FPS, Census, Clip, ClipFrame, Progress
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.frame_folder import is_frame_folder
from hardware.cameras.recorded import open_recording

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def open_clip(path: Path, progress: Progress | None = None) -> Clip:
    """Opens a clip and reads it once to its end, in bounded memory: damage is found before any work starts.

    `.bag`, `.db3` and our frame folders (with intrinsics.json) give frames with depth; folders of
    images with any names, single images and videos give colour alone.

    Raises:
        CameraError: nothing there, no frame, damage (with the frame or time of it), or frames of
            different sizes.
    """
    if not path.exists():
        raise CameraError(f"There is no clip {path}.", "Name a video file, a .bag, a .db3 or a folder of frames.")
    try:
        for takes, read in _READERS:
            if takes(path):
                return read(path, progress)
    except OSError as error:
        raise CameraError(f"{path} cannot be read ({error.strerror or error}).", "Mend its permissions.") from error
    raise CameraError(f"{path} is neither a file nor a folder.", "Name a video file, a .bag, a .db3 or a folder.")


def may_have_depth(path: Path) -> bool:
    """Whether a clip's frames come with intrinsics and, where the sensor gave any, depth."""
    return is_frame_folder(path) if path.is_dir() else path.suffix.lower() in (".bag", ".db3")


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


class RecordingClip:
    """Every frame of a recording, with its depth and intrinsics.

    Raises:
        CameraError: what `open_recording` or reading to the end raises, or no frame.
    """

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        self.name = str(path)
        self._path = path
        census = Census(self.name, progress, None)
        stamps_s = [0.0, 0.0]
        for frame in self._read():
            census.add(frame.color.shape[1], frame.color.shape[0])
            stamps_s[min(census.count - 1, 1)] = frame.stamp_s
        census.demand_some()
        self.count = census.count
        self.width, self.height = census.size
        span_s = stamps_s[1] - stamps_s[0]
        self.fps = (self.count - 1) / span_s if self.count > 1 and span_s > 0 else NOMINAL_FPS

    def frames(self, start: int = 0) -> Iterator[ClipFrame]:
        """See `Clip.frames`; the recording is played from its beginning."""
        number = -1
        for number, frame in enumerate(self._read()):
            if number >= start:
                yield ClipFrame(frame.color, frame)
        if number + 1 != self.count:
            raise CameraError(
                f"{self.name} had {self.count} frames and now has {number + 1}.", "Leave the file alone; run it again."
            )

    def _read(self) -> Iterator[RgbdFrame]:
        with closing(open_recording(self._path)) as camera, suppress(EndOfRecording):
            while True:
                yield camera.read()


def _is_images(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() in SUFFIXES


def _read_video(path: Path, progress: Progress | None) -> Clip:
    from hardware.cameras.clips.video import VideoClip

    return VideoClip(path, progress)


#: The first that takes a path reads it.
_READERS: tuple[tuple[Callable[[Path], bool], Callable[[Path, Progress | None], Clip]], ...] = (
    (may_have_depth, RecordingClip),
    (_is_images, ImageClip),
    (Path.is_file, _read_video),
)
