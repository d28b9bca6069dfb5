"""Which pixels a number is over."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from perception.learning.datasets.base import DatasetFrame

#: The paper masks ClearPose's background: only truth between these depths [m] counts (its section on evaluation).
TRUTH_RANGES_M = {"clearpose": (0.3, 1.5)}
#: What is no object and lies this near to the table's plane is table [m].
_ON_TABLE_M = 0.002

Regions = Mapping[str, NDArray[np.bool_]]
#: What a family's region is called.
FAMILY = "family: "


def regions_of(frame: DatasetFrame, kind: str) -> Regions:
    """Masks (H, W) by name, those that the data set tells of: `all`, `transparent`, `specular`, `hard`
    (transparent or specular), `table`, and a family's hard objects each."""
    near_m, far_m = TRUTH_RANGES_M.get(kind, (0.0, np.inf))
    with np.errstate(invalid="ignore"):
        everything = (frame.depth_m > near_m) & (frame.depth_m < far_m)
    found = {"all": everything}
    optics = {"transparent": frame.transparent, "specular": frame.specular, "hard": hard_of(frame)}
    found |= {name: everything & mask for name, mask in optics.items() if mask is not None}
    if frame.table is not None and frame.instance_ids is not None:
        off_m = frame.table.height(frame.intrinsics.rays() * frame.depth_m[..., None])
        found["table"] = everything & (frame.instance_ids == 0) & (np.abs(off_m) < _ON_TABLE_M)
    if "hard" in found and frame.instance_ids is not None:
        for family in sorted(set(frame.families.values())):
            own = [id_ for id_, name in frame.families.items() if name == family]
            found[f"{FAMILY}{family}"] = found["hard"] & np.isin(frame.instance_ids, own)
    return {name: mask for name, mask in found.items() if name == "all" or mask.any()}


def things_of(frame: DatasetFrame) -> Regions:
    """Masks (H, W) of what stands on the table, as far as the data set tells: `transparent`, `specular`, `objects`."""
    found = {"transparent": frame.transparent, "specular": frame.specular}
    if frame.instance_ids is not None:
        found["objects"] = frame.instance_ids > 0
    return {name: mask for name, mask in found.items() if mask is not None and mask.any()}


def hard_of(frame: DatasetFrame) -> NDArray[np.bool_] | None:
    """(H, W) where a depth sensor is not to be believed; None where the data set does not say."""
    masks = [mask for mask in (frame.transparent, frame.specular) if mask is not None]
    return np.logical_or.reduce(masks) if masks else None
