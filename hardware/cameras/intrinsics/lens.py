"""Lens distortion by the names that RealSense and OpenCV use, taken out of pictures before anything else sees them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import CameraError
from core.image import Intrinsics

#: What each name means; ROS's and RealSense's. "": the number of coefficients tells, as OpenCV has it.
_MODELS = {
    "": "opencv",
    "none": "none",
    "brown_conrady": "opencv",
    "plumb_bob": "opencv",
    "rational_polynomial": "opencv",
    "opencv": "opencv",
    "modified_brown_conrady": "realsense",
    "inverse_brown_conrady": "realsense",
    "kannala_brandt4": "fisheye",
    "equidistant": "fisheye",
    "fisheye": "fisheye",
}
_OPENCV_COUNTS = (4, 5, 8, 12, 14)


@dataclass(frozen=True)
class Lens:
    """A model's name and its coefficients (k1, k2, p1, p2, k3, ...; fisheye: k1 to k4)."""

    model: str
    coefficients: tuple[float, ...]

    @property
    def is_pinhole(self) -> bool:
        return _MODELS.get(self.model.lower()) == "none" or not any(self.coefficients)

    def undistortion(
        self, k: Intrinsics, whose: str = "The camera"
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Maps (H, W) for `cv2.remap` that make a picture a pinhole's of the same intrinsics; None where it is one.

        Raises:
            CameraError: a model or number of coefficients that nobody here knows.
        """
        if self.is_pinhole:
            return None
        kind, count = _MODELS.get(self.model.lower().removeprefix("distortion.")), len(self.coefficients)
        if not all(map(np.isfinite, self.coefficients)):
            kind = None
        size, coefficients = (k.width, k.height), np.array(self.coefficients, float)
        if kind == "opencv" and count in _OPENCV_COUNTS:
            x, y = cv2.initUndistortRectifyMap(k.matrix, coefficients, None, k.matrix, size, cv2.CV_32FC1)
        elif kind == "fisheye" and count >= 4:
            x, y = cv2.fisheye.initUndistortRectifyMap(
                k.matrix, coefficients[:4], np.eye(3), k.matrix, size, cv2.CV_32FC1
            )
        elif kind == "realsense" and count == 5:
            x, y = _by_realsense(k, coefficients)
        else:
            raise CameraError(
                f"{whose} has a lens model that is not known: {self.model or 'without a name'}, {count} coefficients.",
                f"Undistort the pictures, or give one of {', '.join(filter(None, _MODELS))} with its numbers.",
            )
        return np.asarray(x, np.float32), np.asarray(y, np.float32)


def undistort(
    color: NDArray[np.uint8], depth_m: NDArray[np.float32], maps: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Colour (H, W, 3) interpolated, depth (H, W) [m] by its nearest pixel, holes where nothing was seen."""
    straight = cv2.remap(color, *maps, cv2.INTER_LINEAR)
    nearest = cv2.remap(depth_m, *maps, cv2.INTER_NEAREST, borderValue=np.nan)  # type: ignore[call-overload]
    return np.asarray(straight, np.uint8), np.asarray(nearest, np.float32)


def _by_realsense(k: Intrinsics, coefficients: NDArray) -> tuple[NDArray, NDArray]:
    """Where each straight pixel lies in the distorted picture, as rs2_project_point_to_pixel of librealsense has it:
    the radial polynomial scales before the tangential terms, for `inverse_brown_conrady` too."""
    rays = k.rays().astype(float)
    k1, k2, p1, p2, k3 = coefficients
    r2 = rays[..., 0] ** 2 + rays[..., 1] ** 2
    x, y = np.moveaxis(rays[..., :2] * (1 + r2 * (k1 + r2 * (k2 + r2 * k3)))[..., None], -1, 0)
    bent_x = x + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    bent_y = y + 2 * p2 * x * y + p1 * (r2 + 2 * y * y)
    return bent_x * k.fx + k.cx, bent_y * k.fy + k.cy
