"""Recordings as cameras: `.bag` and `.db3` of librealsense, and folders of frames."""

import time
from pathlib import Path
from typing import Any

from errors import CameraError
from hardware.cameras.camera import Camera, EndOfRecording, Freshness
from hardware.cameras.frame import Intrinsics, RgbdFrame
from hardware.cameras.frame_folder import FrameFolderCamera


def open_recording(path: Path) -> Camera:
    """Opens a `.bag`, a `.db3` or a frame folder.

    Raises:
        CameraError: nothing there, not a recording, or a damaged one.
    """
    path = Path(path)
    if not path.exists():
        raise CameraError(f"There is no recording {path}.", "Name an existing .bag, .db3 or folder of frames.")
    if path.is_dir():
        return FrameFolderCamera(path)
    if path.suffix.lower() not in (".bag", ".db3"):
        raise CameraError(
            f"{path} is not a recording Vitro can play.", "Give a RealSense .bag or .db3, or a folder of frames."
        )
    return RecordedCamera(path)


class RecordedCamera:
    """Plays a RealSense recording frame by frame, as fast as it is read, through librealsense."""

    is_live = False

    def __init__(self, path: Path) -> None:
        import pyrealsense2 as rs

        from hardware.cameras.framesets import FramesetReader, intrinsics_of

        self._path = path
        self.name = str(path)
        config = rs.config()
        self._pipeline: Any = rs.pipeline()
        try:
            config.enable_device_from_file(str(path), repeat_playback=False)
            profile = self._pipeline.start(config)
        except RuntimeError as error:
            raise CameraError(
                f"{path} cannot be played: it is empty, cut off or not a RealSense recording ({error}).",
                "Copy it again, or record it again with `python main.py record`.",
            ) from error
        device = profile.get_device()
        self._playback = device.as_playback()
        self._playback.set_real_time(False)
        self._stopped = rs.playback_status.stopped
        self.intrinsics: Intrinsics = intrinsics_of(profile.get_stream(rs.stream.color))
        self._reader = FramesetReader(device.get_info(rs.camera_info.serial_number), self.name)
        self._freshness = Freshness()

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        """The next frame of the recording.

        Raises:
            EndOfRecording: every frame has been read.
            CameraError: the recording stalls.
        """
        from hardware.cameras.framesets import is_one_exposure

        if self._pipeline is None:
            raise EndOfRecording(self.name)
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            arrived, frames = self._pipeline.try_wait_for_frames(500)
            if not arrived:
                if self._playback.current_status() == self._stopped:
                    raise EndOfRecording(self.name)
                continue
            if not is_one_exposure(frames):
                continue
            color = frames.get_color_frame()
            if self._freshness.admits(color.frame_number, color.timestamp):
                return self._reader.frame(frames)
        raise CameraError(f"{self._path} gave no frame in {timeout_s:.1f} s.", "Copy it again: it may be damaged.")

    def close(self) -> None:
        if self._pipeline is not None:
            self._pipeline.stop()
            self._pipeline = None

    def __enter__(self) -> "RecordedCamera":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
