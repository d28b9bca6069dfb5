"""What flows between the perception stages: relative depth in, metric depth out."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.json_values import plain
from perception.objects.object_map import ObjectMap

#: What the numbers of a depth map are, see `RelativeDepth`.
Kind = Literal["disparity", "depth", "metric"]


@dataclass(frozen=True)
class RelativeDepth:
    """An estimator's answer for one frame.

    values: (H, W) float32, NaN where it has none. kind says what the numbers are: up to an unknown
    scale and shift `disparity` (1/z, larger is nearer) or `depth` (z, larger is farther), or
    `metric` (z in metres already).
    confidence: (H, W) float32 in 0..1, or None where the estimator gives none.
    is_sensor: the values are a depth sensor's own, and nothing changes them. objects: those that the estimator told
    apart, None where it does not.
    """

    values: NDArray[np.float32]
    kind: Kind
    estimator: str
    confidence: NDArray[np.float32] | None = None
    is_sensor: bool = False
    objects: ObjectMap | None = None


@dataclass(frozen=True)
class Plane:
    """The table in the camera frame: points p [m] with normal @ p = offset_m.

    normal is a unit vector that points from the table towards the camera's side.
    """

    normal: NDArray[np.float64]
    offset_m: float

    def depth(self, rays: NDArray) -> NDArray[np.float32]:
        """Depth (H, W) [m] at which camera rays (H, W, 3; z = 1) meet the plane, NaN above the horizon."""
        along = rays @ self.normal
        with np.errstate(divide="ignore", invalid="ignore"):
            depth_m = self.offset_m / along
        return np.where(depth_m > 0, depth_m, np.nan).astype(np.float32)

    def axes(self) -> NDArray[np.float64]:
        """(3, 3) the axes of a frame on it as columns: x, y along it, z its normal."""
        z = self.normal
        y = np.cross(z, [0.0, 0.0, 1.0] if abs(z[2]) < 0.95 else [0.0, -1.0, 0.0])
        y /= np.linalg.norm(y)
        return np.column_stack([np.cross(y, z), y, z])

    def height(self, points_m: NDArray) -> NDArray:
        """Signed distance [m] of points (..., 3) above the table, positive on the camera's side."""
        return points_m @ self.normal - self.offset_m


@dataclass(frozen=True)
class SeenTag:
    """One detected tag: corners_px (4, 2) in OpenCV pixels, ordered to match `Tag` corners."""

    id: int
    size_m: float
    corners_px: NDArray[np.float64]
    margin: float


@dataclass(frozen=True)
class TableView:
    """Where the table is in the camera.

    source is `tags` (T_camera_world solved from all known tags) or `sensor` (a plane fitted to the
    sensor's depth; T_camera_world is then a nominal frame and nothing may move on it).
    residual_px is the mean reprojection error of the tags' corners (0 for `sensor`);
    residual_mm the median distance of the sensor's points to the plane where source is `sensor`.
    sensor_factor: what the sensor's own depth must be multiplied with to agree with the tags.
    """

    source: Literal["tags", "sensor"]
    plane: Plane
    T_camera_world: NDArray[np.float64]
    tags: tuple[SeenTag, ...]
    residual_px: float
    residual_mm: float
    sensor_factor: float = 1.0


@dataclass(frozen=True)
class CorrectionNote:
    """What was made of the table's correction (`perception.table.correction`).

    used, or why not. largest_mm: the most that it moves the table. before_mm, after_mm: mean error of
    places left out in turn, without and with it, NaN where that was not measured.
    """

    used: bool
    why: str
    largest_mm: float
    before_mm: float
    after_mm: float

    def facts(self) -> dict[str, Any]:
        """For logs and reports, with None for what was not measured."""
        return {key: round(value, 2) if isinstance(value, float) else value for key, value in plain(self).items()}


@dataclass(frozen=True)
class MetricDepth:
    """Depth in metres and the fit that made it: 1/z = scale * d + shift (or z, for kind `depth`).

    depth_m: (H, W) float32, NaN holes. anchors: how many pixels the fit used. residual_mm: median
    |depth error| at the anchors. tag_residuals_mm: per tag id, its median error when it alone is
    left out of the fit (with a correction: its mean error when left out of that). Both are NaN where
    nothing was measured (raw depth with holes there).
    For kind `metric` z = scale * d: 1 where the tags agree with it. estimator: what made the relative depth.
    correction: what was taken out besides, None where a sensor's own depth stays as it is.
    objects: those that were told apart.
    """

    depth_m: NDArray[np.float32]
    scale: float
    shift: float
    residual_mm: float
    tag_residuals_mm: dict[int, float]
    anchors: int
    anchor_source: str
    estimator: str
    confidence: NDArray[np.float32] | None = None
    correction: CorrectionNote | None = None
    objects: ObjectMap | None = None
