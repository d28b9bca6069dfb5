"""What somebody asks of grasps: on what, and from where; every detector heeds it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics
from grasping.grasp_set import ROTATION, SCORE

#: An object is meant where at least this share of it lies in the mask, or as much of what the mask shows is of it.
_LEAST_SHARE = 0.5


@dataclass(frozen=True)
class Steering:
    """mask (H, W): True on the objects that are meant; None: all. approach (3,): the direction to come from is its
    opposite, a unit vector in camera axes; None: any. cone_rad: grasps whose approach is farther from it are left out.
    """

    mask: NDArray[np.bool_] | None = None
    approach: NDArray[np.float64] | None = None
    cone_rad: float = float(np.pi)

    def wants(self, points_m: NDArray, intrinsics: Intrinsics) -> NDArray[np.bool_]:
        """(N,) whether camera points (N, 3) lie in the mask."""
        if self.mask is None:
            return np.ones(len(points_m), bool)
        pixels = np.round(intrinsics.project(points_m)).astype(int)
        height, width = self.mask.shape
        seen = ((pixels >= 0) & (pixels < [width, height])).all(axis=1)
        u, v = np.clip(pixels, 0, [width - 1, height - 1]).T
        return np.asarray(seen & self.mask[v, u])

    def meant(self, points_m: NDArray, labels: NDArray[np.int32], intrinsics: Intrinsics) -> NDArray[np.int32]:
        """The objects that are meant, of camera points (N, 3) with their labels (N,)."""
        known = np.unique(labels[labels >= 0]).astype(np.int32)
        if self.mask is None:
            return known
        inside = self.wants(points_m, intrinsics) & (labels >= 0)
        least = _LEAST_SHARE * np.array([(labels == k).sum() for k in known])
        of_mask = np.array([(inside & (labels == k)).sum() for k in known])
        return known[(of_mask > 0) & ((of_mask >= least) | (of_mask >= _LEAST_SHARE * inside.sum()))]

    @property
    def note_of_none(self) -> str:
        """Why there is nothing to grasp where a mask was given; '' without one."""
        return "" if self.mask is None else "nothing that can be told apart lies in the mask"

    @property
    def note_of_cone(self) -> str:
        """Why no grasp is left where a cone was given."""
        return f"no grasp comes from within {np.rad2deg(self.cone_rad):.0f} degrees of the direction that was asked for"

    def steered(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Rows (M, 17) within the cone with their scores weighed by the wanted direction, and which (M,) these are."""
        preference = self.preference(rows)
        kept = np.flatnonzero(preference > 0)
        rows = rows[kept].copy()
        rows[:, SCORE] *= preference[kept]
        return rows, kept

    def preference(self, rows: NDArray) -> NDArray[np.float64]:
        """(N,) what rows' scores are multiplied with: 1 along the wanted approach, less away from it, 0 beyond the
        cone."""
        if self.approach is None or not len(rows):
            return np.ones(len(rows))
        cosine = np.clip(rows[:, ROTATION].reshape(-1, 3, 3)[:, :, 0] @ self.approach, -1.0, 1.0)
        return np.where(np.arccos(cosine) <= self.cone_rad + 1e-9, (1.0 + cosine) / 2, 0.0)
