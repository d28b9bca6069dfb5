"""One rendered frame as the files of a clip, and back: what every byte of a TransPhy3D frame means."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errors import DatasetError
from perception.synthesis.clip_files import REPAIR

#: Depth is stored in units of 0.1 mm: up to 6.55 m.
UNITS_A_METRE = 10_000
_LEVELS = 65_535
#: zlib's level: 3 saves 2 % and takes a third longer.
_PNG_EFFORT = 1

COLOR, TRUTH, NORMALS, IDS, SENSOR = ".png", ".truth.png", ".normals.png", ".ids.png", ".depth.npy"


def frame_name(frame: int, kind: str) -> str:
    """`000012.truth.png` of frame 12 and TRUTH."""
    return f"{frame:06d}{kind}"


def frame_names(frame: int, has_sensor: bool) -> list[str]:
    """All files of one frame."""
    return [frame_name(frame, kind) for kind in (COLOR, TRUTH, NORMALS, IDS, *((SENSOR,) if has_sensor else ()))]


def stored_depth(depth_m: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Depth [m] in units of 0.1 mm, 0 where there is none or it is too far to be stored."""
    units = np.nan_to_num(np.asarray(depth_m, np.float64) * UNITS_A_METRE, nan=0.0, posinf=0.0).round()
    return np.where((units > 0) & (units <= _LEVELS), units, 0).astype(np.uint16)


def read_depth(units: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Depth [m] of what `stored_depth` made, NaN where there is none."""
    return np.where(units > 0, units / np.float32(UNITS_A_METRE), np.nan).astype(np.float32)


def stored_normals(normals: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Unit normals (H, W, 3) from -1..1 to 0..65535; 0, 0, 0 where there is none (NaN)."""
    known = np.isfinite(normals).all(-1, keepdims=True)
    levels = ((np.nan_to_num(normals).astype(np.float64) + 1) / 2 * _LEVELS).round().clip(0, _LEVELS)
    return np.where(known, levels, 0).astype(np.uint16)


def read_normals(levels: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Unit normals (H, W, 3) of what `stored_normals` made, NaN where there is none."""
    normals = levels.astype(np.float32) / np.float32(_LEVELS) * 2 - 1
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    return np.where(levels.any(-1, keepdims=True), normals / length, np.nan).astype(np.float32)


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
        frame_name(frame, COLOR): _png(color),
        frame_name(frame, TRUTH): _png(stored_depth(depth_m)),
        frame_name(frame, NORMALS): _png(stored_normals(normals)),
        frame_name(frame, IDS): _png(instance_ids.astype(np.uint8)),
    }
    if sensor_m is not None:
        files[frame_name(frame, SENSOR)] = _npy(sensor_m.astype(np.float32))
    return files


def read_picture(folder: Path, frame: int, kind: str) -> NDArray[Any]:
    """The stored picture of one kind, as it is on disk: uint8 or uint16, channels R, G, B.

    Raises:
        DatasetError: the file is missing or damaged.
    """
    import cv2

    file = folder / frame_name(frame, kind)
    try:
        picture = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    except OSError as error:
        raise DatasetError(f"{file} cannot be read ({error.strerror}).", REPAIR) from error
    except cv2.error:
        picture = None
    if picture is None:
        raise DatasetError(f"{file} is no whole PNG.", REPAIR)
    return picture[..., ::-1] if picture.ndim == 3 else picture


def _png(picture: NDArray[Any]) -> bytes:
    import cv2

    flipped = picture[..., ::-1] if picture.ndim == 3 else picture
    return cv2.imencode(".png", np.ascontiguousarray(flipped), [cv2.IMWRITE_PNG_COMPRESSION, _PNG_EFFORT])[1].tobytes()


def _npy(values: NDArray[np.float32]) -> bytes:
    from io import BytesIO

    file = BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()
