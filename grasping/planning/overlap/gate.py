"""The gate of two arms that move at once: both, and what they hold, in one MuJoCo world along one time axis.

Each arm's own motions have passed the gate of a pick, with the other arm parked. Here they are checked against each
other alone, by other means than the planner's; it refuses, with the reason, and never raises.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.cell import Cell
from core.transforms import apply, invert
from grasping.planning.gate.model import standing
from grasping.planning.gate.numbers import START_RAD, Joints
from grasping.planning.gate.report import Looked, report
from grasping.planning.grasp_plan import GateReport, GraspPlan, Phase
from hardware.arms.together import TimedStep, TimeLine
from hardware.robot.description import ARM_JOINTS, FINGER_JOINTS, TCP_OFFSET_M, urdf

#: Nearer than this [m] two moving arms may not come; between samples no joint of either moves farther than that.
APART_M, SAMPLE_RAD = 0.02, np.deg2rad(1.0)
#: Either arm may be so far behind the other [s]: they are checked side by side, and with either that late, or half.
LAG_S = 0.1
_LAGS_S = ((0.0, 0.0), (LAG_S / 2, 0.0), (LAG_S, 0.0), (0.0, LAG_S / 2), (0.0, LAG_S))
#: Distances are measured up to here [m].
_SEEN_M = 0.06
#: What is held is a box around its points in each column of this width [m], at least so thick [m] to either side.
_COLUMN_M, _THIN_M = 0.02, 0.001
_ORDER = ((Phase.PLACE, "open", Phase.RETREAT), (Phase.TRANSIT, Phase.APPROACH, "close", Phase.LIFT))


def check_together(
    cell: Cell,
    carrying: GraspPlan,
    reaching: GraspPlan,
    steps: TimeLine,
    measured: Joints,
    held_m: Mapping[str, NDArray[np.float64]],
) -> GateReport:
    """Whether one arm may carry away what it holds while the other reaches for its object.

    Args:
        carrying, reaching: two arms' picks, each passed by the gate with the other arm parked.
        steps: what both do, by arm, on one time line.
        measured: joints (6,) [rad] of every arm of the cell, read back now.
        held_m: by arm, the points (M, 3) of its object where it stood, world.
    """
    looked = Looked()

    def violations() -> list[str]:
        wrong = list(_violations(cell, carrying, reaching, steps, measured))
        if not wrong:
            world = _PairWorld(cell, carrying, reaching, held_m)
            looked.checked, looked.clearance_m, wrong = world.follow(steps[carrying.arm], steps[reaching.arm])
        return wrong

    seal = partial(seal_of_steps, carrying, reaching, steps, measured)
    return report(looked, "the motions cannot be checked together", violations, seal)


def seal_of_steps(carrying: GraspPlan, reaching: GraspPlan, steps: TimeLine, measured: Joints) -> str:
    """A digest of both plans, of when which step begins, and of where the arms were."""
    digest = hashlib.sha256(f"{carrying.gate.seal} {reaching.gate.seal}".encode())
    for arm in sorted(steps):
        for step in steps[arm]:
            numbers = (step.begin_s, step.end_s, step.width_m, step.force_n, step.may_creep)
            digest.update(repr((arm, str(step.name), *map(float, numbers))).encode())
            if step.trajectory is not None:
                digest.update(np.ascontiguousarray(step.trajectory.times_s, float).tobytes())
                digest.update(np.ascontiguousarray(step.trajectory.positions_rad, float).tobytes())
    for arm in sorted(measured):
        digest.update(arm.encode() + np.ascontiguousarray(measured[arm], float).tobytes())
    return digest.hexdigest()


def _violations(
    cell: Cell, carrying: GraspPlan, reaching: GraspPlan, steps: TimeLine, measured: Joints
) -> Iterator[str]:
    """Everything wrong before the arms are placed in a world."""
    plans = {carrying.arm: carrying, reaching.arm: reaching}
    if len(plans) != 2 or set(steps) != set(plans) or set(cell.arms) != set(plans) or set(measured) != set(plans):
        yield "two arms move together, each with its plan, its steps and its measured joints"
        return
    for (name, plan), order in zip(plans.items(), _ORDER, strict=True):
        if not plan.is_sealed:
            yield f"the {name} arm's plan is not what the gate passed"
        yield from _of_steps(name, plan, steps[name], order)
        away = float(np.abs(plan.motions[_first(order)].positions_rad[0] - measured[name]).max())
        if not away <= START_RAD:
            yield f"the {name} arm is {np.rad2deg(away):.1f} deg from where it is to begin"
    ends, parked = carrying.motions[Phase.RETREAT].positions_rad[-1], carrying.measured_rad[reaching.arm]
    if not float(np.abs(reaching.measured_rad[carrying.arm] - ends).max()) <= START_RAD:
        yield f"the {reaching.arm} arm's plan does not know where the {carrying.arm} arm ends"
    if not float(np.abs(parked - measured[reaching.arm]).max()) <= START_RAD:
        yield f"the {carrying.arm} arm's plan takes the {reaching.arm} arm to stand elsewhere"


def _first(order: Sequence[str]) -> Phase:
    return next(name for name in order if isinstance(name, Phase))


def _of_steps(arm: str, plan: GraspPlan, steps: Sequence[TimedStep], order: Sequence[str]) -> Iterator[str]:
    """Whether these are the plan's own motions and grips, one after the other."""
    if tuple(step.name for step in steps) != tuple(order):
        yield f"the {arm} arm's steps are {', '.join(step.name for step in steps)}"
        return
    ended_s = 0.0
    for step in steps:
        length_s = 0.0 if step.trajectory is None else step.trajectory.duration_s
        if not (np.isfinite(step.end_s) and ended_s <= step.begin_s and step.begin_s + length_s < step.end_s):
            yield f"the {arm} arm's {step.name} is to be over before it can be"
        ended_s = step.end_s
        if isinstance(step.name, Phase):
            planned, motion = plan.motions[step.name], step.trajectory
            if step.name is Phase.TRANSIT and not (step.force_n > 0.0 and step.width_m == plan.pre_open_m):
                yield f"the {arm} arm's fingers do not open on the way"
            same = motion is not None and np.array_equal(motion.times_s, planned.times_s)
            if not (same and motion is not None and np.array_equal(motion.positions_rad, planned.positions_rad)):
                yield f"the {arm} arm's {step.name} is not what its plan has"
        elif step.trajectory is not None or step.width_m != (plan.pre_open_m if step.name == "open" else 0.0):
            yield f"the {arm} arm's {step.name} is not what its plan has"


