"""The table as the sensor's depth shows it: a robust plane where no tag is in view."""

import numpy as np
from numpy.typing import NDArray

from core.errors import PerceptionError
from core.image import RgbdImage
from core.threads import one_blas_thread
from core.transforms import transform
from perception.depth_types import Plane, TableView

#: Stereo noise is constant in disparity: a third of a pixel of a D435 (f b about 30 px m) in 1/m.
INLIER_TOLERANCE = 0.012
#: Least share of the image with depth, and of that depth on the plane.
MIN_VALID, MIN_INLIERS = 0.10, 0.25
#: Largest median distance of the plane's own points [m].
MAX_RESIDUAL_M = 0.006

_STRIDE_PX = 4
_TRIALS = 400


@one_blas_thread()
def fit_table(frame: RgbdImage) -> TableView:
    """The dominant plane of the sensor's depth, with a nominal world frame on it: nothing may move on it.

    The frame's origin is the plane's point under the middle of the table in view, z up, x towards
    the camera. Planes are linear in inverse depth (1/z = w @ ray), where stereo noise is constant.

    Raises:
        PerceptionError: hardly any depth, or no plane that carries enough of it.
    """
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
