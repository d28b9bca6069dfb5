"""Recordings as cameras: `.bag` and `.db3` of librealsense, and folders of frames."""

import shlex
from pathlib import Path
from typing import Any

from core.errors import CameraError
from core.image import Intrinsics
from hardware.cameras.camera import Camera, EndOfRecording
from hardware.cameras.child import Child, ChildLost
from hardware.cameras.foreign.graspnet import GraspNetCamera, is_graspnet
from hardware.cameras.foreign.ros_bag import RosBagCamera, is_ros_bag
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.frame_folder import FrameFolderCamera
from hardware.cameras.intrinsics.files import NAMES

#: Longest waits for the player, the first with the time that its libraries take to load [s].
_OPEN_S = 30.0
_STALL_S = 20.0
#: An MCAP's header and what begins after it.
_HEAD_BYTES = 256


def open_recording(path: Path) -> Camera:
    """Opens a `.bag`, a `.db3`, a folder of frames or one with `frames/` in it, as a trial's, a bag of ROS or a folder
    of GraspNet's layout.

    Raises:
        CameraError: nothing there, not a recording, or a damaged one.
    """
    path = Path(path)
    if not path.exists():
        raise CameraError(f"There is no recording {path}.", "Name an existing .bag, .db3, .mcap or folder of frames.")
    if _is_trial(path):
        raise CameraError(
            f"{path} records a trial, not a camera alone.",
            f"See it: python main.py replay {shlex.quote(str(path))}; for a dry run, name its folder.",
        )
    if is_ros_bag(path):
        return RosBagCamera(path)
    if path.is_dir():
        return GraspNetCamera(path) if is_graspnet(path) else FrameFolderCamera(_frames_of(path))
    if path.suffix.lower() not in (".bag", ".db3"):
        raise CameraError(
            f"{path} is not a recording Vitro can play.",
            "Give a RealSense .bag or .db3, a ROS bag or .mcap, or a folder of frames.",
        )
    return RecordedCamera(path)


def _frames_of(folder: Path) -> Path:
    """Of a folder that has pictures of its own, as a trial's, the one in it that holds the frames."""
    frames = folder / "frames"
    return frames if frames.is_dir() and not any((folder / name).exists() for name in NAMES) else folder


def _is_trial(path: Path) -> bool:
    """Whether it is an MCAP that a trial wrote: a metadata record called vitro follows its header."""
    if path.suffix.lower() != ".mcap" or not path.is_file():
        return False
    with path.open("rb") as file:
        return b"\x05\0\0\0vitro" in file.read(_HEAD_BYTES)


class RecordedCamera(Camera):
    """Plays a RealSense recording frame by frame, as fast as it is read.

    librealsense runs in a process of its own (`player`), which a damaged file may hang or crash.

    Raises:
        CameraError: an empty, cut-off, foreign or damaged file, one without colour, or one whose
            lens or layout cannot be read.
    """

    is_live = False

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._count = 0
        self._last_error: CameraError | None = None
        self._player = Child("hardware.cameras.player", str(path))
        self.intrinsics: Intrinsics = self._answer(_OPEN_S)

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        """The next frame; a recording's clock stands still between its frames, so nothing times out.

        Raises:
            EndOfRecording: every frame has been read.
            CameraError: instead of that, where frames are damaged or have no depth; playback hangs, or was closed.
        """
        if self._last_error is not None:
            raise self._last_error
        if not self._player.is_open:
            raise CameraError(f"{self.name} is closed.", "Open it again to read it from its beginning.")
        frame = self._answer(_STALL_S)
        self._count += 1
        return frame

    def _answer(self, timeout_s: float) -> Any:
        """What the player sends next; its last word is raised, and again whenever asked for more."""
        try:
            kind, value = self._player.receive(timeout_s)
        except ChildLost as lost:
            kind, value = "failure", str(lost)
        if kind in ("intrinsics", "frame"):
            return value
        if kind == "end":
            self._last_error = EndOfRecording(self.name, value)
        elif kind == "error":
            self._last_error = CameraError(*value)
        else:
            kept = f"The {self._count} frames given are sound; for the others copy" if self._count else "Copy"
            cause = f"{self.name} is damaged: librealsense {value} on it."
            self._last_error = CameraError(cause, f"{kept} the file again.")
        self._player.close()
        raise self._last_error

    def close(self) -> None:
        self._player.close()
