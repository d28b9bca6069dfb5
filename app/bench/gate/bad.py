"""Bad plans, each made of a good one by one change, and what the gate should say of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.bench.gate.bad_places import BAD_PLACES, Change, sideways
from app.bench.gate.picks import GateInput, ease, tool_at
from core.transforms import rotation_z, transform
from grasping.planning.grasp_plan import Phase
from hardware.arms.trajectory import JointTrajectory, chain
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD

TRANSIT, APPROACH, LIFT, PLACE, RETREAT = Phase


def _lifted(good: GateInput, *offsets_m: tuple[float, float, float]) -> GateInput:
    """Lifted through the grasp moved by these offsets, and on to the bin."""
    path = [good.end(APPROACH)]
    for offset_m in offsets_m:
        path.append(good.at(transform(translation_m=offset_m) @ good.T_world_tcp, path[-1]))
    return good.moved(lift=good.through(*path), place=good.through(path[-1], good.end(PLACE)))


def _sweep(good: GateInput, rng: np.random.Generator) -> GateInput:
    """Low and sideways through a neighbour, then up."""
    x, y = sideways(rng, 0.12)
    middle = good.T_world_tcp[:3, 3] * [1, 1, 0] + [0.75 * x, 0.75 * y, 0]
    neighbour = middle + rng.uniform([-0.02, -0.02, 0.0], [0.02, 0.02, 0.06], (400, 3))
    swept = _lifted(good, (x, y, rng.uniform(0.0, 0.02)), (x, y, 0.1))
    return replace(swept, other_points_m=np.concatenate([good.other_points_m, neighbour]))


def _reached(good: GateInput, start_rad: NDArray) -> GateInput:
    """Brought to joints from which the approach goes straight in joints to the grasp."""
    here = good.motions[TRANSIT].positions_rad[0]
    return good.moved(transit=good.through(here, start_rad), approach=good.through(start_rad, good.end(APPROACH)))


def _from_the_side(good: GateInput, rng: np.random.Generator) -> GateInput:
    x, y = sideways(rng, rng.uniform(0.02, 0.05))
    return _reached(good, good.at(good.T_world_tcp @ transform(translation_m=(x, y, -0.05)), good.end(APPROACH)))


def _from_near(good: GateInput, rng: np.random.Generator) -> GateInput:
    back = transform(translation_m=(0.0, 0.0, -rng.uniform(0.0, 0.02)))
    return _reached(good, good.at(good.T_world_tcp @ back, good.end(APPROACH)))


def _retreat_by(good: GateInput, via_rad: NDArray) -> GateInput:
    return good.moved(retreat=good.through(good.end(PLACE), via_rad, good.end(RETREAT)))


def _into_the_table(good: GateInput, rng: np.random.Generator) -> GateInput:
    down = transform(translation_m=(0, 0, -good.T_world_tcp[2, 3] - rng.uniform(0.01, 0.05)))
    return _retreat_by(good, good.at(down @ good.T_world_tcp, good.end(APPROACH)))


def _into_itself(good: GateInput, rng: np.random.Generator) -> GateInput:
    return _retreat_by(good, np.array([good.end(PLACE)[0], 0.0, 0.0, 0.0, rng.uniform(1.1, 1.22), 0.0]))


def _other_arm(good: GateInput) -> str:
    return next(name for name in good.cell.arms if name != good.arm)


def _other_in_the_way(good: GateInput, rng: np.random.Generator) -> GateInput:
    """The other arm reaches for the same place."""
    other = _other_arm(good)
    turned = good.T_world_tcp @ transform(rotation_z(np.pi / 2), (0, 0, rng.uniform(-0.03, 0.0)))
    reaching = replace(good, arm=other)
    for pose in (turned, good.T_world_tcp, turned @ transform(rotation_z(np.pi))):
        try:
            joints_rad = reaching.at(pose, good.measured[other])
        except LookupError:
            continue
        return replace(good, measured={**good.measured, other: joints_rad})
    raise LookupError("out of the other arm's reach")


def _samples(phase: Phase, change: Callable[[NDArray, NDArray, np.random.Generator], tuple[Any, Any]]) -> Change:
    """Changes the numbers of one motion."""

    def changed(good: GateInput, rng: np.random.Generator) -> GateInput:
        motion = good.motions[phase]
        times, positions = change(motion.times_s.copy(), motion.positions_rad.copy(), rng)
        return good.moved(**{phase: JointTrajectory(times, positions)})

    return changed


def _somewhere(values: NDArray, rng: np.random.Generator, value: float) -> NDArray:
    values.flat[rng.integers(values.size)] = value
    return values


def _beside(times: NDArray, positions: NDArray, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """All of it with one joint turned a little, away from its nearer limit."""
    joint, middle_rad = rng.integers(6), (JOINT_LOWER_RAD + JOINT_UPPER_RAD) / 2
    positions[:, joint] += np.sign(middle_rad - positions[0])[joint] * rng.uniform(0.005, 0.02)
    return times, positions


def _teleport(times: NDArray, positions: NDArray, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    positions[rng.integers(1, len(positions) - 1) :, rng.integers(6)] += rng.choice([-1, 1]) * rng.uniform(0.02, 0.5)
    return times, positions


def _beyond_limits(good: GateInput, rng: np.random.Generator) -> GateInput:
    far_rad, joint = good.end(PLACE).copy(), rng.integers(6)
    far_rad[joint] = JOINT_UPPER_RAD[joint] + rng.uniform(0.01, 0.3)
    return _retreat_by(good, far_rad)


def _sparse(times: NDArray, positions: NDArray, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """The same ends with one corner between: slow enough, but turned at in no time."""
    corner = (positions[0] + positions[-1]) / 2 + rng.uniform(0.1, 0.2, 6)
    return np.array([0.0, 2.0, 4.0]), np.array([positions[0], corner, positions[-1]])


def _shaken(times: NDArray, positions: NDArray, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Slow enough, but one joint trembles at 33 Hz."""
    often = np.linspace(0.0, times[-1], int(times[-1] / 0.01))
    trembling = np.stack([np.interp(often, times, joint) for joint in positions.T], axis=1)
    trembling[1:-1:2, rng.integers(6)] += rng.uniform(2.8e-4, 3.1e-4)
    return often * 1.5, trembling