class _PairWorld:
    """Two arms and what they hold, with contacts between the two alone."""

    def __init__(
        self, cell: Cell, carrying: GraspPlan, reaching: GraspPlan, held_m: Mapping[str, NDArray[np.float64]]
    ) -> None:
        self._plans = (carrying, reaching)
        spec = mujoco.MjSpec()
        for first, plan in ((True, carrying), (False, reaching)):
            mount = cell.arms[plan.arm]
            child = mujoco.MjSpec.from_string(urdf(mount.firmware, mount.gripper_stroke_m))
            # Worked out here, not by the planner's `T_world_base`.
            lean = Rotation.from_rotvec([*mount.tilt_rad, 0.0]) * Rotation.from_euler("z", mount.yaw_rad)
            frame = spec.worldbody.add_frame(pos=mount.base_m, quat=lean.as_quat(scalar_first=True))
            spec.attach(child, prefix=f"{plan.arm}/", frame=frame)
            hand = spec.body(f"{plan.arm}/gripper_base")
            points = apply(invert(plan.T_world_tcp), standing(held_m[plan.arm])) + np.array([0.0, 0.0, TCP_OFFSET_M])
            for low, high in _columns(points):
                size, box = np.maximum((high - low) / 2, _THIN_M), mujoco.mjtGeom.mjGEOM_BOX
                name = f"{plan.arm} held#{len(hand.geoms)}"
                hand.add_geom(name=name, type=box, pos=(low + high) / 2, size=size, mass=0)
            for body in spec.bodies:
                if body.name.startswith(f"{plan.arm}/"):
                    for geom in body.geoms:
                        geom.contype, geom.conaffinity, geom.margin = int(first), int(not first), _SEEN_M
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._addresses = [self._of(plan.arm, ARM_JOINTS) for plan in self._plans]
        for plan in self._plans:  # as wide as they ever are
            self._data.qpos[self._of(plan.arm, FINGER_JOINTS)] = plan.pre_open_m / 2
        self._names = [self._name(geom) for geom in range(self._model.ngeom)]

    def _of(self, arm: str, joints: tuple[str, ...]) -> list[int]:
        return [int(self._model.joint(f"{arm}/{joint}").qposadr[0]) for joint in joints]

    def _name(self, geom: int) -> str:
        body = self._model.body(self._model.geom_bodyid[geom]).name
        return str(self._model.geom(geom).name.split("#")[0] or body.replace("/", " "))

    def follow(self, carry: Sequence[TimedStep], reach: Sequence[TimedStep]) -> tuple[int, float, list[str]]:
        """How many configurations were checked, the least distance [m] seen, and what came too near."""
        first, second = _Course(carry), _Course(reach)
        checked, nearest_m, noted = 0, _SEEN_M, {}
        for late_s, behind_s in _LAGS_S:
            times = _sample_times(first, second, late_s, behind_s)
            joints, others = first.at(times - late_s), second.at(times - behind_s)
            for time_s, q, other in zip(times, joints, others, strict=True):
                checked += 1
                for pair, gap_m in self._gaps(q, other, first.holds(time_s), second.holds(time_s)):
                    nearest_m = min(nearest_m, gap_m)
                    if gap_m < APART_M and pair not in noted:
                        noted[pair] = f"at {time_s:.2f} s: {pair[0]} comes within {gap_m * 1000:.0f} mm of {pair[1]}"
        return checked, nearest_m, list(noted.values())

    def _gaps(
        self, carry_rad: NDArray, reach_rad: NDArray, carries: bool, has_lifted: bool
    ) -> Iterator[tuple[tuple[str, str], float]]:
        for addresses, joints in zip(self._addresses, (carry_rad, reach_rad), strict=True):
            self._data.qpos[addresses] = joints
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_collision(self._model, self._data)
        gone = {f"{plan.arm} held" for plan, is_there in zip(self._plans, (carries, has_lifted), strict=True)
                if not is_there}  # fmt: skip
        contact = self._data.contact
        for (a, b), gap in zip(contact.geom, contact.dist, strict=True):
            pair = (self._names[a], self._names[b])
            if not gone.intersection(pair):
                yield pair, float(gap)


