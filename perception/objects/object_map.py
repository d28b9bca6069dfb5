"""What flows between the stages of telling objects apart."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter


def box_around(mask: NDArray[np.bool_], margin_px: int = 0) -> tuple[slice, slice]:
    """The rows and columns of a mask (H, W) that is not empty, and so many around them."""
    first_last = (np.flatnonzero(mask.any(axis))[[0, -1]].tolist() for axis in (1, 0))
    rows, columns = (slice(max(first - margin_px, 0), last + margin_px + 1) for first, last in first_last)
    return rows, columns


def reaches_border(mask: NDArray[np.bool_]) -> bool:
    """Whether a mask (H, W) has pixels of the first or last row or column."""
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


@dataclass(frozen=True)
class CellMasks:
    """Where in a picture (H, W) what the cell knows of is: region, where an object to grasp may be; arms; and
    arm_images, where the arms would be seen in a table that is a mirror. arms_m: how far away [m] the arms are at
    least, None where nobody knows."""

    region: NDArray[np.bool_]
    arms: NDArray[np.bool_]
    arm_images: NDArray[np.bool_]
    arms_m: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class ObjectMap:
    """What stands on the table, pixel by pixel (H, W). ids: int32, 0 for none, then 1, 2, ...; probability: that a
    pixel shows an object at all; thickness_m: how far behind its first surface the ray leaves the object for good,
    NaN where there is none."""

    ids: NDArray[np.int32]
    probability: NDArray[np.float32]
    thickness_m: NDArray[np.float32]

    @property
    def count(self) -> int:
        return int(self.ids.max(initial=0))

    def inside(self, region: NDArray[np.bool_]) -> "ObjectMap":
        """Only objects that lie mostly in a region (H, W), numbered anew in their order; those stay whole."""
        sizes = np.bincount(self.ids.ravel(), minlength=self.count + 1)
        kept = np.bincount(self.ids[region], minlength=self.count + 1) > 0.5 * sizes
        kept[0] = False
        return replace(self, ids=np.where(kept, np.cumsum(kept), 0)[self.ids].astype(np.int32))

    def within(self, reach_px: int) -> NDArray[np.bool_]:
        """(H, W) True on objects and so near to them."""
        side = 2 * reach_px + 1
        return np.asarray(maximum_filter(self.mask.astype(np.uint8), side) > 0)

    @property
    def mask(self) -> NDArray[np.bool_]:
        return self.ids > 0
