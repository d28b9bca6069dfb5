"""The table as the sensor's depth shows it: a robust plane where no tag is in view."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.errors import PerceptionError
from core.image import RgbdImage
from core.threads import one_blas_thread
from core.transforms import transform
from hardware.cameras.intrinsics.check import doubt
from perception.depth_types import Plane, TableView
from perception.table.mirrored import refuse_mirrored
from perception.table.units import along_axis, likely_meaning, ray_lengths, refuse_normalised

#: Stereo noise is constant in disparity: a third of a pixel of a D435 (f b about 30 px m) in 1/m.
INLIER_TOLERANCE = 0.012
#: Least share of the image with depth, and of that depth on the plane.
MIN_VALID, MIN_INLIERS = 0.10, 0.25
#: Largest median distance of the plane's own points [m].
MAX_RESIDUAL_M = 0.006
#: What is farther is a room, not a table; a table's middle is in the range of a D435 (core/cell.py) or a little nearer.
FARTHEST_M = 3.0
NEAREST_M, MOST_DISTANT_M = 0.2, 2.0
#: A camera that sees a table sees it from above: its normal has this much of "up" in the image.
TABLE_UP = 0.35
#: A camera that looks straight down sees a normal with this much towards it, and no more than this of "down".
_TOWARDS, _MOST_DOWN = 0.9, -0.2
#: What is this much higher than another level plane is no box on it: the other is the floor [m].
_TABLE_HEIGHT_M = 0.4

#: A plane with this share of a picture is flat; with less it may be a bent one's middle.
_FLAT_SHARE = 0.3
_STRIDE_PX = 4
_TRIALS = 400


@one_blas_thread()
def fit_table(frame: RgbdImage) -> TableView:
    """The table in the sensor's depth, with a nominal world frame on it: nothing may move on it.

    The frame's origin is the plane's point under the middle of the table in view, z up, x towards
    the camera.

    Raises:
        ContradictionError: depth that shows a table only in another unit, turned over, or as disparity.
        PerceptionError: hardly any depth, or no plane that carries enough of it and can be a table.
    """
    if reason := doubt(frame.intrinsics):
        raise PerceptionError(
            f"The intrinsics are doubtful and no tag confirms them: {reason}.",
            "Give those of this very picture; if these are, take it with the cell's tags in view, which show it.",
        )
    refuse_normalised(frame.depth_m)
    refuse_mirrored(frame)
    try:
        view = _find_table(frame)
    except PerceptionError as error:
        raise likely_meaning(frame, _find_table) or error from error
    _refuse_ray_lengths(frame, view)
    return view


def _find_table(frame: RgbdImage) -> TableView:
    """The table among the planes that stand out, the dominant first.

    A table is level: seen from above, its normal has some of "up" in the image; or faces a camera that looks
    straight down. Of two levels far apart the upper is the table, the lower the floor.
    """
    near = replace(frame, depth_m=np.where(frame.depth_m < FARTHEST_M, frame.depth_m, np.nan).astype(np.float32))
    try:
        views = [_dominant_plane(near)]
    except PerceptionError:
        # Walls crowd the floor of a bin: it is what the middle of the image shows.
        views = [_dominant_plane(replace(near, depth_m=_middle(near.depth_m)))]
    with suppress(PerceptionError):
        for _ in range(2):
            rest = np.where(plane_inliers(near, views[-1].plane), np.nan, near.depth_m).astype(np.float32)
            near = replace(near, depth_m=rest)
            views.append(_dominant_plane(near))
    level = [view for view in views if -view.plane.normal[1] > TABLE_UP]
    if not level and _faces_down(views[0].plane.normal):
        level = views[:1]
    if not level:
        raise PerceptionError(
            f"No table stands out in the sensor's depth: its largest plane is {_words(views[0].plane.normal)}.",
            "Point the camera down at the table, turn the picture upright, or lay the cell's tags on the table.",
        )
    table = max(level, key=lambda view: _is_above(view.plane, level[0].plane))
    distance_m = _distance_m(table)
    if not NEAREST_M <= distance_m <= MOST_DISTANT_M:
        raise PerceptionError(
            f"The largest level plane in the sensor's depth is {distance_m:.2f} m away, a table is {NEAREST_M} to "
            f"{MOST_DISTANT_M} m away.",
            "Check the unit of the depth, or put the camera nearer to the table.",
        )
    return table


def _dominant_plane(frame: RgbdImage) -> TableView:
    """The plane that carries most of the depth. Planes are linear in inverse depth (1/z = w @ ray), where stereo noise
    is constant."""
    rays, inverse, near_centre = _samples(frame)
    w = _ransac(rays, inverse, near_centre)
    for _ in range(8):  # least squares with Tukey's weights, which fade to zero at twice the inlier tolerance
        tukey = np.clip(1 - ((inverse - rays @ w) / (2 * INLIER_TOLERANCE)) ** 2, 0, None) ** 2
        if np.count_nonzero(tukey) < 3:
            break
        w = np.linalg.lstsq(rays * np.sqrt(tukey)[:, None], inverse * np.sqrt(tukey), rcond=None)[0]
    inliers = np.abs(inverse - rays @ w) < INLIER_TOLERANCE
    # w = normal / offset; turning the normal towards the camera makes the offset negative.
    size = float(np.linalg.norm(w))
    plane = Plane(-w / size, -1 / size)
    points = rays[inliers] / inverse[inliers, None]
    residual_m = float(np.median(np.abs(plane.height(points)))) if inliers.any() else np.inf
    if inliers.mean() < MIN_INLIERS or residual_m > MAX_RESIDUAL_M:
        raise PerceptionError(
            f"No table stands out in the sensor's depth: the best plane carries {inliers.mean():.0%} of it "
            f"({MIN_INLIERS:.0%} needed) and is {1000 * residual_m:.1f} mm rough.",
            "Lay the cell's tags on the table: they show it where the sensor cannot.",
        )
    T_camera_world = _nominal_world(plane, np.median(rays[inliers], axis=0))
    return TableView("sensor", plane, T_camera_world, (), 0.0, 1000 * residual_m)


def _refuse_ray_lengths(frame: RgbdImage, view: TableView) -> None:
    """Raises a ContradictionError where far more depth lies on a table once it is taken for distances along rays."""
    share = plane_inliers(frame, view.plane).mean()
    if share > _FLAT_SHARE:
        return
    straight, flat = replace(frame, depth_m=along_axis(frame)), 0.0
    with suppress(PerceptionError):
        flat = plane_inliers(straight, _find_table(straight).plane).mean()
    if flat > max(_FLAT_SHARE, 2 * share):
        raise ray_lengths()


def plane_inliers(frame: RgbdImage, plane: Plane) -> NDArray[np.bool_]:
    """(H, W) pixels whose sensor depth lies on the plane."""
    with np.errstate(divide="ignore", invalid="ignore"):
        error = 1 / frame.depth_m - 1 / plane.depth(frame.intrinsics.rays())
    return np.abs(error) < INLIER_TOLERANCE


def _samples(frame: RgbdImage) -> tuple[NDArray, NDArray, NDArray]:
    """Rays (N, 3), inverse depths (N,) and weights that fall off from the image's centre (N,)."""
    every = (slice(_STRIDE_PX // 2, None, _STRIDE_PX),) * 2
    depth, rays = frame.depth_m[every], frame.intrinsics.rays()[every]
    valid = np.isfinite(depth) & (depth > 0)
    if valid.mean() < MIN_VALID:
        raise PerceptionError(
            f"The sensor gives depth on {valid.mean():.0%} of the image and no tag is in view, "
            "so nothing says where the table is.",
            "Lay the cell's tags on the table, or check the depth stream with `python main.py doctor`.",
        )
    height, width = depth.shape
    v, u = np.mgrid[:height, :width]
    far = ((u / width - 0.5) ** 2 + (v / height - 0.5) ** 2)[valid]
    return rays[valid].astype(float), 1 / depth[valid].astype(float), np.exp(-far / (2 * 0.3**2))


def _ransac(rays: NDArray, inverse: NDArray, weight: NDArray) -> NDArray[np.float64]:
    """The plane w (1/z = w @ ray) that carries most weight, out of planes through three random points."""
    rng = np.random.default_rng(0)
    picks = rng.integers(len(rays), size=(_TRIALS, 3))
    corners = rays[picks]
    sound = np.abs(np.linalg.det(corners)) > 1e-4
    planes = np.linalg.solve(corners[sound], inverse[picks[sound]][..., None])[..., 0]
    if not len(planes):
        return np.array([0.0, 0.0, float(np.median(inverse))])
    subset = rng.permutation(len(rays))[:4000]
    carried = np.abs(inverse[subset] - planes @ rays[subset].T) < INLIER_TOLERANCE
    return planes[int(np.argmax(carried @ weight[subset]))]


def _nominal_world(plane: Plane, middle_ray: NDArray) -> NDArray[np.float64]:
    origin = middle_ray * plane.offset_m / (middle_ray @ plane.normal)
    # Down in the image and back along the view both point towards the camera on the table.
    towards = np.array([0.0, 1.0, -1.0])
    x = towards - (towards @ plane.normal) * plane.normal
    x /= np.linalg.norm(x)
    return transform(np.column_stack([x, np.cross(plane.normal, x), plane.normal]), origin)


def _middle(depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """Depth (H, W) with holes all round the middle three fifths."""
    height, width = depth_m.shape
    window = (slice(height // 5, height - height // 5), slice(width // 5, width - width // 5))
    middle = np.full_like(depth_m, np.nan)
    middle[window] = depth_m[window]
    return middle


def _faces_down(normal: NDArray) -> bool:
    return bool(-normal[2] > _TOWARDS and -normal[1] > _MOST_DOWN)


def _words(normal: NDArray) -> str:
    """What a plane that is no table is, by its normal."""
    return "seen from below" if -normal[1] < -0.7 else "a wall"


def _is_above(upper: Plane, lower: Plane) -> bool:
    """Whether one level plane is a table's height over another."""
    return bool(upper.normal @ lower.normal > 0.95 and upper.offset_m - lower.offset_m > _TABLE_HEIGHT_M)


def _distance_m(view: TableView) -> float:
    """How far the plane's middle in view is along the optical axis."""
    return float(view.T_camera_world[2, 3])
