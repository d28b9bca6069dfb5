"""Clips by path: a video file, a folder of images, or a recording."""

from collections.abc import Callable
from pathlib import Path

from core.errors import CameraError
from hardware.cameras.clips.clip import Clip, Progress
from hardware.cameras.clips.images import SUFFIXES, ImageClip
from hardware.cameras.clips.recording import RecordingClip
from hardware.cameras.frame_folder import is_frame_folder


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
