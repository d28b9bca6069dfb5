"""From librealsense's frames to `RgbdFrame`s: the same code for a live camera and a recording."""

import time
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pyrealsense2 as rs
from numpy.typing import NDArray

from core.errors import CameraError
from core.image import Intrinsics
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.intrinsics.lens import Lens, undistort

#: How each colour layout becomes RGB (None: it is).
_TO_RGB = {
    rs.format.rgb8: None,
    rs.format.bgr8: cv2.COLOR_BGR2RGB,
    rs.format.rgba8: cv2.COLOR_RGBA2RGB,
    rs.format.bgra8: cv2.COLOR_BGRA2RGB,
    rs.format.yuyv: cv2.COLOR_YUV2RGB_YUYV,
    rs.format.uyvy: cv2.COLOR_YUV2RGB_UYVY,
}
#: Frames between sensor and host whose stamps are not on the host's clock: passed over as too old.
_IN_FLIGHT = 2


@dataclass(frozen=True)
class Exposure:
    """librealsense's frames of one exposure; depth and infrared where the device gives them."""

    color: Any
    depth: Any = None
    infrared: tuple[Any, Any] | None = None


def exposure_of(frames: Any) -> Exposure | None:
    """What a live frameset holds of one exposure, or None where its depth is of another time.

    librealsense's syncer also emits a new colour image beside the depth of the frame before. What
    belongs together lies within half a frame's time (a D435's two sensors run free of each other).
    """
    color, depth = frames.get_color_frame(), frames.get_depth_frame()
    left, right = frames.get_infrared_frame(1), frames.get_infrared_frame(2)
    others = [frame for frame in (depth, left, right) if frame]
    # Half the time between two colour images.
    tolerance_ms = 500.0 / color.profile.fps() if color else 0.0
    if not color or not depth or any(abs(f.timestamp - color.timestamp) >= tolerance_ms for f in others):
        return None
    return Exposure(color, depth, (left, right) if left and right else None)


def was_exposed_after(color: Any, called_ms: float, passed_over: int) -> bool:
    """Whether an image was exposed after `called_ms` of the host's wall clock.

    Without the device's clock translated to the host's, librealsense stamps images as they arrive,
    one frame's time after their exposure at most; the bare device clock says nothing, so images
    that may have been under way are counted instead.
    """
    domain = color.get_frame_timestamp_domain()
    if domain == rs.timestamp_domain.hardware_clock:
        return passed_over >= _IN_FLIGHT
    if domain == rs.timestamp_domain.system_time:
        called_ms += 1000.0 / color.profile.fps()
    return color.timestamp >= called_ms


def age_s(color: Any) -> float:
    """How long ago an image was exposed, as far as its stamp tells."""
    if color.get_frame_timestamp_domain() == rs.timestamp_domain.hardware_clock:
        return 0.0
    return min(max(time.time() - color.timestamp / 1000.0, 0.0), 1.0)


def intrinsics_of(profile: Any) -> Intrinsics:
    """Intrinsics of a video stream; librealsense too puts pixel centres at integers."""
    k = profile.as_video_stream_profile().get_intrinsics()
    return Intrinsics(width=k.width, height=k.height, fx=k.fx, fy=k.fy, cx=k.ppx, cy=k.ppy)


