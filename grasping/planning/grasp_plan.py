"""A grasp with the motion that carries it out, and the gate's word on it, sealed: what changes later is refused."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hardware.arms.trajectory import JointTrajectory


class Phase(StrEnum):
    """The motions of one pick, in order. The gripper closes after APPROACH and opens after PLACE."""

    TRANSIT = "transit"  # from where the arm is to the pre-grasp pose
    APPROACH = "approach"  # straight line from pre-grasp to grasp
    LIFT = "lift"  # straight up
    PLACE = "place"  # into the bin, or to above it
    RETREAT = "retreat"  # back to where the arm parks


@dataclass(frozen=True)
class GateReport:
    """The independent gate's answer: passed, or the first violations it found, in words.

    worst_clearance_m: nearest the arm and what it holds come to anything else, up to 0.02; NaN where
    the numbers alone were wrong. seal: of what was passed (`seal_of`), '' where nothing was. checked_s: when
    (time.monotonic) the check began.
    """

    passed: bool
    violations: tuple[str, ...]
    configurations_checked: int
    worst_clearance_m: float
    seal: str = ""
    checked_s: float = 0.0


@dataclass(frozen=True)
class CheckedMotion:
    """One motion of one arm through free space, and the gate's word on it: begun where every arm's joints (6,) are as
    `measured_rad`, with the fingers `width_m` apart."""

    arm: str
    way: JointTrajectory
    width_m: float
    measured_rad: Mapping[str, NDArray[np.float64]]
    gate: GateReport

    @property
    def is_sealed(self) -> bool:
        """Whether this is what the gate passed."""
        ways = {Phase.TRANSIT: self.way}
        return self.gate.passed and self.gate.seal == seal_of(
            self.arm, ways, np.eye(4), self.width_m, self.measured_rad
        )


@dataclass(frozen=True)
class Merits:
    """What tells one candidate that is free from another, of its approach and lift; `ranking` says what each is worth.

    success: expected, its score. duration_s: the least to the pre-grasp pose, onto the object, up and back to where the
    arm parks. clearance_m: the least that the open gripper and the arm keep from all but the object, by the spheres
    that cover them, and from the table. limit_margin_rad: the least of a joint to its limit. manipulability: the least
    sqrt(det(J J^T)), as a share of the arm's greatest. tip_rad: by how much the lift tips the object.
    """

    success: float
    duration_s: float
    clearance_m: float
    limit_margin_rad: float
    manipulability: float
    tip_rad: float

    def __str__(self) -> str:
        return (
            f"approach {1000 * self.clearance_m:.0f} mm clear, {np.rad2deg(self.limit_margin_rad):.0f}° within limits, "
            f"manipulability {self.manipulability:.2f}"
        )

    @property
    def rounded(self) -> dict[str, float]:
        """As logs take it."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class GraspPlan:
    """One arm's whole pick. row is the GraspNet row; pre_open_m what to open the gripper to first.

    measured_rad: the joints (6,) of every arm as the gate took them to be; elsewhere the plan is not safe. What moves
    is copied into memory that nobody can write. merits: what it was ranked by. stopped: what the gate said of
    candidates that it stopped before. hindered: which other arms cannot start, and why. rejections: how many grasps and
    candidates before it came to nothing, by reason; fates: what became of each grasp that was given, as
    `candidates.Rejections` tells it. pace: how much gentler than they could be the
    cell has its motions, in words. binned_m: (K, 3) where what is held will stand in the bin, world.
    """

    arm: str
    row: NDArray[np.float64]
    T_world_tcp: NDArray[np.float64]
    pre_open_m: float
    motions: Mapping[Phase, JointTrajectory]
    gate: GateReport
    planner: str
    candidates_tried: int
    measured_rad: Mapping[str, NDArray[np.float64]]
    merits: Merits
    stopped: tuple[str, ...] = ()
    hindered: tuple[str, ...] = ()
    rejections: Mapping[str, int] = field(default_factory=dict)
    fates: tuple[str, ...] = ()
    pace: str = ""
    binned_m: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))

    def __post_init__(self) -> None:
        motions = {
            phase: JointTrajectory(_read_only(motion.times_s), _read_only(motion.positions_rad))
            for phase, motion in self.motions.items()
        }
        measured = {name: _read_only(joints) for name, joints in self.measured_rad.items()}
        object.__setattr__(self, "motions", MappingProxyType(motions))
        object.__setattr__(self, "measured_rad", MappingProxyType(measured))
        object.__setattr__(self, "T_world_tcp", _read_only(self.T_world_tcp))

    def __reduce__(self) -> tuple[type["GraspPlan"], tuple[object, ...]]:
        """How it is pickled for another process: made anew there, where nobody can write to it either."""
        values = (getattr(self, one.name) for one in fields(self))
        return type(self), tuple(dict(one) if isinstance(one, MappingProxyType) else one for one in values)

    @property
    def duration_s(self) -> float:
        """Of all its motions."""
        return sum(motion.duration_s for motion in self.motions.values())

    @property
    def is_sealed(self) -> bool:
        """Whether this very plan is what the gate passed."""
        seal = seal_of(self.arm, self.motions, self.T_world_tcp, self.pre_open_m, self.measured_rad)
        return self.gate.passed and self.gate.seal == seal


def seal_of(
    arm: str,
    motions: Mapping[Phase, JointTrajectory],
    T_world_tcp: NDArray[np.float64],
    pre_open_m: float,
    measured_rad: Mapping[str, NDArray[np.float64]],
) -> str:
    """A digest of all that moves, and of where everything else stands meanwhile."""
    parts: dict[str, object] = {"T_world_tcp": T_world_tcp, "pre_open_m": pre_open_m}
    parts |= {f"measured {name}": joints for name, joints in measured_rad.items()}
    for phase, motion in motions.items():
        parts |= {f"{phase} times": motion.times_s, f"{phase} positions": motion.positions_rad}
    digest = hashlib.sha256(repr(arm).encode())
    for name, value in sorted(parts.items()):
        array = np.ascontiguousarray(value, dtype=float)
        digest.update(f"{name} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def _read_only(values: NDArray) -> NDArray[np.float64]:
    """A copy in the memory of a bytes object, which no flag makes writable again."""
    array = np.ascontiguousarray(values, dtype=float)
    return np.frombuffer(array.tobytes()).reshape(array.shape)
