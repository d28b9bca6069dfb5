import numpy as np
import pytest

from app.run.stages import plan_line
from core.cell_parts import ArmPace, Pace
from grasping.planning.grasp_plan import Phase
from grasping.planning.paths import ACCELERATION_SHARE, RAMP_S, SPEED_SHARE, PhaseLimits, time_path
from grasping.planning.planner import plan_grasp
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import MAX_ACCELERATION_RAD_S2, MAX_SPEED_RAD_S
from tests.support.robot import random_joints
from tests.support.scenes.planning import CELL, GLASS, PARKED, scene, table_view

PACES = [Pace(speed=0.3), Pace(acceleration=0.3), Pace(jerk=0.1), Pace(speed=0.4, acceleration=0.6, jerk=0.2)]
#: Bends in which an average over a longer time is more than the limits allow.
WAYS = [random_joints(way, seed=way) for way in range(2, 8)]


def rates(motion: JointTrajectory) -> tuple[float, float, float]:
    """The greatest speed, acceleration and jerk of any joint, from rest and to rest."""
    step = np.diff(motion.times_s)
    speed = np.diff(motion.positions_rad, axis=0) / step[:, None]
    change = np.diff(np.pad(speed, ((1, 1), (0, 0))), axis=0) / step.mean()
    onset = np.diff(np.pad(change, ((1, 1), (0, 0))), axis=0) / step.mean()
    return float(np.abs(speed).max()), float(np.abs(change).max()), float(np.abs(onset).max())


def test_a_cell_has_a_pace_for_every_phase_and_for_nothing_else() -> None:
    assert set(ArmPace.model_fields) - set(Pace.model_fields) == set(Phase)


@pytest.mark.parametrize("pace", PACES, ids=str)
@pytest.mark.parametrize("way", WAYS, ids=len)
def test_at_a_pace_a_motion_keeps_to_its_share_of_the_limits_and_takes_longer(pace: Pace, way: np.ndarray) -> None:
    phase = Phase.TRANSIT
    full, slow = time_path([way], phase), time_path([way], phase, pace)
    speed, acceleration, jerk = rates(slow)
    most = ACCELERATION_SHARE[phase] * MAX_ACCELERATION_RAD_S2
    assert speed <= 1.02 * pace.speed * SPEED_SHARE[phase] * MAX_SPEED_RAD_S
    assert acceleration <= 1.1 * pace.acceleration * most
    # From full speed-up to full braking within the time that is averaged over.
    assert jerk <= 2.2 * pace.jerk * most / RAMP_S
    assert slow.duration_s > full.duration_s


def test_nothing_is_harder_than_what_ships_and_without_a_pace_all_is_as_it_was() -> None:
    for phase in Phase:
        shipped = PhaseLimits.of(phase)
        assert shipped == PhaseLimits.of(phase, ArmPace().of(phase)) and shipped.ramp_s == RAMP_S
        for pace in PACES:
            slower = PhaseLimits.of(phase, pace)
            assert slower.speed_rad_s <= shipped.speed_rad_s and slower.ramp_s >= shipped.ramp_s
            assert slower.acceleration_rad_s2 <= shipped.acceleration_rad_s2


def test_a_gentle_cells_pick_passes_the_gate_and_says_so() -> None:
    gentle = ArmPace(acceleration=0.7, approach=Pace(speed=0.5), lift=Pace(jerk=0.3))
    plans = [
        plan_grasp(scene(GLASS), table_view(), cell, PARKED, budget_s=60.0)
        for cell in (CELL, CELL.model_copy(update={"motion": gentle}))
    ]
    usual, slow = plans
    assert slow.gate.passed
    assert all(slow.motions[phase].duration_s > usual.motions[phase].duration_s for phase in Phase)
    assert slow.merits == usual.merits  # how hard an arm is driven is no reason for another grasp
    assert "(acceleration 0.7; approach at speed 0.5; lift at jerk 0.3)" in plan_line(slow)
    assert "acceleration" not in plan_line(usual)
