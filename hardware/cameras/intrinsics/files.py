"""A camera's intrinsics from the files in which people keep them: ours, RealSense's, Open3D's, ROS's CameraInfo."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import CameraError
from core.image import Intrinsics
from core.text_file import read_json, read_yaml
from hardware.cameras.intrinsics.check import why_not
from hardware.cameras.intrinsics.lens import Lens

#: What such a file is called in a folder of frames, the first that is there.
NAMES = tuple(
    f"{stem}.{kind}"
    for stem in ("intrinsics", "camera_info", "camera", "camera_intrinsic", "camera_intrinsics", "intrinsic")
    for kind in ("json", "yaml", "yml")
)
#: What people call a lens's coefficients, in small letters and without what joins words; one by one their order is a
#: model's.
_COEFFICIENTS = ("d", "coeffs", "dist", "distortion", "distcoeffs", "distortioncoeffs", "distortioncoefficients")
_SINGLE = ("k1", "k2", "k3", "k4", "p1", "p2")
_FORMS = (
    "Give fx, fy, cx, cy, width, height as JSON; or the JSON of RealSense (ppx, ppy) or Open3D (intrinsic_matrix), or "
    "a CameraInfo (K, D) as JSON or YAML."
)


@dataclass(frozen=True)
class CameraFile:
    """depth_scale: metres in a unit of depth, None where it is not said."""

    intrinsics: Intrinsics
    lens: Lens
    depth_scale: float | None
    serial: str


def read_intrinsics(file: Path) -> CameraFile:
    """Reads any of them.

    Raises:
        CameraError: none of them, or numbers that no camera has, with the likeliest cause.
    """
    try:
        camera = camera_of(_content(file))
    except OSError as error:
        raise CameraError(f"{file} cannot be read ({error.strerror}).", "Mend its permissions.") from error
    except KeyError as error:
        raise CameraError(f"{file} lacks {error}.", _FORMS) from None
    except (ValueError, TypeError, OverflowError) as error:
        raise CameraError(f"{file} is not the JSON of a camera: {error}.", _FORMS) from error
    if reason := why_not(camera.intrinsics):
        raise CameraError(f"{file} has {reason}.", "Give fx, fy, cx, cy in pixels, of these very pictures.")
    return camera


def describes_camera(file: Path) -> bool:
    """Whether it is such a file, be its numbers sound or not."""
    try:
        camera_of(_content(file))
    except (OSError, LookupError, ValueError, TypeError, OverflowError):
        return False
    return True


def _content(file: Path) -> Any:
    is_yaml = file.suffix.lower() in (".yaml", ".yml")
    return read_yaml(file) if is_yaml else read_json(file, is_finite=False)


def camera_of(values: Any) -> CameraFile:
    """The camera that such a file's content describes.

    Raises:
        KeyError, ValueError, TypeError, OverflowError: it describes none.
    """
    if not isinstance(values, Mapping):
        raise ValueError("no fields with names")
    own = {str(key).lower(): value for key, value in values.items()}
    if isinstance(own.get("intrinsic"), Mapping):  # Open3D's PinholeCameraParameters
        own |= {str(key).lower(): value for key, value in own["intrinsic"].items()}
    matrix = _numbers(next((own[key] for key in ("k", "intrinsic_matrix", "camera_matrix") if key in own), None))
    if matrix is not None:
        own |= _of_matrix(matrix)
    for key, other in _OTHER_KEYS.items():
        own.setdefault(key, own.get(other))
        if own[key] is None:
            raise KeyError(key)
    width, height, *numbers = (float(own[key]) for key in _OTHER_KEYS)
    intrinsics = Intrinsics(int(width), int(height), *numbers)
    bent = _coefficients({key.replace("_", ""): value for key, value in own.items()})
    model = next((own[key] for key in ("distortion_model", "model", "distortion") if isinstance(own.get(key), str)), "")
    scale = own.get("depth_scale", own.get("factor_depth"))
    return CameraFile(intrinsics, Lens(model, tuple(bent)), _unit_m(scale), str(own.get("serial", "")))


def _coefficients(own: Mapping[str, Any]) -> list[float]:
    listed = _numbers(next((own[key] for key in _COEFFICIENTS if not isinstance(own.get(key), str | None)), None))
    if listed is None and any(float(own.get(key) or 0.0) for key in _SINGLE):
        raise ValueError("it has k1, k2, ... one by one; give them as coeffs in their model's order, and the model")
    return listed or []


#: By our name: by ROS's calibration's or RealSense's.
_OTHER_KEYS = {"width": "image_width", "height": "image_height", "fx": "fx", "fy": "fy", "cx": "ppx", "cy": "ppy"}


def _of_matrix(matrix: Sequence[float]) -> dict[str, float]:
    """Of nine numbers by rows, or, as Open3D writes them, by columns."""
    if len(matrix) != 9:
        raise ValueError(f"a camera matrix of {len(matrix)} numbers, not 9")
    at = (2, 5) if any(matrix[i] for i in (2, 5)) else (6, 7)
    return {"fx": matrix[0], "fy": matrix[4], "cx": matrix[at[0]], "cy": matrix[at[1]]}


def _numbers(value: Any) -> list[float] | None:
    """A list of numbers, one of lists of them, or OpenCV's {data: ...}; None of none."""
    if isinstance(value, Mapping):
        value = value["data"]
    if value is None:
        return None
    return [float(number) for row in value for number in (row if isinstance(row, list | tuple) else [row])]


def _unit_m(scale: Any) -> float | None:
    """Metres in a unit; above one it is units in a metre, as Open3D and GraspNet say it."""
    if scale is None:
        return None
    scale = float(scale)
    if not 0 < scale < 1e6:
        raise ValueError(f"depth_scale is {scale:g}")
    return 1 / scale if scale > 1 else scale
