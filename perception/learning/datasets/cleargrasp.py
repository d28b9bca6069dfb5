"""ClearGrasp (github Shreeyak/cleargrasp): real captures of a D435 or D415 and synthetic images of plastic bottles.

A folder of captures, or one that holds such folders (`d435`, `real-val/d435`, `real-test/d435`):
    <stem>-transparent-rgb-img.jpg     what the camera saw
    <stem>-transparent-depth-img.exr   and its depth [m], 0 or NaN: hole
    <stem>-opaque-depth-img.exr        truth [m], of painted replicas at the same places
    <stem>-mask.png                    255: transparent
    <stem>-normals.exr                 of the truth; x right, y up, z towards the camera (may be absent)
    camera_intrinsics.yaml             xres, yres, fx, fy, cx, cy
A synthetic set (`square-plastic-bottle-val`, with or without `source-files` between):
    rgb-imgs/<stem>-rgb.jpg, depth-imgs-rectified/<stem>-depth-rectified.exr, segmentation-masks/,
    camera-normals/, variant-masks/ and json-files/<stem>-masks.json with the camera and the shapes
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import DatasetError
from core.image import Intrinsics, known_depth
from core.text_file import read_yaml
from perception.learning.datasets import files
from perception.learning.datasets.base import Dataset, DatasetFrame, FrameClip, stems_of

_COLOR = "-transparent-rgb-img.jpg"
#: OpenGL's camera axes in OpenCV's.
_FLIP = np.array([1, -1, -1], np.float32)
#: EXR's half floats hold no larger numbers.
_MOST_ID = 65535
_WANTED = (
    f"<stem>{_COLOR} with its -transparent-depth-img.exr, or rgb-imgs/ beside depth-imgs-rectified/, "
    "here or in folders below"
)


def open_root(root: Path) -> Dataset:
    """Every capture and every synthetic image is a clip of its own: no two show the same scene.

    Raises:
        DatasetError: nothing of this layout is there.
    """
    ways: list[tuple[Path, str, Callable[[Path, str], DatasetFrame]]] = []
    for folder in files.folders_with_files(root, _COLOR):
        ways += [(folder, stem, read_capture) for stem in stems_of(folder, _COLOR)]
    for folder in files.folders_with(root, lambda names: {"rgb-imgs", "depth-imgs-rectified"} <= names):
        ways += [(folder, stem, _read_synthetic) for stem in stems_of(folder / "rgb-imgs", "-rgb.jpg")]
    if not ways:
        raise files.wrong_layout("cleargrasp", root, _WANTED)
    clips = [
        FrameClip((folder.relative_to(root) / stem).as_posix(), False, folder, (stem,), read)
        for folder, stem, read in ways
    ]
    return Dataset("ClearGrasp", tuple(clips))


def read_capture(folder: Path, stem: str, twin: bool = False) -> DatasetFrame:
    """A real capture; twin: what the camera saw of the painted replicas instead of the glass.

    Raises:
        DatasetError: a file of it is missing or damaged.
    """
    seen = "opaque" if twin else "transparent"
    color = files.read_color(folder / f"{stem}-{seen}-rgb-img.jpg")
    size = color.shape[:2]

    def depth_m(kind: str) -> NDArray[np.float32]:
        return files.fit_nearest(known_depth(files.read_exr(folder / f"{stem}-{kind}-depth-img.exr")), size)

    intrinsics = _camera(folder / "camera_intrinsics.yaml").resized(*size[::-1])
    mask = files.read_png(folder / f"{stem}-mask.png")
    normals = folder / f"{stem}-normals.exr"
    return DatasetFrame(
        color,
        depth_m("opaque"),
        intrinsics,
        sensor_m=depth_m(seen),
        transparent=files.fit_nearest((mask if mask.ndim == 2 else mask.max(axis=-1)) > 127, size),
        normals=_normals(normals, intrinsics) if normals.exists() else None,
    )


def _read_synthetic(folder: Path, stem: str) -> DatasetFrame:
    truth_m = known_depth(files.read_exr(folder / "depth-imgs-rectified" / f"{stem}-depth-rectified.exr"))
    size = truth_m.shape
    facts = files.read_json(folder / "json-files" / f"{stem}-masks.json")
    try:
        # The camera looks out of the middle of its image.
        view, (height, width) = facts["camera"]["field_of_view"], size
        fx = width / 2 / math.tan(float(view["x_axis_rads"]) / 2)
        fy = height / 2 / math.tan(float(view["y_axis_rads"]) / 2)
        intrinsics = files.possible(Intrinsics(width, height, fx, fy, (width - 1) / 2, (height - 1) / 2))
        variants = facts["variants"]["masks_and_poses_by_pixel_value"]
        if any(not 0 <= int(id_) <= _MOST_ID for id_ in variants):
            raise ValueError("a variant beyond 65535")
        families = {int(id_): str(one["variant_uri"]).rpartition("/")[2] for id_, one in variants.items()}
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise DatasetError(
            f"{folder}/json-files/{stem}-masks.json gives no camera and shapes ({error!r}).", "Unpack the set again."
        ) from error
    ids = np.rint(files.read_exr(folder / "variant-masks" / f"{stem}-variantMasks.exr")).astype(np.int32)
    mask = files.read_png(folder / "segmentation-masks" / f"{stem}-segmentation-mask.png")
    return DatasetFrame(
        files.fit_color(files.read_color(folder / "rgb-imgs" / f"{stem}-rgb.jpg"), size),
        truth_m,
        intrinsics,
        transparent=files.fit_nearest((mask if mask.ndim == 2 else mask.max(axis=-1)) > 127, size),
        instance_ids=files.fit_nearest(np.where(np.isin(ids, list(families)), ids, 0).astype(np.int32), size),
        normals=_normals(folder / "camera-normals" / f"{stem}-cameraNormals.exr", intrinsics),
        families=families,
    )


def _normals(file: Path, intrinsics: Intrinsics) -> NDArray[np.float32]:
    stored = files.fit_nearest(files.read_exr(file, "RGB") * _FLIP, (intrinsics.height, intrinsics.width))
    return files.unit_normals(np.nan_to_num(stored), intrinsics)


def _camera(file: Path) -> Intrinsics:
    files.demand_file(file)
    try:
        values = read_yaml(file)
        focal_px, centre_px = [float(values[k]) for k in ("fx", "fy")], [float(values[k]) for k in ("cx", "cy")]
        return files.possible(Intrinsics(int(values["xres"]), int(values["yres"]), *focal_px, *centre_px))
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise DatasetError(
            f"{file} gives no camera ({error}).", "It holds xres, yres, fx, fy, cx and cy [px]; copy it again."
        ) from error
