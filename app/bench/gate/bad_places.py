"""Bad ways to the bin, each made of a good one by one change, and what the gate should say of it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.bench.gate.picks import GateInput, tool_at
from core.transforms import apply, invert, transform
from grasping.planning.grasp_plan import Phase

LIFT, PLACE, RETREAT = Phase.LIFT, Phase.PLACE, Phase.RETREAT

Change = Callable[[GateInput, np.random.Generator], GateInput]


def sideways(rng: np.random.Generator, far_m: float) -> NDArray[np.float64]:
    """A way (2,) [m] in any direction."""
    angle = rng.uniform(0, 2 * np.pi)
    return far_m * np.array([np.cos(angle), np.sin(angle)])


def _place_at(good: GateInput, end_rad: NDArray) -> GateInput:
    return good.moved(place=good.through(good.end(LIFT), end_rad), retreat=good.through(end_rad, good.end(RETREAT)))


def _beside_the_bin(good: GateInput, rng: np.random.Generator) -> GateInput:
    x, y = sideways(rng, max(good.cell.bin.size_m[:2]) * rng.uniform(0.75, 1.2))
    aside = transform(translation_m=(x, y, rng.uniform(0.0, 0.06)))
    return _place_at(good, good.at(aside @ tool_at(good, good.end(PLACE)), good.end(PLACE)))


def _let_go(good: GateInput, offset_m: NDArray) -> GateInput:
    """By so much (3,) elsewhere than it was to be."""
    moved = transform(translation_m=offset_m) @ tool_at(good, good.end(PLACE))
    return _place_at(good, good.at(moved, good.end(PLACE)))


def _too_high(good: GateInput, rng: np.random.Generator) -> GateInput:
    """More than a decimetre above the bin's rim, anywhere between the place and the bin's middle: an arm does not get
    as high over every corner."""
    held = _let_go_m(good)
    up_m = good.cell.bin.size_m[2] + rng.uniform(0.11, 0.15) - held[:, 2].min()
    inwards_m = rng.uniform() * (np.array(good.cell.bin.center_m) - held[:, :2].mean(axis=0))
    return _let_go(good, np.array([*inwards_m, up_m]))


def _let_go_m(good: GateInput) -> NDArray[np.float64]:
    """(M, 3) world, of what is held when it is let go of."""
    return apply(tool_at(good, good.end(PLACE)) @ invert(good.T_world_tcp), good.target_points_m)


def _into_the_bins_floor(good: GateInput, rng: np.random.Generator) -> GateInput:
    return _let_go(good, np.array([0, 0, -_let_go_m(good)[:, 2].min() - rng.uniform(0.0, 0.02)]))


def _into_the_bins_wall(good: GateInput, rng: np.random.Generator) -> GateInput:
    """Lowered where the bin's wall is between the sides of what is held."""
    held = _let_go_m(good)
    side, axis = rng.choice([-1, 1]), rng.integers(2)
    offset = np.zeros(3)
    offset[axis] = good.cell.bin.center_m[axis] + side * good.cell.bin.size_m[axis] / 2 - held[:, axis].mean()
    offset[2] = good.cell.bin.size_m[2] * rng.uniform(0.3, 0.7) - held[:, 2].min()
    return _let_go(good, offset)


def _onto_what_is_binned(good: GateInput, rng: np.random.Generator) -> GateInput:
    """Something stands in the bin right where its lowest point is let go of."""
    x, y, foot_m = (held := _let_go_m(good))[held[:, 2].argmin()]
    top = foot_m + rng.uniform(0.01, 0.04)
    standing = np.array([x, y, 0.0]) + rng.uniform([-0.02, -0.02, 0.0], [0.02, 0.02, top], (400, 3))
    return replace(good, other_points_m=np.concatenate([good.other_points_m, standing]))


def _sweeps_off(good: GateInput, rng: np.random.Generator) -> GateInput:
    """Sideways where it let go, neither back nor up, then on as it was."""
    tool = tool_at(good, good.end(PLACE))
    across = np.cross(tool[:3, 2], [0.0, 0.0, 1.0])
    across = across / np.linalg.norm(across) if np.linalg.norm(across) > 0.3 else tool[:3, 1]
    aside = good.at(transform(translation_m=rng.choice([-0.03, 0.03]) * across) @ tool, good.end(PLACE))
    return good.moved(retreat=good.through(good.end(PLACE), aside, good.end(RETREAT)))


#: What is changed, and words of what the gate should say of it.
BAD_PLACES: dict[str, tuple[Change, str]] = {
    "place stays": (lambda g, r: _place_at(g, g.end(LIFT) + 1e-3), "never reaches the bin"),
    "place stops on the way": (
        lambda g, r: _place_at(g, g.motions[PLACE].positions_rad[len(g.motions[PLACE].times_s) // 4]),
        "never reaches the bin",
    ),
    "place lets go beside the bin": (_beside_the_bin, "bin"),
    "place lets go too high": (_too_high, "above the bin's rim"),
    "place presses into the bin's floor": (_into_the_bins_floor, "bin's rim"),
    "place lowers onto the bin's wall": (_into_the_bins_wall, "bin's rim"),
    "place lowers onto what is in the bin": (_onto_what_is_binned, "meets object"),
    "retreat sweeps what it let go of": (_sweeps_off, "sweeps what it let go of"),
}
