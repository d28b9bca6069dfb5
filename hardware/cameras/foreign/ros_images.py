"""Pixels of ROS's image messages, raw and compressed."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import CameraError

#: Colour's encodings: channels, and what makes them RGB.
_ENCODINGS = {
    "rgb8": (3, None),
    "bgr8": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_GRAY2RGB),
    "8UC3": (3, cv2.COLOR_BGR2RGB),
}
_DEPTHS = {"16UC1": np.uint16, "mono16": np.uint16, "32FC1": np.float32}
#: A compressedDepth message begins with this many bytes that are no PNG.
_DEPTH_HEADER = 12


def color_of(message: Any, name: str) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of an image message."""
    if not hasattr(message, "encoding"):
        image = cv2.imdecode(np.asarray(message.data), cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError(f"an image of the format {message.format!r} that cannot be decoded")
        return np.ascontiguousarray(image[..., ::-1])
    if message.encoding not in _ENCODINGS:
        raise CameraError(
            f"{name} has colour as {message.encoding}, which is not known.", f"Record one of {', '.join(_ENCODINGS)}."
        )
    channels, conversion = _ENCODINGS[message.encoding]
    rows = np.asarray(message.data, np.uint8).reshape(message.height, message.step)
    pixels = rows[:, : message.width * channels].reshape(message.height, message.width, channels)
    return pixels.copy() if conversion is None else np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), conversion))


def depth_of(message: Any, name: str) -> NDArray[Any]:
    """(H, W) uint16 [mm] or float32 [m] of an image message."""
    if not hasattr(message, "encoding"):
        data = np.asarray(message.data)[_DEPTH_HEADER if "compressedDepth" in message.format else 0 :]
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        if image is None or image.dtype != np.uint16 or "32FC1" in message.format:
            raise CameraError(
                f"{name} has depth as {message.format}, which is not known.",
                "Record it raw, or as 16-bit compressedDepth.",
            )
        return image
    if message.encoding not in _DEPTHS:
        raise CameraError(
            f"{name} has depth as {message.encoding}, which is not known.", f"Record one of {', '.join(_DEPTHS)}."
        )
    kind = np.dtype(_DEPTHS[message.encoding]).newbyteorder(">" if message.is_bigendian else "<")
    rows = np.frombuffer(np.asarray(message.data, np.uint8).tobytes(), kind).reshape(message.height, -1)
    return rows[:, : message.width].astype(kind.newbyteorder("="))
