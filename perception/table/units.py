"""What the numbers of a depth image are, where they are no metres: another unit, disparity, or turned over."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.errors import ContradictionError, PerceptionError
from core.image import RgbdImage
from perception.depth_types import TableView

#: Metres in a unit, and what people call it; RealSense's L515 has the quarter, TUM's data sets the fifth of a mm.
UNITS = {
    0.001: "millimetres",
    0.0001: "tenths of a millimetre",
    0.00025: "quarters of a millimetre",
    0.0005: "half millimetres",
    0.0002: "fifths of a millimetre",
    0.01: "centimetres",
    0.0254: "inches",
    0.3048: "feet",
}
#: How near to a unit a factor must be to be taken for it.
_UNIT_TOLERANCE = 0.06
#: By what depth in a wrong unit is likely to be wrong, and where tables mostly are [m].
_FACTORS = (1e-3, 1e-4, 0.01, 0.1, 0.2, 0.25, 0.5, 2.0, 4.0, 5.0, 10.0, 100.0, 1000.0)
_USUAL_M = 0.75
#: A picture's deepest pixels that are exactly 1, at most, where it was divided by its largest.
_MOST_AT_ONE = 4
FLIPS = {
    "left and right swapped": (slice(None), slice(None, None, -1)),
    "upside down": (slice(None, None, -1), slice(None)),
    "turned by 180°": (slice(None, None, -1), slice(None, None, -1)),
}


def nearest_unit_m(unit_m: float) -> float:
    """The unit [m] that people use, where one is as near as tags tell; else the same number."""
    named = min(UNITS, key=lambda unit: abs(np.log(unit_m / unit)))
    return named if abs(unit_m / named - 1) <= _UNIT_TOLERANCE else unit_m


def unit_of(factor: float) -> str:
    """What numbers are that become metres by this factor, "" where that has no name."""
    named = min(UNITS, key=lambda unit: abs(np.log(factor / unit)))
    return UNITS[named] if abs(factor / named - 1) <= _UNIT_TOLERANCE else ""


def refuse_normalised(depth_m: NDArray) -> None:
    """Raises a ContradictionError where depth was divided by its own largest value: exactly 1 at one pixel or a few."""
    if 0 < np.count_nonzero(depth_m == 1.0) <= _MOST_AT_ONE and np.nanmax(depth_m) == 1.0:
        raise ContradictionError(
            "The depth is normalised: its largest value is exactly 1.", "Give it in metres, as it was before that."
        )


def along_axis(frame: RgbdImage) -> NDArray[np.float32]:
    """(H, W) depth [m] of a frame whose numbers are distances along each pixel's ray."""
    return frame.depth_m / np.linalg.norm(frame.intrinsics.rays(), axis=2)


def ray_lengths() -> ContradictionError:
    """What is said of depth that is distances along rays."""
    return ContradictionError(
        "The depth is measured along each pixel's ray, not along the optical axis: divided by the rays' lengths it "
        "shows a flat table.",
        "Give depth along the optical axis (a renderer's distance to the image plane, not to the camera).",
    )


def likely_meaning(frame: RgbdImage, find: Callable[[RgbdImage], TableView]) -> ContradictionError | None:
    """Why a frame's depth shows no table, where it would as something else than metres.

    Args:
        find: raises a PerceptionError where there is no table.
    """
    depth_m = np.where(frame.depth_m > 0, frame.depth_m, np.nan)
    if not np.isfinite(depth_m).any():
        return None

    def distance_m(other_m: NDArray) -> float | None:
        try:
            return float(find(replace(frame, depth_m=other_m.astype(np.float32))).T_camera_world[2, 3])
        except PerceptionError:
            return None

    tables = [(factor, at_m) for factor in _FACTORS if (at_m := distance_m(depth_m * factor)) is not None]
    if tables:
        factor, at_m = min(tables, key=lambda table: abs(np.log(table[1] / _USUAL_M)))
        unit = unit_of(factor)
        return ContradictionError(
            f"The depth is {np.nanmedian(depth_m):.4g} m in the median, which is no table: times {factor:g} it is one "
            f"at {at_m:.2f} m" + (f", so it is likely to be in {unit}." if unit else "."),
            f'Say so: "depth_scale": {factor:g} in intrinsics.json, or multiply it.',
            factor,
        )
    if distance_m(1 / depth_m) is not None:
        return ContradictionError(
            "The depth has near and far the wrong way round: it is disparity (1/depth), which shows a table.",
            "Give 1 / it, in metres.",
        )
    for how, flip in FLIPS.items():
        if distance_m(depth_m[flip]) is not None:
            return ContradictionError(f"The depth shows a table only {how}.", "Turn it as the colour image is.")
    return None
