"""Arms that show themselves to the camera at the same time, where no pace of either could bring them together."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.looks.arm_look import ArmLook
from grasping.planning.grasp_plan import GateReport

#: The boxes that the arms do not leave, wherever they are on their ways, stay so far apart [m] along some axis.
APART_M = 0.05


@dataclass(frozen=True)
class SharedLook:
    """Each arm's way out and back, and the gate's word on all of them at once, one arm or several."""

    looks: tuple[ArmLook, ...]
    gate: GateReport

    @property
    def arms(self) -> tuple[str, ...]:
        return tuple(look.arm for look in self.looks)

    @property
    def is_sealed(self) -> bool:
        """Whether these are the ways that the gate passed."""
        ways_are = all(motion.is_sealed for look in self.looks for motion in (look.out, look.back))
        return ways_are and self.gate.passed and self.gate.seal == _seal(self.looks)

    @property
    def shown_rad(self) -> Mapping[str, NDArray[np.float64]]:
        """Joints (6,) [rad] of every arm of the cell when all of these are shown."""
        here = self.looks[0].out.measured_rad
        return {**here, **{look.arm: look.back.measured_rad[look.arm] for look in self.looks}}


def share(looks: Sequence[ArmLook]) -> tuple[SharedLook, ...]:
    """The looks of one cell's arms, all at once where they keep apart, else one after the other."""
    if not looks:
        return ()
    together = _together(tuple(looks))
    return (together,) if together.gate.passed else tuple(_together((look,)) for look in looks)


def _together(looks: tuple[ArmLook, ...]) -> SharedLook:
    """Checked by room instead of time: each arm keeps to a box of the gate's own world."""
    gaps_m = [_gap_m(one.taken_m, other.taken_m) for k, one in enumerate(looks) for other in looks[:k]]
    wrong = tuple(f"the arms come within {gap_m * 1000:.0f} mm" for gap_m in gaps_m if not gap_m >= APART_M)
    gates = [motion.gate for look in looks for motion in (look.out, look.back)]
    checked, begun_s = sum(gate.configurations_checked for gate in gates), min(gate.checked_s for gate in gates)
    nearest_m = min([*gaps_m, *(gate.worst_clearance_m for gate in gates)])
    seal = "" if wrong else _seal(looks)
    return SharedLook(looks, GateReport(not wrong, wrong, checked, nearest_m, seal, begun_s))


def _gap_m(one_m: NDArray[np.float64], other_m: NDArray[np.float64]) -> float:
    """How far [m] two boxes (2, 3) are apart along the axis that parts them most; NaN where one is none."""
    return float(np.max([one_m[0] - other_m[1], other_m[0] - one_m[1]]))


def _seal(looks: Sequence[ArmLook]) -> str:
    digest = hashlib.sha256()
    for look in looks:
        digest.update(f"{look.out.gate.seal} {look.back.gate.seal} ".encode() + look.taken_m.tobytes())
    return digest.hexdigest()