def _columns(points_m: NDArray) -> Iterator[tuple[NDArray, NDArray]]:
    """The corners (3,) of boxes that hold points (M, 3) of the tool's frame, column by column along its axis.

    Raises:
        ValueError: nothing is known of what is held: without it the arms would be checked as if they held nothing.
    """
    if not len(points_m) or not np.isfinite(points_m).all():
        raise ValueError("where the object is that is held is unknown")
    cells = np.floor(points_m[:, :2] / _COLUMN_M).astype(int)
    for cell in np.unique(cells, axis=0):
        within = points_m[(cells == cell).all(axis=1)]
        yield within.min(axis=0), within.max(axis=0)


class _Course:
    """Where one arm is when, by its steps."""

    def __init__(self, steps: Sequence[TimedStep]) -> None:
        times, joints = [], []
        for step in steps:
            if step.trajectory is not None:
                times.append(step.begin_s + step.trajectory.times_s)
                joints.append(step.trajectory.positions_rad)
        self.times_s, self.joints_rad = np.concatenate(times), np.concatenate(joints)
        self.end_s = steps[-1].end_s
        held = [step for step in steps if step.name in (Phase.LIFT, Phase.PLACE)]
        opened = [step.end_s for step in steps if step.name == "open" and step.begin_s >= held[0].begin_s]
        self._held_s = held[0].begin_s, opened[0] if opened else np.inf

    def at(self, times_s: NDArray) -> NDArray[np.float64]:
        """(T, 6), held at both ends."""
        return np.stack([np.interp(times_s, self.times_s, column) for column in self.joints_rad.T], axis=1)

    def holds(self, time_s: float) -> bool:
        """Whether it holds its object then, or did or will within the lag."""
        return bool(self._held_s[0] - LAG_S <= time_s <= self._held_s[1] + LAG_S)


def _sample_times(first: _Course, second: _Course, late_s: float, behind_s: float) -> NDArray[np.float64]:
    """(T,) so close that no joint of either arm, so late, moves farther than SAMPLE_RAD in between."""
    late = ((first, late_s), (second, behind_s))
    fine = np.linspace(0.0, max(first.end_s, second.end_s) + LAG_S, 1 + int(500 * max(first.end_s, second.end_s)))
    moved = np.maximum(*(np.abs(np.diff(course.at(fine - by_s), axis=0)).max(axis=1) for course, by_s in late))
    travelled = np.concatenate([[0.0], np.cumsum(moved)])
    along = np.linspace(0.0, travelled[-1], 2 + int(travelled[-1] / SAMPLE_RAD))
    return np.interp(along, travelled + np.arange(len(travelled)) * 1e-12, fine)
