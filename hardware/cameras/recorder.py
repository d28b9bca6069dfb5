"""Writes frames of any camera as a RealSense recording (`.db3`), which the viewer and SDK also play."""

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errors import CameraError
from hardware.cameras.frame import Intrinsics, RgbdFrame

#: Depth is stored in tenths of a millimetre: 16 bits reach 6.55 m.
DEPTH_UNIT_M = 1e-4


class Recorder:
    """Records `RgbdFrame`s; the file appears under its name when closed, whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        if self._path.suffix.lower() != ".db3":
            raise CameraError(f"{self._path.name} cannot be recorded.", f"Recordings are written as .db3: name {self._path.with_suffix('.db3')}.")
        if self._path.exists():
            raise CameraError(f"{self._path} exists already.", "Name another file: no recording is overwritten.")
        self._partial = self._path.with_name(f".{self._path.stem}.partial.db3")
        self._session: _Session | None = None
        self.count = 0

    def write(self, frame: RgbdFrame) -> None:
        """Adds one frame; all frames share the first one's sizes and intrinsics."""
        if self._session is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._partial.unlink(missing_ok=True)
            self._session = _Session(self._partial, frame)
        if frame.intrinsics != self._session.intrinsics:
            raise CameraError(f"Frame {frame.number} has other intrinsics than the first.", "Record each camera to its own file.")
        self._session.write(frame)
        self.count += 1

    def close(self) -> None:
        if self._session is None:
            return
        self._session.close()
        self._session = None
        self._partial.rename(self._path)

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Session:
    """A software device that a librealsense recorder listens to."""

    def __init__(self, file: Path, first: RgbdFrame) -> None:
        import pyrealsense2 as rs

        self._rs = rs
        self.intrinsics = first.intrinsics
        self._device = rs.software_device()
        self._device.register_info(rs.camera_info.name, first.source)
        self._device.register_info(rs.camera_info.serial_number, first.serial)
        self._stereo = self._device.add_sensor("Stereo Module")
        self._rgb = self._device.add_sensor("RGB Camera")
        self._stereo.add_read_only_option(rs.option.depth_units, DEPTH_UNIT_M)
        k = first.intrinsics
        self._depth_profile = self._stereo.add_video_stream(_stream(rs.stream.depth, 0, 1, rs.format.z16, 2, k))
        self._color_profile = self._rgb.add_video_stream(_stream(rs.stream.color, 0, 2, rs.format.rgb8, 3, k))
        self._infrared_profiles = []
        for index, image in enumerate(first.infrared or (), start=1):
            height, width = image.shape
            stream = _stream(rs.stream.infrared, index, 2 + index, rs.format.y8, 1, _resized(k, width, height))
            self._infrared_profiles.append(self._stereo.add_video_stream(stream))
        identity = rs.extrinsics()
        identity.rotation, identity.translation = [1, 0, 0, 0, 1, 0, 0, 0, 1], [0, 0, 0]
        self._depth_profile.register_extrinsics_to(self._color_profile, identity)
        self._recorder = rs.recorder(str(file), self._device)
        self._queue = rs.frame_queue(1)
        self._sensors = self._recorder.query_sensors()
        for sensor in self._sensors:
            sensor.open(sensor.profiles)
            sensor.start(self._queue)

    def write(self, frame: RgbdFrame) -> None:
        units = np.nan_to_num(frame.depth_m / DEPTH_UNIT_M, nan=0.0)
        depth = np.round(np.where(units <= 65535, units, 0)).astype(np.uint16)
        self._send(self._rgb, self._color_profile, frame, frame.color, 3)
        self._send(self._stereo, self._depth_profile, frame, depth, 2)
        for profile, image in zip(self._infrared_profiles, frame.infrared or (), strict=True):
            self._send(self._stereo, profile, frame, image, 1)

    def _send(self, sensor: Any, profile: Any, frame: RgbdFrame, pixels: NDArray, bytes_a_pixel: int) -> None:
        image = self._rs.software_video_frame()
        image.pixels = np.ascontiguousarray(pixels)
        image.bpp = bytes_a_pixel
        image.stride = pixels.shape[1] * bytes_a_pixel
        image.timestamp = frame.stamp_s * 1000.0
        image.domain = self._rs.timestamp_domain.hardware_clock
        image.frame_number = frame.number
        image.profile = profile.as_video_stream_profile()
        image.depth_units = DEPTH_UNIT_M if bytes_a_pixel == 2 else 0.0
        sensor.on_video_frame(image)

    def close(self) -> None:
        for sensor in self._sensors:
            sensor.stop()
            sensor.close()
        # The file is finished by the destructors, in this order.
        self._sensors = self._queue = self._recorder = None
        self._stereo = self._rgb = self._device = None


def _resized(k: Intrinsics, width: int, height: int) -> Intrinsics:
    x, y = width / k.width, height / k.height
    return Intrinsics(width, height, k.fx * x, k.fy * y, k.cx * x, k.cy * y)


def _stream(kind: Any, index: int, uid: int, layout: Any, bytes_a_pixel: int, k: Intrinsics) -> Any:
    import pyrealsense2 as rs

    intrinsics = rs.intrinsics()
    intrinsics.width, intrinsics.height = k.width, k.height
    intrinsics.fx, intrinsics.fy, intrinsics.ppx, intrinsics.ppy = k.fx, k.fy, k.cx, k.cy
    intrinsics.model = rs.distortion.none
    intrinsics.coeffs = [0.0] * 5
    stream = rs.video_stream()
    stream.type, stream.index, stream.uid, stream.fmt = kind, index, uid, layout
    stream.width, stream.height, stream.fps, stream.bpp = k.width, k.height, 30, bytes_a_pixel
    stream.intrinsics = intrinsics
    return stream
