"""A D435 made of librealsense's software device: two cameras that look at one scene and record it.

Unlike the product's recorder its depth sensor is its own camera, 15 mm beside the colour's, with
its own size and focal length, and its stamps differ from the colour's, as in a real D435. The scene
is a red square in front of a green wall: what is red must come out at the square's distance.

    python -m tests.support.fake_d435 FILE      records five small frames: see data/README.md
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyrealsense2 as rs
from numpy.typing import NDArray

SERIAL = "fake-d435"
SQUARE_M, WALL_M = 0.6, 1.0
SQUARE_HALF_M = 0.1
#: What the depth camera calls (0, 0, 0), the colour camera calls this [m].
BASELINE_M = 0.015


@dataclass(frozen=True)
class FakeD435:
    """What the fake is: sizes [px], the delay of colour stamps [ms], depth unit [m], colour's lens and layout.

    Exposure n is stamped epoch_ms + n / 30 s on the clock that `domain` names.
    """

    color_size: tuple[int, int] = (1280, 720)
    depth_size: tuple[int, int] = (848, 480)
    color_delay_ms: float = 4.0
    unit_m: float = 0.001
    lens: tuple[float, ...] = (0.0,) * 5
    layout: Any = rs.format.rgb8
    streams: tuple[str, ...] = ("color", "depth")
    epoch_ms: float = 1000.0
    domain: Any = rs.timestamp_domain.hardware_clock
    usb: str = ""

    def record(self, file: Path, schedule: Sequence[tuple[str, int]], pause_s: float = 0.0) -> None:
        """Records images in the order given: ("color" | "depth", number), with a pause after each."""
        device = rs.software_device()
        device.register_info(rs.camera_info.name, "Intel RealSense D435")
        device.register_info(rs.camera_info.serial_number, SERIAL)
        if self.usb:
            device.register_info(rs.camera_info.usb_type_descriptor, self.usb)
        stereo, rgb = device.add_sensor("Stereo Module"), device.add_sensor("RGB Camera")
        stereo.add_read_only_option(rs.option.depth_units, self.unit_m)
        sensors, profiles, images = {"depth": stereo, "color": rgb}, {}, {}
        if "depth" in self.streams:
            profiles["depth"] = stereo.add_video_stream(self._depth_stream())
            images["depth"] = np.round(self.depth_m() / self.unit_m).astype(np.uint16)
        if "color" in self.streams:
            profiles["color"] = rgb.add_video_stream(self._color_stream())
            images["color"] = self._laid_out(self.color())
        if len(profiles) == 2:
            extrinsics = rs.extrinsics()
            extrinsics.rotation, extrinsics.translation = [1, 0, 0, 0, 1, 0, 0, 0, 1], [BASELINE_M, 0, 0]
            profiles["depth"].register_extrinsics_to(profiles["color"], extrinsics)
        recorder = rs.recorder(str(file), device)
        unread, recorded = rs.frame_queue(1), recorder.query_sensors()
        for sensor in recorded:
            if sensor.profiles:
                sensor.open(sensor.profiles)
                sensor.start(unread)
        for kind, number in schedule:
            self._send(sensors[kind], profiles[kind], images[kind], kind, number)
            time.sleep(pause_s)
        recorder.pause()
        for sensor in recorded:
            if sensor.profiles:
                sensor.stop()
                sensor.close()

    def color(self) -> NDArray[np.uint8]:
        """(H, W, 3) RGB through the lens, as the sensor sees it."""
        is_square = self._hits_square(self._color_rays(), BASELINE_M)
        return np.where(is_square[..., None], np.uint8([200, 30, 20]), np.uint8([20, 160, 40]))

    def depth_m(self) -> NDArray[np.float64]:
        """(H, W) [m] in the depth camera."""
        width, height = self.depth_size
        u, v = np.meshgrid(np.arange(width), np.arange(height))
        k = self._depth_matrix()
        rays = np.stack([(u - k[0, 2]) / k[0, 0], (v - k[1, 2]) / k[1, 1]], -1)
        return np.where(self._hits_square(rays, 0.0), SQUARE_M, WALL_M)

    def is_red(self) -> NDArray[np.bool_]:
        """(H, W) where an undistorted colour image must be red."""
        width, height = self.color_size
        u, v = np.meshgrid(np.arange(width), np.arange(height))
        k = self.color_matrix()
        rays = np.stack([(u - k[0, 2]) / k[0, 0], (v - k[1, 2]) / k[1, 1]], -1)
        return self._hits_square(rays, BASELINE_M)

    def color_matrix(self) -> NDArray[np.float64]:
        return _matrix(self.color_size, 0.72)

    def _depth_matrix(self) -> NDArray[np.float64]:
        return _matrix(self.depth_size, 0.5)

    def _hits_square(self, rays: NDArray, offset_m: float) -> NDArray[np.bool_]:
        x, y = rays[..., 0] * SQUARE_M - offset_m, rays[..., 1] * SQUARE_M
        return (np.abs(x) < SQUARE_HALF_M) & (np.abs(y) < SQUARE_HALF_M)

    def _color_rays(self) -> NDArray[np.float64]:
        width, height = self.color_size
        pixels = np.stack(np.meshgrid(np.arange(width, dtype=float), np.arange(height, dtype=float)), -1)
        rays = cv2.undistortPoints(pixels.reshape(-1, 1, 2), self.color_matrix(), np.array(self.lens))
        return np.asarray(rays).reshape(height, width, 2)

    def _laid_out(self, rgb: NDArray[np.uint8]) -> NDArray:
        if self.layout == rs.format.bgr8:
            return rgb[..., ::-1]
        if self.layout == rs.format.yuyv:
            return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_YUY2))
        return rgb

    def _color_stream(self) -> rs.video_stream:
        bytes_a_pixel = 2 if self.layout == rs.format.yuyv else 3
        return _stream(rs.stream.color, 2, self.layout, bytes_a_pixel, self.color_size, self.color_matrix(), self.lens)

    def _depth_stream(self) -> rs.video_stream:
        return _stream(rs.stream.depth, 1, rs.format.z16, 2, self.depth_size, self._depth_matrix(), (0.0,) * 5)

    def _send(self, sensor: Any, profile: Any, image: NDArray, kind: str, number: int) -> None:
        frame = rs.software_video_frame()
        frame.pixels = np.ascontiguousarray(image)
        frame.bpp = image.itemsize * (image.shape[2] if image.ndim == 3 else 1)
        frame.stride = image.shape[1] * frame.bpp
        frame.timestamp = self.epoch_ms + number * 1000.0 / 30.0 + (self.color_delay_ms if kind == "color" else 0.0)
        frame.domain = self.domain
        frame.frame_number = number
        frame.profile = profile.as_video_stream_profile()
        frame.depth_units = self.unit_m if kind == "depth" else 0.0
        sensor.on_video_frame(frame)


def in_step(count: int) -> list[tuple[str, int]]:
    """The usual schedule: depth and colour of each exposure, one exposure after the other."""
    return [(kind, number) for number in range(1, count + 1) for kind in ("depth", "color")]


def _matrix(size: tuple[int, int], focal_widths: float) -> NDArray[np.float64]:
    width, height = size
    focal_px = focal_widths * width
    return np.array([[focal_px, 0.0, width / 2 + 1.5], [0.0, focal_px, height / 2 - 2.25], [0.0, 0.0, 1.0]])


def _stream(
    kind: Any, uid: int, layout: Any, bytes_a_pixel: int, size: tuple[int, int], k: NDArray, lens: Sequence[float]
) -> Any:
    intrinsics = rs.intrinsics()
    intrinsics.width, intrinsics.height = size
    intrinsics.fx, intrinsics.fy, intrinsics.ppx, intrinsics.ppy = k[0, 0], k[1, 1], k[0, 2], k[1, 2]
    intrinsics.model = rs.distortion.inverse_brown_conrady
    intrinsics.coeffs = list(lens)
    stream = rs.video_stream()
    stream.type, stream.index, stream.uid, stream.fmt = kind, 0, uid, layout
    stream.width, stream.height, stream.fps, stream.bpp = *size, 30, bytes_a_pixel
    stream.intrinsics = intrinsics
    return stream


if __name__ == "__main__":
    FakeD435(color_size=(320, 180), depth_size=(212, 120)).record(Path(sys.argv[1]), in_step(5))
