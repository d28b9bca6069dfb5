"""A motion may begin a little beyond a limit only if it leads straight and slowly back, and never farther out."""

from dataclasses import replace

import numpy as np
import pytest

from grasping.planning.gate.check import check_transit
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import JOINT_LOWER_RAD, PARK_JOINTS
from tests.support.scenes.planning import CELL, PARKED


def back(out_deg: float = 0.4, within_deg: float = 0.4, joint: int = 1, seconds: float = 2.0) -> JointTrajectory:
    """Eased, from so far beyond the lower stop to so far within."""
    share = np.linspace(0.0, 1.0, 101)
    eased = share**3 * (10 - 15 * share + 6 * share**2)
    positions = np.tile(PARK_JOINTS, (len(share), 1))
    positions[:, joint] = JOINT_LOWER_RAD[joint] + np.deg2rad(-out_deg + (out_deg + within_deg) * eased)
    return JointTrajectory(share * seconds, positions)


def report(motion: JointTrajectory, cell=CELL, leads_back: bool = True):
    measured = PARKED | {"left": motion.positions_rad[0]}
    known = {"measured": measured, "other_points_m": np.zeros((0, 3)), "leads_back": leads_back}
    return check_transit(cell, motion, arm="left", width_m=0.03, **known)


def changed(motion: JointTrajectory, sample: int | slice, joint: int, by_deg: float | np.ndarray) -> JointTrajectory:
    positions = motion.positions_rad.copy()
    positions[sample, joint] += np.deg2rad(by_deg)
    return replace(motion, positions_rad=positions)


@pytest.mark.parametrize("out_deg", [1e-7, 0.4, 0.99])
def test_a_straight_slow_way_back_passes_sealed(out_deg: float) -> None:
    passed = report(back(out_deg))
    assert passed.passed and passed.seal and passed.configurations_checked > 1, passed.violations


def test_no_other_motion_begins_beyond_a_limit() -> None:
    assert "leaves its limits" in report(back(), leads_back=False).violations[0]


@pytest.mark.parametrize(
    ("motion", "says"),
    [
        (back(1.1), "leaves its limits"),
        (back(0.4, -0.2), "leaves its limits"),
        (changed(back(), 20, 1, -0.05), "leaves its limits"),
        (changed(back(), slice(0, 2), 4, 0.02), "straight"),
        (changed(back(seconds=6.0), slice(None), 0, np.sin(np.linspace(0, np.pi, 101)) ** 4), "straight"),
        (back(0.4, 2.5, seconds=4.0), "2.9 deg"),
        (back(0.4, 0.4, seconds=0.2), "rad/s"),
    ],
)
def test_nothing_else_is_a_way_back(motion: JointTrajectory, says: str) -> None:
    assert any(says in what for what in report(motion).violations), report(motion).violations


def test_back_within_is_where_the_controller_goes_too() -> None:
    off_rad = (0.0, np.deg2rad(0.5), 0.0, 0.0, 0.0, 0.0)
    mount = CELL.arms["left"].model_copy(update={"zero_offset_rad": off_rad})
    cell = CELL.model_copy(update={"arms": CELL.arms | {"left": mount}})
    assert "controller's limits" in report(back(0.4, 0.4), cell).violations[0]
    assert report(back(0.4, 0.6), cell).passed


def test_a_way_back_may_meet_nothing() -> None:
    cloud = np.random.default_rng(0).uniform([-0.3, 0.2, 0.2], [0.0, 0.3, 0.45], (4000, 3))
    motion = back()
    measured = PARKED | {"left": motion.positions_rad[0]}
    met = check_transit(
        CELL, motion, arm="left", width_m=0.03, measured=measured, other_points_m=cloud, leads_back=True
    )
    assert any("meets" in what for what in met.violations)