def _swung(good: GateInput, rng: np.random.Generator) -> GateInput:
    """Stretched out, and back and forth at a speed that the joints may have and the tool may not."""
    out = np.array([0.0, 1.9, -1.2, 0.0, 0.3, 0.0])
    left, right = out - 0.95 * np.eye(6)[0], out + 0.95 * np.eye(6)[0]
    swing = ease(left, right)
    fast = JointTrajectory(swing.times_s * rng.uniform(1.65, 1.75) / swing.duration_s, swing.positions_rad)
    home = good.end(RETREAT)
    there, back = good.through(home, left), good.through(right, home)
    return good.moved(retreat=chain([good.motions[RETREAT], there, fast, back]))


def _given(**changes: Callable[[GateInput, np.random.Generator], Any]) -> Change:
    return lambda good, rng: replace(good, **{name: change(good, rng) for name, change in changes.items()})


def _with_nan(points: NDArray, rng: np.random.Generator) -> NDArray:
    return _somewhere(np.array(points if len(points) else np.zeros((3, 3))), rng, np.nan)


def _swapped(good: GateInput, rng: np.random.Generator) -> GateInput:
    one, other = rng.choice(5, 2, replace=False)
    a, b = tuple(Phase)[one], tuple(Phase)[other]
    return good.moved(**{a: good.motions[b], b: good.motions[a]})


def _missing(good: GateInput, rng: np.random.Generator) -> GateInput:
    gone = tuple(Phase)[rng.integers(5)]
    return replace(good, motions={phase: motion for phase, motion in good.motions.items() if phase is not gone})