class FrameReader:
    """Turns exposures of one device into `RgbdFrame`s: RGB, undistorted, depth aligned to colour.

    Args:
        color_profile: the colour stream; its lens model must be Brown-Conrady or none.
        depth_profile: the depth stream, or None where there is none.

    Raises:
        CameraError: a lens model or colour layout that cannot be turned into a pinhole RGB image,
            or a recording that does not say where its depth sensor is.
    """

    def __init__(self, color_profile: Any, depth_profile: Any, serial: str, source: str) -> None:
        self._serial = serial
        self._source = source
        self.intrinsics = intrinsics_of(color_profile)
        self._layout = color_profile.format()
        if self._layout not in _TO_RGB:
            raise CameraError(f"{source} has colour as {self._layout.name}.", "Record colour as RGB8, BGR8 or YUYV.")
        self._undistort = _undistortion(color_profile, self.intrinsics, source)
        self._align = None
        if depth_profile is not None and not _is_aligned(depth_profile, color_profile, source):
            self._align = _Aligner()

    def read(self, exposure: Exposure, number: int, stamp_s: float) -> RgbdFrame:
        """Copies one exposure (librealsense reuses its memory)."""
        pixels, conversion = _pixels(exposure.color), _TO_RGB[self._layout]
        if self._layout in (rs.format.yuyv, rs.format.uyvy):
            pixels = pixels.view(np.uint8).reshape(exposure.color.height, exposure.color.width, 2)
        color = pixels.copy() if conversion is None else np.asarray(cv2.cvtColor(pixels, conversion), np.uint8)
        depth_m = self._depth_m(exposure)
        if self._undistort is not None:
            color, depth_m = undistort(color, depth_m, self._undistort)
        infrared = exposure.infrared
        return RgbdFrame(
            color=color,
            depth_m=depth_m,
            intrinsics=self.intrinsics,
            serial=self._serial,
            number=number,
            stamp_s=stamp_s,
            source=self._source,
            infrared=None if infrared is None else (_pixels(infrared[0]).copy(), _pixels(infrared[1]).copy()),
        )

    def _depth_m(self, exposure: Exposure) -> NDArray[np.float32]:
        if exposure.depth is None:
            return np.full((self.intrinsics.height, self.intrinsics.width), np.nan, np.float32)
        units_m = np.float32(exposure.depth.get_units())
        frame = exposure.depth if self._align is None else self._align(exposure.color, exposure.depth)
        depth_m = _pixels(frame).astype(np.float32) * units_m
        depth_m[depth_m == 0.0] = np.nan
        return depth_m


class _Aligner:
    """librealsense's own alignment, fed with two frames that were paired elsewhere."""

    def __init__(self) -> None:
        pair: list[Any] = []
        self._pair = pair
        # `rs.align` takes only composite frames, and only a processing block can make one.
        self._composer = rs.processing_block(
            lambda _, source: source.frame_ready(source.allocate_composite_frame(list(pair)))
        )
        self._composed = rs.frame_queue(1)
        self._composer.start(self._composed)
        self._align = rs.align(rs.stream.color)

    def __call__(self, color: Any, depth: Any) -> Any:
        self._pair[:] = [color, depth]
        self._composer.invoke(color)
        self._pair.clear()
        return self._align.process(self._composed.wait_for_frame().as_frameset()).get_depth_frame()


def _pixels(frame: Any) -> NDArray:
    return np.asanyarray(frame.get_data())


def _is_aligned(depth_profile: Any, color_profile: Any, source: str) -> bool:
    """Whether depth pixels already are colour pixels; aligning them again would smear them by one."""
    try:
        extrinsics = depth_profile.get_extrinsics_to(color_profile)
    except RuntimeError as error:
        raise CameraError(
            f"{source} does not say where its depth sensor is ({error}).", "Record it again with `main.py record`."
        ) from error
    same_place = np.allclose(extrinsics.rotation, np.eye(3).ravel()) and np.allclose(extrinsics.translation, 0.0)
    return same_place and intrinsics_of(depth_profile) == intrinsics_of(color_profile)


def _undistortion(profile: Any, k: Intrinsics, source: str) -> tuple[NDArray, NDArray] | None:
    """Maps that make the image a pinhole's, or None where it is one (a D435's colour is)."""
    lens = profile.as_video_stream_profile().get_intrinsics()
    try:
        return Lens(lens.model.name, tuple(lens.coeffs)).undistortion(k)
    except CameraError as error:
        raise CameraError(f"{source}: {error.cause}", error.remedy) from error
