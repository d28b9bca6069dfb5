"""Fingers may feel for the table straight, slowly and hardly below it, and touch nothing else."""

import numpy as np
import pytest

from core.transforms import invert, rotation_z, transform
from grasping.planning.gate.check import check_touch
from grasping.planning.inverse_kinematics import LIMIT_MARGIN_RAD, follow, solve
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import PARK_JOINTS
from tests.support.scenes.planning import CELL

DOWN = np.diag([1.0, -1.0, -1.0])
PLACE = (-0.08, 0.2)


def descent(lowest_m: float = -0.004, speed_m_s: float = 0.003, aside_m: float = 0.0, lean_rad: float = 0.0):
    """The left arm's tool from 3 cm on down."""
    heights = np.linspace(0.03, lowest_m, 35)
    times = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(heights)) / speed_m_s)])
    c, s = np.cos(lean_rad), np.sin(lean_rad)
    lean = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    sides, mount = np.linspace(0.0, aside_m, len(heights)), CELL.arms["left"]
    for turn in np.arange(0.0, 2 * np.pi, np.pi / 12):
        R = rotation_z(turn) @ lean @ DOWN
        poses = np.array([transform(R, (PLACE[0], PLACE[1] + y, z)) for y, z in zip(sides, heights, strict=True)])
        T = invert(mount.T_world_base) @ poses
        starts = solve(T[:1], mount.firmware, LIMIT_MARGIN_RAD).reshape(1, -1, 6)
        for path in follow(starts, T[None], mount.firmware)[0]:
            if np.isfinite(path).all():
                return JointTrajectory(times, path)
    raise AssertionError("no way down")


def report(motion: JointTrajectory, cell=CELL):
    measured = {name: PARK_JOINTS for name in cell.arms} | {"left": motion.positions_rad[0]}
    return check_touch(cell, motion, arm="left", measured=measured)


def test_slowly_straight_down_and_up_passes_sealed() -> None:
    down = descent()
    passed = report(down)
    assert passed.passed and passed.seal, passed.violations
    assert report(JointTrajectory(down.times_s, down.positions_rad[::-1])).passed


def test_an_arm_that_sags_below_the_lowest_may_still_go_up() -> None:
    sagged = descent(lowest_m=-0.0065)
    assert report(JointTrajectory(sagged.times_s, sagged.positions_rad[::-1])).passed and not report(sagged).passed


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"speed_m_s": 0.02}, "comes down at 20 mm/s"),
        ({"lowest_m": -0.012}, "to -12.0 mm"),
        ({"aside_m": 0.01}, "aside"),
        ({"lean_rad": 0.2}, "straight down"),
    ],
)
def test_any_other_way_down_is_refused_by_name(changed: dict[str, float], says: str) -> None:
    refused = report(descent(**changed))
    assert not refused.passed and not refused.seal
    assert any(says in violation for violation in refused.violations), refused.violations


def test_it_is_the_table_alone_that_may_be_met() -> None:
    there = CELL.bin.model_copy(update={"center_m": PLACE})
    refused = report(descent(), CELL.model_copy(update={"bin": there}))
    assert not refused.passed and any("meets" in violation for violation in refused.violations)
