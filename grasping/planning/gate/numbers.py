"""What the gate can tell of a plan's numbers alone, before anything is placed in a world: all of it in words."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.cell_parts import ArmMount
from core.transforms import Matrix
from grasping.planning.grasp_plan import Phase
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import (
    JOINT_LOWER_RAD,
    JOINT_UPPER_RAD,
    MAX_ACCELERATION_RAD_S2,
    MAX_JERK_RAD_S3,
    MAX_SPEED_RAD_S,
    PARK_JOINTS,
)

#: The arm must stand where the plan starts, park where it ends, and each motion start where the last one ended.
START_RAD = np.deg2rad(0.5)
CONTINUITY_RAD = np.deg2rad(0.1)
#: No motion of a pick takes longer [s]: at a twentieth of full speed, the least that can be asked for, up to 100.
LONGEST_S = 200.0
_ROUNDING_RAD = 1e-6
#: Sampling a parabola loses up to this share of its acceleration's accuracy.
_SLACK = 1.02
#: An arm runs straight from sample to sample: where they lie farther apart than this [s] a corner is as hard as here.
_SPARSEST_S = 0.05
_RIGID = 1e-3
#: An arm that sagged or was pushed so far [rad] beyond a limit may be led back, over so much [rad] at most, no faster
#: than this [rad/s].
SAGGED_RAD, RETURN_RAD, RETURN_RAD_S = np.deg2rad(1.0), np.deg2rad(2.5), 0.1

Motions = Mapping[Phase, JointTrajectory]
Joints = Mapping[str, NDArray[np.float64]]


def number_violations(
    cell: Cell,
    motions: Motions,
    arm: str,
    T_world_tcp: Matrix,
    pre_open_m: float,
    grasp_width_m: float,
    measured: Joints,
    points_m: Mapping[str, NDArray],
) -> list[str]:
    """Everything wrong with the numbers of a plan; empty when nothing is. points_m: (M, 3) by what they are of."""
    if arm not in cell.arms:
        return [f"the cell has no arm {arm!r}"]
    stroke_m = cell.arms[arm].gripper_stroke_m
    violations = [*_pose(T_world_tcp), *_opening(pre_open_m, grasp_width_m, stroke_m), *_check_joints(cell, measured)]
    for name, points in points_m.items():
        violations += _points(name, points)
    violations += [f"{phase} is missing" for phase in Phase if phase not in motions]
    violations += [f"{phase} is no motion of a pick" for phase in motions if phase not in tuple(Phase)]
    for phase in Phase:
        if phase in motions:
            violations += [f"{phase}: {problem}" for problem in _problems(motions[phase], cell.arms[arm])]
    return violations or list(_jumps(motions, arm, np.asarray(measured[arm], float)))


def transit_violations(
    cell: Cell, motion: JointTrajectory, arm: str, width_m: float, measured: Joints, leads_back: bool = False
) -> list[str]:
    """Everything wrong with the numbers of one motion by itself; empty when nothing is. leads_back: it may begin a
    little beyond a limit, and then goes straight and slowly within."""
    if arm not in cell.arms:
        return [f"the cell has no arm {arm!r}"]
    violations = [*_opening(width_m, width_m, cell.arms[arm].gripper_stroke_m), *_check_joints(cell, measured)]
    violations += _problems(motion, cell.arms[arm], leads_back)
    if leads_back and not violations:
        violations += _astray(motion)
    if not violations:
        away = float(np.abs(motion.positions_rad[0] - np.asarray(measured[arm], float)).max())
        if away > START_RAD:
            violations.append(f"it starts {np.rad2deg(away):.1f} deg from where the {arm} arm is")
    return violations


def parking_violations(retreat: JointTrajectory) -> Iterator[str]:
    """What is wrong with where a pick ends: the next one sees past parked arms alone."""
    away = float(np.abs(retreat.positions_rad[-1] - PARK_JOINTS).max())
    if away > START_RAD:
        yield f"{Phase.RETREAT} ends {np.rad2deg(away):.1f} deg from the parked pose"


def _pose(T_world_tcp: Matrix) -> Iterator[str]:
    T = _array(T_world_tcp)
    if T.shape != (4, 4) or not np.isfinite(T).all():
        yield "the promised grasp is no pose"
    elif np.abs(T[:3, :3] @ T[:3, :3].T - np.eye(3)).max() > _RIGID or np.linalg.det(T[:3, :3]) < 0:
        yield "the promised grasp is no rigid pose"


def _opening(pre_open_m: float, grasp_width_m: float, stroke_m: float) -> Iterator[str]:
    # Written so that NaN is refused.
    for name, width_m in (("opens", pre_open_m), ("closes", grasp_width_m)):
        if not 0.0 <= width_m <= stroke_m:
            yield f"the gripper {name} to {width_m * 1000:.1f} mm, its stroke is {stroke_m * 1000:.0f} mm"
    if pre_open_m < grasp_width_m:
        yield f"the gripper comes in {pre_open_m * 1000:.1f} mm open for {grasp_width_m * 1000:.1f} mm"


def _check_joints(cell: Cell, measured: Joints) -> Iterator[str]:
    for name in cell.arms:
        joints = _array(measured[name]) if name in measured else None
        if joints is None:
            yield f"where the {name} arm stands was not measured"
        elif joints.shape != (6,) or not np.isfinite(joints).all():
            yield f"the {name} arm's measured joints are unusable: {joints}"
    yield from (f"an arm {name!r} was measured that the cell has not" for name in measured if name not in cell.arms)


def _points(name: str, points_m: NDArray) -> Iterator[str]:
    points = _array(points_m)
    if points.ndim != 2 or points.shape[1] != 3:
        yield f"the points of the {name} are no (M, 3)"
    elif not np.isfinite(points).all():
        yield f"not all points of the {name} are finite"
    elif name == "target" and not len(points):
        yield "nothing is known of the target: it has no points"


def _jumps(motions: Motions, arm: str, here: NDArray) -> Iterator[str]:
    whence, allowed = f"where the {arm} arm is", START_RAD
    for phase in Phase:
        away = float(np.abs(motions[phase].positions_rad[0] - here).max())
        if away > allowed:
            yield f"{phase} starts {np.rad2deg(away):.1f} deg from {whence}"
        here, whence, allowed = motions[phase].positions_rad[-1], f"the end of {phase}", CONTINUITY_RAD


def _problems(motion: JointTrajectory, mount: ArmMount, leads_back: bool = False) -> list[str]:
    if not isinstance(motion, JointTrajectory):
        return [f"a {type(motion).__name__} is no trajectory"]
    times, positions = _array(motion.times_s), _array(motion.positions_rad)
    if times.ndim != 1 or len(times) < 2 or positions.shape != (len(times), 6):
        return [f"times {times.shape} and positions {positions.shape} do not make a motion of six joints"]
    if not (np.isfinite(times).all() and np.isfinite(positions).all()):
        return ["not all numbers are finite"]
    if times[0] != 0.0 or (np.diff(times) <= 0).any():
        return ["its times do not grow from 0"]
    problems = []
    if times[-1] > LONGEST_S:
        problems.append(f"it takes {times[-1]:.0f} s, {LONGEST_S:.0f} allowed")
    # Joints have stops where they are, and the controller limits where it takes them to be.
    for limits, joints in (("limits", positions), ("controller's limits", positions - mount.zero_offset_rad)):
        out = np.maximum(JOINT_LOWER_RAD - joints, joints - JOINT_UPPER_RAD)
        allowed = np.full_like(out, _ROUNDING_RAD)
        if leads_back:  # never farther out than just before, and within at the end
            allowed[0], allowed[1:-1] = SAGGED_RAD, np.maximum(out[:-2], _ROUNDING_RAD)
        if (out > allowed).any():
            problems.append(f"a joint leaves its {limits}")
    return [*problems, *_rates(times, positions)]


def _rates(times: NDArray, positions: NDArray) -> Iterator[str]:
    """What is too fast, hard or sharp, from rest before the first sample to rest after the last."""
    step = np.diff(times)
    speed = np.diff(positions, axis=0) / step[:, None]
    between = np.concatenate([step[:1] / 2, (step[:-1] + step[1:]) / 2, step[-1:] / 2])
    change = np.diff(np.concatenate([np.zeros((1, 6)), speed, np.zeros((1, 6))]), axis=0)
    if (fastest := np.abs(speed).max()) > MAX_SPEED_RAD_S * _SLACK:
        yield f"a joint runs at {fastest:.1f} rad/s, {MAX_SPEED_RAD_S} allowed"
    acceleration = change / np.minimum(between, _SPARSEST_S)[:, None]
    if (hardest := np.abs(acceleration).max()) > MAX_ACCELERATION_RAD_S2 * _SLACK:
        yield f"a joint accelerates at {hardest:.1f} rad/s², {MAX_ACCELERATION_RAD_S2} allowed"
    onset = np.diff(np.concatenate([np.zeros((1, 6)), acceleration, np.zeros((1, 6))]), axis=0)
    within = np.minimum(np.concatenate([step[:1], step, step[-1:]]), _SPARSEST_S)
    if (sharpest := np.abs(onset / within[:, None]).max()) > MAX_JERK_RAD_S3 * _SLACK:
        yield f"a joint jerks at {sharpest:.0f} rad/s³, {MAX_JERK_RAD_S3:.0f} allowed"


def _astray(motion: JointTrajectory) -> Iterator[str]:
    """What keeps a motion from being one that leads an arm straight and slowly back within its limits."""
    steps, way = np.diff(motion.positions_rad, axis=0), motion.positions_rad[-1] - motion.positions_rad[0]
    along = steps @ way / max(float(way @ way), _ROUNDING_RAD**2)
    if (along < 0.0).any() or np.abs(steps - along[:, None] * way).max() > _ROUNDING_RAD:
        yield "it does not go straight back"
    if (farthest := np.abs(way).max()) > RETURN_RAD:
        yield f"it goes {np.rad2deg(farthest):.1f} deg, where back within are {np.rad2deg(RETURN_RAD):.1f} at most"
    if (fastest := np.abs(steps / np.diff(motion.times_s)[:, None]).max()) > RETURN_RAD_S * _SLACK:
        yield f"it goes back at {fastest:.2f} rad/s, {RETURN_RAD_S} allowed"


def _array(values: object) -> NDArray[np.float64]:
    """As numbers; what is none becomes a NaN, so that each check refuses it."""
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        return np.array(np.nan)
