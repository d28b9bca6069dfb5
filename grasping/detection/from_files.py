"""Grasps on one RGB-D image from disk: no tags, no cell, any camera whose intrinsics are known."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label
from scipy.spatial import ConvexHull, Delaunay, QhullError

from core.errors import CameraError, ConfigurationError, PerceptionError
from core.image import Intrinsics, RgbdImage, depth_unit_m, known_depth
from core.image_file import read_exr_depth, read_image, read_npy, read_png
from core.transforms import apply, invert
from grasping.detection.detector import DetectorInput
from grasping.detection.registry import create_detector
from grasping.detection.segmentation import MAX_HEIGHT_M, table_frame
from grasping.detection.steering import Steering
from grasping.grasp_set import GraspSet
from hardware.cameras.intrinsics.check import why_not
from perception.depth_types import Plane
from perception.objects.crisp import crisp_depth
from perception.table.plane import FARTHEST_M, fit_table, plane_inliers

#: What is made of a depth image's edges.
Edges = Literal["auto", "kept", "restored"]
#: A depth image with a larger share of holes than this is a sensor's.
LEAST_HOLES = 0.001
_CELL_M = 0.02


def grasps_in(
    frame: RgbdImage,
    detector: str = "antipodal",
    max_opening_m: float = 0.10,
    normals: NDArray[np.float32] | None = None,
    edges: Edges = "auto",
    plane: Plane | None = None,
    steering: Steering | None = None,
) -> GraspSet:
    """Grasps (camera frame) on what stands on the table that the frame's own depth shows.

    normals (H, W, 3) in camera axes, if any, are used instead of those of the depth. edges: `restored`, where colour
    shows that objects end, with each object bent to the depth's level; `kept`, as the depth has them; `auto`: kept
    where the depth has holes, for then a sensor gave it, and restored in a network's, which has none.
    plane: the table's, where something shows it better than depth does. steering: on what, and from where.

    Raises:
        ConfigurationError: an unknown detector.
        PerceptionError: no plane carries enough of the depth, or normals of another size.
    """
    finder = create_detector(detector, max_opening_m)
    plane = plane or fit_table(frame).plane
    region = table_region(frame, plane)
    given = DetectorInput(
        frame.depth_m, frame.intrinsics, plane, region, normals=normals, steering=steering or Steering()
    )
    if edges == "restored" or (edges == "auto" and not _has_holes(frame.depth_m)):
        given = _restore_edges(given, frame)
    return finder.detect(given)


def _has_holes(depth_m: NDArray[np.float32]) -> bool:
    return float(np.isnan(depth_m).mean()) > LEAST_HOLES


def _restore_edges(given: DetectorInput, frame: RgbdImage) -> DetectorInput:
    from perception.objects.model import load_finder

    # By colour alone: soft depth would be copied.
    look = load_finder().predict(frame.color, frame.intrinsics, given.plane)
    depth_m = crisp_depth(frame.depth_m, look, given.plane, frame.intrinsics.rays(), is_learnt=False)
    return replace(given, depth_m=depth_m, objects=look.objects.inside(given.region))


def read_normals(path: Path) -> NDArray[np.float32]:
    """(H, W, 3) normals of one image: a `.npy` of that shape, or of a clip of one frame.

    Raises:
        PerceptionError: another file.
    """
    normals = _read(read_npy, path, "Make it with: python main.py normals")
    if normals.ndim == 4 and len(normals) == 1:
        normals = normals[0]
    if normals.ndim != 3 or normals.shape[2] != 3 or normals.dtype.kind != "f":
        raise PerceptionError(
            f"{path} holds no normals of one image: {normals.shape}.",
            "Give (height, width, 3), as main.py normals writes it.",
        )
    return normals.astype(np.float32)


def read_mask(path: Path) -> NDArray[np.bool_]:
    """(H, W) of a PNG: True where it is not black.

    Raises:
        PerceptionError: another file, or one that is black all over.
    """
    picture = _read(read_png, path, "Give --mask a PNG that is white on the object that is meant.")
    if picture.ndim == 3:
        picture = picture.max(axis=2)
    if not (picture > 0).any():
        raise PerceptionError(f"{path} is black all over.", "Draw what is meant in white.")
    return picture > 0


def read_rgbd(
    rgb: Path, depth: Path, intrinsics: tuple[float, float, float, float], depth_scale: float | None = None
) -> RgbdImage:
    """A frame from an 8-bit colour image and the depth aligned to it.

    depth is a `.npy`, `.exr` or 16-bit `.png` in units of `depth_scale` metres, or, without one, floating-point
    numbers in metres and whole ones in millimetres; 0, NaN and infinity are holes. intrinsics: fx, fy, cx, cy [px].

    Raises:
        ConfigurationError: intrinsics that do not belong to the image.
        PerceptionError: unreadable files, images of different sizes, no depth or depth in other units.
    """
    color = _read(read_image, rgb, "Give --rgb a PNG or JPEG of 8 bits.")
    numbers = read_depth_numbers(depth)
    depth_m = known_depth(numbers * np.float32(depth_unit_m(numbers, depth_scale)))
    height, width = depth_m.shape
    if depth_m.shape != color.shape[:2]:
        raise PerceptionError(
            f"{rgb} is {color.shape[1]}x{color.shape[0]} pixels, {depth} is {width}x{height}.",
            "Align the depth to the colour image (one size, one camera) and try again.",
        )
    k = Intrinsics(width, height, *intrinsics)
    if reason := why_not(k):
        raise ConfigurationError(
            f"The intrinsics do not belong to {rgb}: {reason}.",
            "Give fx,fy,cx,cy in pixels of this very image; after resizing an image they scale with it.",
        )
    if not np.isfinite(depth_m).any():
        raise PerceptionError(f"{depth} holds no depth: every pixel is a hole.", "Check the depth stream.")
    return RgbdImage(color, depth_m, k)


def table_region(frame: RgbdImage, plane: Plane) -> NDArray[np.bool_]:
    """(H, W) True where a point stands above the table's visible extent (its convex outline)."""
    points = apply(invert(table_frame(plane)), frame.intrinsics.rays() * frame.depth_m[..., None])
    with np.errstate(invalid="ignore"):
        on_table = plane_inliers(frame, plane) & (frame.depth_m < FARTHEST_M)
        region = (points[..., 2] < MAX_HEIGHT_M) & (frame.depth_m < FARTHEST_M)
    xy = _main_patch(points[on_table][:, :2])
    try:
        outline = Delaunay(xy[ConvexHull(xy).vertices])
    except (QhullError, ValueError) as error:
        raise PerceptionError(
            "Too little of the table is seen to say where it ends.", "Take the picture from farther off or higher up."
        ) from error
    region[region] = outline.find_simplex(points[region][:, :2]) >= 0
    return region


