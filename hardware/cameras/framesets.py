"""From librealsense's frames to `RgbdFrame`s: the same code for a live camera and a recording."""

from typing import Any

import cv2
import numpy as np
import pyrealsense2 as rs
from numpy.typing import NDArray

from errors import CameraError
from hardware.cameras.frame import Intrinsics, RgbdFrame

_TO_RGB = {
    rs.format.rgb8: None,
    rs.format.bgr8: cv2.COLOR_BGR2RGB,
    rs.format.rgba8: cv2.COLOR_RGBA2RGB,
    rs.format.bgra8: cv2.COLOR_BGRA2RGB,
    rs.format.yuyv: cv2.COLOR_YUV2RGB_YUYV,
    rs.format.uyvy: cv2.COLOR_YUV2RGB_UYVY,
    rs.format.y8: cv2.COLOR_GRAY2RGB,
}


def intrinsics_of(profile: Any) -> Intrinsics:
    """Intrinsics of a video stream profile; librealsense too puts pixel centres at integers."""
    k = profile.as_video_stream_profile().get_intrinsics()
    return Intrinsics(width=k.width, height=k.height, fx=k.fx, fy=k.fy, cx=k.ppx, cy=k.ppy)


def is_one_exposure(frames: Any) -> bool:
    """Whether colour and depth were exposed together.

    librealsense's syncer also emits a new colour image beside the depth of the frame before. A
    D435's two sensors run free of each other, so their stamps differ by some milliseconds: what
    belongs together lies within half a frame's time. A set without depth is judged by colour alone.
    """
    color, depth = frames.get_color_frame(), frames.get_depth_frame()
    if not color:
        return False
    if not depth:
        return True
    return abs(color.timestamp - depth.timestamp) < 500.0 / color.profile.fps()


class FramesetReader:
    """Turns framesets of one device into `RgbdFrame`s, with depth aligned to colour."""

    def __init__(self, serial: str, source: str) -> None:
        self._serial = serial
        self._source = source
        self._align = rs.align(rs.stream.color)

    def frame(self, frames: Any) -> RgbdFrame:
        """Copies one frameset (librealsense reuses its memory)."""
        color = frames.get_color_frame()
        return RgbdFrame(
            color=_rgb(color),
            depth_m=self._depth(frames),
            intrinsics=intrinsics_of(color.profile),
            serial=self._serial,
            number=color.frame_number,
            stamp_s=color.timestamp / 1000.0,
            source=self._source,
            infrared=_infrared(frames),
        )

    def _depth(self, frames: Any) -> NDArray[np.float32]:
        color = frames.get_color_frame()
        if not frames.get_depth_frame():
            return np.full((color.height, color.width), np.nan, np.float32)
        depth = self._align.process(frames).get_depth_frame()
        depth_m = np.asanyarray(depth.get_data()).astype(np.float32) * np.float32(depth.get_units())
        depth_m[depth_m == 0.0] = np.nan
        return depth_m


def _rgb(frame: Any) -> NDArray[np.uint8]:
    layout = frame.profile.format()
    if layout not in _TO_RGB:
        raise CameraError(f"Colour comes as {layout}, which cannot be read.", "Record colour as RGB8, BGR8 or YUYV.")
    data = np.asanyarray(frame.get_data())
    if layout in (rs.format.yuyv, rs.format.uyvy):
        data = data.view(np.uint8).reshape(frame.height, frame.width, 2)
    conversion = _TO_RGB[layout]
    return data.copy() if conversion is None else cv2.cvtColor(data, conversion)


def _infrared(frames: Any) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    left, right = frames.get_infrared_frame(1), frames.get_infrared_frame(2)
    if not left or not right:
        return None
    return np.asanyarray(left.get_data()).copy(), np.asanyarray(right.get_data()).copy()
