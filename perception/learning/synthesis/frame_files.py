"""One rendered frame as the files of a clip; `perception.learning.datasets.transphy3d` reads them back."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Depth is stored in units of 0.1 mm: up to 6.55 m.
UNITS_A_METRE = 10_000
_LEVELS = 65_535
#: zlib's level: 3 saves 2 % and takes a third longer.
_PNG_EFFORT = 1

COLOR, TRUTH, NORMALS, IDS, SENSOR = ".png", ".truth.png", ".normals.png", ".ids.png", ".depth.npy"


def frame_name(frame: int, kind: str) -> str:
    """`000012.truth.png` of frame 12 and TRUTH."""
    return f"{frame:06d}{kind}"


def stored_depth(depth_m: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Depth [m] in units of 0.1 mm, 0 where there is none or it is too far to be stored."""
    units = np.nan_to_num(np.asarray(depth_m, np.float64) * UNITS_A_METRE, nan=0.0, posinf=0.0).round()
    return np.where((units > 0) & (units <= _LEVELS), units, 0).astype(np.uint16)


def stored_normals(normals: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Unit normals (H, W, 3) from -1..1 to 0..65535; 0, 0, 0 where there is none (NaN)."""
    known = np.isfinite(normals).all(-1, keepdims=True)
    levels = ((np.nan_to_num(normals).astype(np.float64) + 1) / 2 * _LEVELS).round().clip(0, _LEVELS)
    return np.where(known, levels, 0).astype(np.uint16)


def encoded_frame(
    frame: int,
    color: NDArray[np.uint8],
    depth_m: NDArray[np.float32],
    normals: NDArray[np.float32],
    instance_ids: NDArray[np.integer],
    sensor_m: NDArray[np.float32] | None = None,
) -> dict[str, bytes]:
    """The files of one frame: name -> content, the same bytes for the same pictures."""
    files = {
        frame_name(frame, COLOR): encoded_png(color),
        frame_name(frame, TRUTH): encoded_png(stored_depth(depth_m)),
        frame_name(frame, NORMALS): encoded_png(stored_normals(normals)),
        frame_name(frame, IDS): encoded_png(instance_ids.astype(np.uint8)),
    }
    if sensor_m is not None:
        files[frame_name(frame, SENSOR)] = _npy(sensor_m.astype(np.float32))
    return files


def encoded_png(picture: NDArray[Any]) -> bytes:
    """A picture (H, W) or, as R, G, B, (H, W, 3), uint8 or uint16, without loss."""
    import cv2

    flipped = picture[..., ::-1] if picture.ndim == 3 else picture
    return cv2.imencode(".png", np.ascontiguousarray(flipped), [cv2.IMWRITE_PNG_COMPRESSION, _PNG_EFFORT])[1].tobytes()


def _npy(values: NDArray[np.float32]) -> bytes:
    file = BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()