def _main_patch(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points (N, 2) of the largest connected patch: not the floor strip that happens to be level."""
    cell = np.floor((xy - xy.min(0)) / _CELL_M).astype(int)
    counts = np.zeros(cell.max(0) + 1, int)
    np.add.at(counts, tuple(cell.T), 1)
    patches, _ = label(counts > 3, np.ones((3, 3)))
    sizes = np.bincount(patches.ravel(), weights=counts.ravel())
    sizes[0] = 0
    return xy[patches[tuple(cell.T)] == sizes.argmax()]


def _read(reader: Callable[[Path], NDArray], path: Path, remedy: str) -> NDArray:
    _demand_file(path)
    try:
        return reader(path)
    except CameraError as error:
        raise PerceptionError(error.cause, remedy) from error


def read_depth_numbers(path: Path) -> NDArray[Any]:
    """(H, W) of a depth file as it has them.

    Raises:
        PerceptionError: it is none.
    """

    def unreadable(why: str) -> PerceptionError:
        return PerceptionError(
            f"{path} cannot be read as depth: {why}.",
            "Give --depth a .npy or .exr in metres, or a 16-bit .png with --depth-scale.",
        )

    _demand_file(path)
    readers = {".npy": read_npy, ".exr": read_exr_depth, ".png": read_png}
    suffix = path.suffix.lower()
    if suffix not in readers:
        raise unreadable("its format is not known")
    try:
        depth = readers[suffix](path)
    except CameraError as error:
        raise unreadable(error.cause.rstrip(".")) from error
    if suffix == ".png" and depth.dtype != np.uint16:
        raise unreadable(f"it is {depth.dtype}, not 16 bits a pixel")
    if depth.ndim == 3 and depth.shape[2] == 1:
        depth = depth[..., 0]
    if depth.ndim != 2 or depth.dtype.kind not in "fui":
        raise unreadable(f"it is {depth.dtype} of the shape {depth.shape}, not numbers, height x width")
    return depth


def _demand_file(path: Path) -> None:
    if not path.is_file():
        raise PerceptionError(f"There is no file {path}.", "Check the path.")
