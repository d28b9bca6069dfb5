"""Clips by path: a video file, a folder of images, or a recording."""

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from core.errors import CameraError
from core.image_file import read_image
from hardware.cameras.camera import EndOfRecording
from hardware.cameras.clips.clip import Clip, ClipFrame, FileClip, Progress
from hardware.cameras.foreign.graspnet import is_graspnet
from hardware.cameras.foreign.ros_bag import is_ros_bag
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.frame_folder import SUFFIXES, is_frame_folder, natural_key
from hardware.cameras.recorded import open_recording


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
        if may_have_depth(path):
            return RecordingClip(path, progress)
        if path.is_dir() or path.suffix.lower() in SUFFIXES:
            return ImageClip(path, progress)
        if path.is_file():
            from hardware.cameras.clips.video import VideoClip

            return VideoClip(path, progress)
    except OSError as error:
        raise CameraError(f"{path} cannot be read ({error.strerror or error}).", "Mend its permissions.") from error
    raise CameraError(f"{path} is neither a file nor a folder.", "Name a video file, a .bag, a .db3 or a folder.")


def may_have_depth(path: Path) -> bool:
    """Whether a clip's frames come with intrinsics and, where the sensor gave any, depth."""
    if path.is_dir():
        return is_frame_folder(path) or is_graspnet(path) or is_ros_bag(path)
    return path.suffix.lower() in (".bag", ".db3", ".mcap")


class ImageClip(FileClip[Path]):
    """The images of a folder, or one image as a clip of one frame.

    Raises:
        CameraError: no image, a damaged one, or one of another size than the first.
    """

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        super().__init__(path, progress)
        self._files = image_files(path)
        for file in self._files:
            height, width = read_image(file).shape[:2]
            self._count_frame(width, height, len(self._files), file.name)

    def _play(self) -> Iterator[Path]:
        return iter(self._files)

    def _convert(self, frame: Path) -> ClipFrame:
        color = read_image(frame)
        if color.shape[:2] != (self.height, self.width):
            raise CameraError(f"{frame} changed while it was worked on.", "Leave the folder alone; run it again.")
        return ClipFrame(color)


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
    return tuple(sorted(images, key=natural_key))


class RecordingClip(FileClip[RgbdFrame]):
    """Every frame of a recording, with its depth and intrinsics.

    Raises:
        CameraError: what `open_recording` or reading to the end raises, or no frame.
    """

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        super().__init__(path, progress)
        stamps_s = [0.0, 0.0]
        for frame in self._play():
            self._count_frame(frame.color.shape[1], frame.color.shape[0], None)
            stamps_s[min(self.count - 1, 1)] = frame.stamp_s
        self._demand_frames()
        span_s = stamps_s[1] - stamps_s[0]
        if self.count > 1 and span_s > 0:
            self.fps = (self.count - 1) / span_s

    def _play(self) -> Iterator[RgbdFrame]:
        with closing(open_recording(self._path)) as camera, suppress(EndOfRecording):
            while True:
                yield camera.read()

    def _convert(self, frame: RgbdFrame) -> ClipFrame:
        return ClipFrame(frame.color, frame)
