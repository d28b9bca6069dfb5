"""What camera and estimator gave, as messages: colour, calibration, depth in millimetres, coloured cloud, tags."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.trial_recording.messages import LOOP_ON_IMAGE, color, message, pose, stamp
from core.image import Intrinsics
from core.image_file import png_bytes
from hardware.cameras.frame import RgbdFrame
from perception.depth_types import SeenTag
from perception.objects.clouds import organised_cloud, without_flying_pixels

CAMERA = "camera"
#: Most points of a cloud: of a larger picture every second, third … row and column is kept.
MOST_POINTS = 60_000
_FARTHEST_MM = 65_535
#: `PackedElementField.NumericType`.
_UINT8, _FLOAT32 = 1, 7
_POINT = np.dtype([("xyz", "<f4", 3), ("rgba", "u1", 4)])
_TAG_RGB = (0.0, 0.9, 0.35)


def color_message(frame: RgbdFrame, time_ns: int) -> Any:
    png = png_bytes(frame.color)
    return message("CompressedImage", timestamp=stamp(time_ns), frame_id=CAMERA, data=png, format="png")


def calibration_message(k: Intrinsics, time_ns: int) -> Any:
    """Of an undistorted pinhole: no distortion, R the identity."""
    return message(
        "CameraCalibration",
        timestamp=stamp(time_ns),
        frame_id=CAMERA,
        width=k.width,
        height=k.height,
        K=k.matrix.ravel().tolist(),
        R=np.eye(3).ravel().tolist(),
        P=np.column_stack([k.matrix, np.zeros(3)]).ravel().tolist(),
    )


def depth_message(depth_m: NDArray[np.float32], time_ns: int) -> Any:
    """depth_m: (H, W), NaN holes; whole millimetres, 0 where there is none or beyond 65 m."""
    height, width = depth_m.shape
    millimetres = np.nan_to_num(np.rint(depth_m * 1000.0), nan=0.0, posinf=0.0, neginf=0.0)
    millimetres[(millimetres < 0) | (millimetres > _FARTHEST_MM)] = 0
    return message(
        "RawImage",
        timestamp=stamp(time_ns),
        frame_id=CAMERA,
        width=width,
        height=height,
        encoding="16UC1",
        step=2 * width,
        data=millimetres.astype("<u2").tobytes(),
    )


def cloud_message(depth_m: NDArray[np.float32], frame: RgbdFrame, time_ns: int) -> Any:
    """The points of a depth map in the camera's frame with their colours, without those between two surfaces."""
    stride = int(np.ceil(np.sqrt(depth_m.size / MOST_POINTS)))
    points_m = organised_cloud(without_flying_pixels(depth_m), frame.intrinsics)[::stride, ::stride]
    known = np.isfinite(points_m[..., 2])
    points = np.zeros(int(known.sum()), _POINT)
    points["xyz"] = points_m[known]
    points["rgba"][:, :3] = frame.color[::stride, ::stride][known]
    points["rgba"][:, 3] = 255
    fields = [{"name": axis, "offset": 4 * i, "type": _FLOAT32} for i, axis in enumerate("xyz")]
    names = ("red", "green", "blue", "alpha")
    fields += [{"name": name, "offset": 12 + i, "type": _UINT8} for i, name in enumerate(names)]
    return message(
        "PointCloud",
        timestamp=stamp(time_ns),
        frame_id=CAMERA,
        pose=pose(np.eye(4)),
        point_stride=_POINT.itemsize,
        fields=fields,
        data=points.tobytes(),
    )


def tags_on_image(tags: Sequence[SeenTag], time_ns: int) -> Any:
    """`ImageAnnotations` for the colour picture: outlines and numbers."""
    when = stamp(time_ns)
    outlines = [
        {
            "timestamp": when,
            "type": LOOP_ON_IMAGE,
            "points": [{"x": float(x), "y": float(y)} for x, y in tag.corners_px],
            "outline_color": color(_TAG_RGB),
            "thickness": 2.0,
        }
        for tag in tags
    ]
    numbers = [
        {
            "timestamp": when,
            "position": {"x": float(tag.corners_px[:, 0].mean()), "y": float(tag.corners_px[:, 1].min()) - 6.0},
            "text": str(tag.id),
            "font_size": 18.0,
            "text_color": color((1.0, 1.0, 1.0)),
        }
        for tag in tags
    ]
    return message("ImageAnnotations", timestamp=when, points=outlines, texts=numbers)
