"""A device that exists only in librealsense, recorded by librealsense's own recorder."""

from pathlib import Path
from typing import Any

import numpy as np
import pyrealsense2 as rs
from numpy.typing import NDArray

from core.image import Intrinsics
from hardware.cameras.frame import RgbdFrame

#: Depth is stored in tenths of a millimetre: 16 bits reach 6.55 m, what is farther becomes a hole.
DEPTH_UNIT_M = 1e-4
#: A stream must state a rate; frames carry their own times.
_NOMINAL_FPS = 30


class RecordedDevice:
    """Writes frames like `first` to `file`, through a software device with the same streams."""

    def __init__(self, file: Path, first: RgbdFrame) -> None:
        self._likeness = _likeness(first)
        self._device = rs.software_device()
        self._device.register_info(rs.camera_info.name, f"Recorded from {first.source}")
        self._device.register_info(rs.camera_info.serial_number, first.serial)
        self._stereo = self._device.add_sensor("Stereo Module")
        self._stereo.add_read_only_option(rs.option.depth_units, DEPTH_UNIT_M)
        self._rgb = self._device.add_sensor("RGB Camera")
        self._add_streams(first)
        self._recorder = rs.recorder(str(file), self._device)
        self._sensors = self._recorder.query_sensors()
        unread = rs.frame_queue(1)
        for sensor in self._sensors:
            sensor.open(sensor.profiles)
            sensor.start(unread)

    def _add_streams(self, first: RgbdFrame) -> None:
        k = first.intrinsics
        self._color = self._rgb.add_video_stream(_stream(rs.stream.color, 0, rs.format.rgb8, 3, k))
        self._depth = self._stereo.add_video_stream(_stream(rs.stream.depth, 0, rs.format.z16, 2, k))
        self._infrared = [
            # What the colour camera would have at their size: frames do not carry the infrared's own.
            self._stereo.add_video_stream(_stream(rs.stream.infrared, index, rs.format.y8, 1, k.resized(width, height)))
            for index, (height, width) in enumerate((image.shape for image in first.infrared or ()), start=1)
        ]
        same_place = rs.extrinsics()
        same_place.rotation, same_place.translation = [1, 0, 0, 0, 1, 0, 0, 0, 1], [0, 0, 0]
        for profile in (self._depth, *self._infrared):
            profile.register_extrinsics_to(self._color, same_place)

    def suits(self, frame: RgbdFrame) -> bool:
        """Whether a frame is of the same camera and sizes as the first."""
        return _likeness(frame) == self._likeness

    def write(self, frame: RgbdFrame) -> None:
        """Hands one frame to the recorder, which writes it in a thread of its own."""
        with np.errstate(invalid="ignore"):
            units = np.round(frame.depth_m / np.float32(DEPTH_UNIT_M))
            depth = np.where((units > 0) & (units <= 0xFFFF), units, 0).astype(np.uint16)
        _send(self._rgb, self._color, frame, frame.color, 3)
        _send(self._stereo, self._depth, frame, depth, 2)
        for profile, image in zip(self._infrared, frame.infrared or (), strict=True):
            _send(self._stereo, profile, frame, image, 1)

    def close(self) -> None:
        """Ends the recording; all frames handed over are on the disk afterwards, or never will be.

        Pausing drains the recorder's queue. It is of no use before the end: librealsense puts what
        it is given right after a pause before what came earlier.
        """
        self._recorder.pause()
        for sensor in self._sensors:
            sensor.stop()
            sensor.close()


def _likeness(frame: RgbdFrame) -> tuple[Intrinsics, str, list[tuple[int, ...]]]:
    return frame.intrinsics, frame.serial, [image.shape for image in frame.infrared or ()]


def _send(sensor: Any, profile: Any, frame: RgbdFrame, pixels: NDArray, bytes_a_pixel: int) -> None:
    image = rs.software_video_frame()
    image.pixels = np.ascontiguousarray(pixels)
    image.bpp = bytes_a_pixel
    image.stride = pixels.shape[1] * bytes_a_pixel
    image.timestamp = frame.stamp_s * 1000.0
    image.domain = rs.timestamp_domain.hardware_clock
    image.frame_number = frame.number
    image.profile = profile.as_video_stream_profile()
    if profile.stream_type() == rs.stream.depth:
        image.depth_units = DEPTH_UNIT_M
    sensor.on_video_frame(image)


def _stream(kind: Any, index: int, layout: Any, bytes_a_pixel: int, k: Intrinsics) -> Any:
    intrinsics = rs.intrinsics()
    intrinsics.width, intrinsics.height = k.width, k.height
    intrinsics.fx, intrinsics.fy, intrinsics.ppx, intrinsics.ppy = k.fx, k.fy, k.cx, k.cy
    intrinsics.model = rs.distortion.none
    intrinsics.coeffs = [0.0] * 5
    stream = rs.video_stream()
    stream.type, stream.index, stream.fmt = kind, index, layout
    stream.uid = 10 * int(kind) + index
    stream.width, stream.height, stream.fps, stream.bpp = k.width, k.height, _NOMINAL_FPS, bytes_a_pixel
    stream.intrinsics = intrinsics
    return stream