#: What is changed, and words of what the gate should say of it.
KINDS: dict[str, tuple[Change, str]] = {
    "lift sweeps through a neighbour": (_sweep, "sweeps what is held"),
    "lift drags over the table": (lambda g, r: _lifted(g, (*sideways(r, 0.06), 0.004), (0, 0, 0.1)), "sweeps"),
    "lift pushes down first": (lambda g, r: _lifted(g, (0, 0, -r.uniform(0.006, 0.02)), (0, 0, 0.1)), "down"),
    "lift hardly lifts": (lambda g, r: _lifted(g, (0, 0, r.uniform(0.0, 0.025))), "raises what is held"),
    **BAD_PLACES,
    "opening beyond the stroke": (_given(pre_open_m=lambda g, r: 0.1 + r.uniform(0.001, 1.0)), "stroke"),
    "opening not a number": (_given(pre_open_m=lambda g, r: r.choice([np.nan, np.inf, -0.01])), "stroke"),
    "width beyond the stroke": (_given(grasp_width_m=lambda g, r: 0.1 + r.uniform(0.001, 1.0)), "stroke"),
    "width not a number": (_given(grasp_width_m=lambda g, r: r.choice([np.nan, np.inf, -0.01])), "stroke"),
    "closed on the way in": (_given(pre_open_m=lambda g, r: g.grasp_width_m * r.uniform(0, 0.9)), "comes in"),
    "fingers onto the target": (
        _given(pre_open_m=lambda g, r: 0.5 * g.grasp_width_m, grasp_width_m=lambda g, r: 0.4 * g.grasp_width_m),
        "the fingers",
    ),
    "other arm not measured": (_given(measured=lambda g, r: {g.arm: g.measured[g.arm]}), "was not measured"),
    "own arm not measured": (
        _given(measured=lambda g, r: {_other_arm(g): g.measured[_other_arm(g)]}),
        "was not measured",
    ),
    "measured joints not numbers": (
        _given(measured=lambda g, r: {**g.measured, r.choice(list(g.cell.arms)): np.full(6, np.nan)}),
        "unusable",
    ),
    "arm stands elsewhere": (
        _given(measured=lambda g, r: {**g.measured, g.arm: g.measured[g.arm] + r.uniform(0.01, 0.2)}),
        "starts",
    ),
    "no target points": (_given(target_points_m=lambda g, r: np.zeros((0, 3))), "nothing is known of the target"),
    "target points not numbers": (_given(target_points_m=lambda g, r: _with_nan(g.target_points_m, r)), "finite"),
    "other points not numbers": (_given(other_points_m=lambda g, r: _with_nan(g.other_points_m, r)), "finite"),
    "target stands elsewhere": (
        _given(target_points_m=lambda g, r: g.target_points_m + np.append(sideways(r, 0.15), 0)),
        "close on nothing",
    ),
    "arm that is not there": (_given(arm=lambda g, r: "third"), "no arm"),
    "grasp elsewhere than promised": (
        _given(T_world_tcp=lambda g, r: transform(translation_m=(*sideways(r, 0.005), 0)) @ g.T_world_tcp),
        "promised grasp",
    ),
    "promised grasp no pose": (_given(T_world_tcp=lambda g, r: _somewhere(g.T_world_tcp.copy(), r, np.nan)), "pose"),
    "motion missing": (_missing, "is missing"),
    "motions in each other's place": (_swapped, ""),
    "motion empty": (_samples(LIFT, lambda t, q, r: (t[:0], q[:0])), "do not make a motion"),
    "five joints": (_samples(PLACE, lambda t, q, r: (t, q[:, :5])), "do not make a motion"),
    "joints not numbers": (_samples(APPROACH, lambda t, q, r: (t, _somewhere(q, r, np.nan))), "finite"),
    "times not numbers": (_samples(RETREAT, lambda t, q, r: (_somewhere(t, r, np.inf), q)), "finite"),
    "times that do not grow": (_samples(TRANSIT, lambda t, q, r: (np.roll(t, r.integers(1, len(t))), q)), "times"),
    "an hour long": (_samples(PLACE, lambda t, q, r: (t * 3600 / t[-1], q)), "allowed"),
    "jump between motions": (
        _samples(PLACE, _beside),
        "place starts",
    ),
    "jump within a motion": (_samples(PLACE, _teleport), ""),
    "too fast": (_samples(TRANSIT, lambda t, q, r: (t / r.uniform(3, 20), q)), "rad/s"),
    "corner in no time": (_samples(TRANSIT, _sparse), "rad/s²"),
    "joint trembles": (_samples(TRANSIT, _shaken), "rad/s³"),
    "tool too fast": (_swung, "m/s"),
    "joint beyond its limits": (_beyond_limits, "limits"),
    "into the table": (_into_the_table, "table"),
    "into itself": (_into_itself, "meets"),
    "other arm in the way": (_other_in_the_way, "meets"),
    "thing in the way": (
        _given(
            other_points_m=lambda g, r: (
                tool_at(g, g.motions[TRANSIT].positions_rad[len(g.motions[TRANSIT].times_s) * 2 // 3])[:3, 3]
                + r.uniform(-0.03, 0.03, (300, 3))
            )
        ),
        "meets object",
    ),
    "approach from the side": (_from_the_side, "beside the tool's axis"),
    "approach from nowhere": (_from_near, "before the grasp"),
    "never parks": (
        lambda g, r: g.moved(retreat=g.through(g.end(PLACE), g.end(PLACE) + 0.1 * (np.arange(6) == 0))),
        "parked pose",
    ),
}
