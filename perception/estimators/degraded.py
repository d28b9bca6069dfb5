"""The simulator's truth made worse in one known way: cheats that measure what the chain behind depth forgives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.errors import PerceptionError
from perception.estimators import oracle
from perception.estimators.oracle import Oracle
from perception.estimators.specification import EstimatorSpecification, Map, Observation

#: What stands higher than this above the table counts as an object [m].
_STANDS_M = 0.006
#: A slow wave is so long, a hole so wide, at 848 pixels across.
_WAVE_PX, _HOLE_PX, _REFERENCE_PX = 160.0, 12.0, 848
_SEED = 12

#: Depth (H, W) [m] without holes and where objects stand (H, W) -> worse depth (H, W) [m].
Degradation = Callable[[NDArray[np.float64], NDArray[np.bool_]], NDArray[np.float64]]


@dataclass(frozen=True)
class DegradedOracle:
    """The oracle, shown a truth that was degraded first."""

    degrade: Degradation

    def estimate(self, seen: Sequence[Observation]) -> Map:
        newest = seen[-1]
        assert newest.table is not None and newest.intrinsics is not None
        depth_m = np.asarray(newest.truth_m, np.float64)
        known = np.isfinite(depth_m) & (depth_m > 0)
        if not known.any():
            raise PerceptionError("The simulator's true depth is empty.", "Check the cell's camera pose.")
        # Sky, so to speak: nothing that is degraded mixes with nothing.
        filled = np.where(known, depth_m, depth_m[known].max())
        height_m = newest.table.height(newest.intrinsics.rays() * filled[..., None])
        worse_m = np.where(known, self.degrade(filled, height_m > _STANDS_M), np.nan)
        return Oracle().estimate([replace(newest, truth_m=worse_m.astype(np.float32))])


def narrow(depth_m: NDArray, objects: NDArray, width_px: int) -> NDArray[np.float64]:
    """As of a network that answers at a lower width: pixels averaged, then enlarged bilinearly."""
    import cv2

    height, width = depth_m.shape
    small = cv2.resize(depth_m, (width_px, round(height * width_px / width)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float64)


def blur(depth_m: NDArray, objects: NDArray, sigma_px: float) -> NDArray[np.float64]:
    """A Gaussian of so many pixels."""
    import cv2

    return np.asarray(cv2.GaussianBlur(depth_m, (0, 0), sigma_px), np.float64)


def shift(depth_m: NDArray, objects: NDArray, bias_m: float) -> NDArray[np.float64]:
    """Objects too far (positive) or too near, the table where it is."""
    return np.where(objects, depth_m + bias_m, depth_m)


def wave(depth_m: NDArray, objects: NDArray, amplitude_m: float) -> NDArray[np.float64]:
    """Everything bent slowly to and fro, of this amplitude."""
    v, u = np.mgrid[: depth_m.shape[0], : depth_m.shape[1]] * (2 * np.pi * _REFERENCE_PX / depth_m.shape[1] / _WAVE_PX)
    return depth_m + amplitude_m * np.sin(u) * np.cos(v)


def punch(depth_m: NDArray, objects: NDArray, share: float) -> NDArray[np.float64]:
    """Holes in random patches on a share of the objects' pixels."""
    import cv2

    fine = np.random.default_rng(_SEED).standard_normal(depth_m.shape)
    clouds = np.asarray(cv2.GaussianBlur(fine, (0, 0), _HOLE_PX * depth_m.shape[1] / _REFERENCE_PX))
    if not objects.any():
        return depth_m
    return np.where(objects & (clouds < np.quantile(clouds[objects], share)), np.nan, depth_m)


def roughen(depth_m: NDArray, objects: NDArray, sigma_m: float) -> NDArray[np.float64]:
    """Noise of this deviation in every pixel of its own."""
    return depth_m + np.random.default_rng(_SEED).normal(0.0, sigma_m, depth_m.shape)


#: By name, from mild to strong within a kind: what is said of it, and what it does.
DEGRADATIONS: dict[str, tuple[str, Degradation]] = {
    **{f"width-{px}px": (f"{px} pixels wide, enlarged", partial(narrow, width_px=px)) for px in (424, 248, 160)},
    **{f"blur-{px}px": (f"blurred by {px} pixels", partial(blur, sigma_px=float(px))) for px in (3, 6)},
    **{f"far-{mm}mm": (f"objects {mm} mm too far", partial(shift, bias_m=mm / 1000)) for mm in (12, 20)},
    **{f"near-{mm}mm": (f"objects {mm} mm too near", partial(shift, bias_m=-mm / 1000)) for mm in (12, 20)},
    "wave-6mm": ("bent in waves of 6 mm", partial(wave, amplitude_m=0.006)),
    "holes-20%": ("holes in 20 % of the objects", partial(punch, share=0.2)),
    **{f"noise-{mm}mm": (f"noise of {mm} mm", partial(roughen, sigma_m=mm / 1000)) for mm in (3, 6)},
}

#: By name. They are not told with the others: `oracle+blur-6px` is asked for by who measures the chain.
DEGRADED = {
    f"oracle+{name}": EstimatorSpecification(
        f"oracle+{name}",
        f"the simulator's truth (a cheat, digital cell only), {description}",
        oracle.ESTIMATOR.gives,
        load=lambda options, degrade=degrade: DegradedOracle(degrade),  # type: ignore[misc]
        needs_table=True,
        has_holes=True,
        is_cheat=True,
    )
    for name, (description, degrade) in DEGRADATIONS.items()
}
