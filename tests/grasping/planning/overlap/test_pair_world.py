"""What two arms come near, in one world: all of it, or nothing is said."""

from pathlib import Path

import numpy as np
import pytest
from mujoco import FatalError

from core.cell import Cell
from grasping.planning.gate import contacts
from grasping.planning.gate.lag import lag_motion
from grasping.planning.gate.report import Scan
from grasping.planning.grasp_plan import GraspPlan, Phase
from grasping.planning.overlap.courses import Course, PairWay, side_by_side
from grasping.planning.overlap.gate import APART_M, _too_near
from grasping.planning.overlap.pair_world import SEEN_M, PairWorld
from grasping.planning.paths import time_path
from grasping.planning.planner import plan_grasp
from grasping.scene_cloud import SceneCloud
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD
from hardware.robot.kinematics import forward_kinematics
from tests.support.scenes.planning import CELL, PARKED, scene, table_view

MIDDLE = scene((0.08, 0.0, 0.022, 0.09))
NOTHING = np.array([False, False])


@pytest.fixture(scope="module")
def picks() -> dict[str, GraspPlan]:
    """The same object, by either arm."""
    return {arm: plan_grasp(MIDDLE, table_view(), CELL, PARKED, budget_s=60, arms=(arm,)) for arm in ("left", "right")}


def world(picks: dict[str, GraspPlan], cell: Cell = CELL, points_m: np.ndarray | None = None) -> PairWorld:
    points_m = SceneCloud.from_grasps(MIDDLE, table_view()).points_m if points_m is None else points_m
    return PairWorld(cell, picks["left"], picks["right"], dict.fromkeys(picks, points_m))


def one_by_one(pair: PairWorld) -> dict[frozenset[str], float]:
    """As MuJoCo tells its contacts, each by itself."""
    contacts, nearest = pair._contacts, dict[frozenset[str], float]()
    for number in range(contacts.data.ncon):
        contact = contacts.data.contact[number]
        pair_is = frozenset(
            contacts.model.body(contacts.model.geom_bodyid[geom]).name.replace("/", " ") for geom in contact.geom
        )
        nearest[pair_is] = min(nearest.get(pair_is, np.inf), float(contact.dist))
    return nearest


def test_all_that_two_arms_come_near_is_told_once_with_the_least_distance(picks: dict[str, GraspPlan]) -> None:
    pair, rng, near = world(picks), np.random.default_rng(4), 0
    for _ in range(700):
        joints = rng.uniform(JOINT_LOWER_RAD, JOINT_UPPER_RAD, (2, 6))
        hold = rng.integers(0, 2, 2).astype(bool)
        touches = list(pair.touches(*joints, hold))
        assert {frozenset((one.moving, one.other)): one.gap_m for one in touches} == one_by_one(pair)
        near += bool(touches)
        for one in touches:
            assert one.moving.startswith("left ") and one.other.startswith("right ") and one.gap_m < SEEN_M
            assert (one.moving != "left held" or hold[0]) and (one.other != "right held" or hold[1])
    assert near > 30


def test_what_is_held_is_there_while_it_is_held_alone(picks: dict[str, GraspPlan]) -> None:
    """Where both arms close on one object, each near what the other holds."""
    pair = world(picks)
    joints = [picks[arm].motions[Phase.APPROACH].positions_rad[-1] for arm in ("left", "right")]
    for hold in ([True, True], [False, False], [False, True], [True, False], [True, True]):
        seen = {name for one in pair.touches(*joints, np.array(hold)) for name in (one.moving, one.other)}
        assert [f"{arm} held" in seen for arm in ("left", "right")] == hold


def test_of_more_contacts_than_there_is_room_for_none_is_told(
    picks: dict[str, GraspPlan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two loads of two thirds of a metre each way, inside one another, in a world with little room."""
    monkeypatch.chdir(tmp_path)  # MuJoCo logs where it is
    monkeypatch.setattr(contacts, "_ROOM", 12 * 2**20)
    side = np.arange(-0.33, 0.33, 0.02) + 0.01
    loads_m = np.stack(np.meshgrid(side, side, (0.0, 0.1)), axis=-1).reshape(-1, 3)
    joints = [picks[arm].motions[Phase.APPROACH].positions_rad[-1] for arm in ("left", "right")]
    pair = world(picks, points_m=loads_m + np.array([0.08, 0.0, 0.0]))
    assert list(pair.touches(*joints, NOTHING))
    with pytest.raises((RuntimeError, FatalError), match=r"room|memory"):
        list(pair.touches(*joints, np.array([True, True])))


def nearest_m(pair: PairWorld, way: PairWay) -> float:
    poses = zip(way.carry_rad, way.reach_rad, strict=True)
    return min((one.gap_m for pose in poses for one in pair.touches(*pose, NOTHING)), default=SEEN_M)


#: The left arm swings out and draws back: its tool goes round a corner, up to which the right arm reaches.
SWING = np.array([[-0.8, 1.5], [-0.3, 1.5], [0.2, 1.5], [0.2, 0.7]])
REACHING = [0.0, 1.9, -1.2, 0.0, 0.3, 0.0]


@pytest.mark.slow
@pytest.mark.parametrize("turned_rad", [0.3, 0.8, 1.2])
def test_what_only_an_arm_that_cuts_its_corner_comes_near_is_refused(
    picks: dict[str, GraspPlan], turned_rad: float
) -> None:
    """The other arm stands on the inner side of the corner, just so far away that the path itself passes it by."""
    swing = time_path([np.c_[SWING, np.tile([-1.3, 0.0, 0.4, 0.0], (4, 1))]], Phase.RETREAT)
    stands_rad = np.array(REACHING) + np.eye(6)[0] * turned_rad
    stands = JointTrajectory(np.array([0.0, 1.0]), np.array([stands_rad, stands_rad]))
    courses = [Course(motion, np.inf, -np.inf) for motion in (swing, stands)]
    ways = list(side_by_side(*courses))
    corner, cut = corner_of(swing)
    corner_m, cut_m, tip_m = (
        (CELL.arms[arm].T_world_base @ forward_kinematics(joints))[:3, 3]
        for arm, joints in (("left", corner), ("left", cut), ("right", stands_rad))
    )
    inwards = (cut_m - corner_m) / np.linalg.norm(cut_m - corner_m)

    def beside(away_m: float) -> PairWorld:
        base_m = CELL.arms["right"].base_m + corner_m - tip_m + away_m * inwards
        moved = CELL.arms["right"].model_copy(update={"base_m": tuple(base_m)})
        return world(picks, CELL.model_copy(update={"arms": CELL.arms | {"right": moved}}))

    far_m = next(d for d in np.arange(0.1, 0.3, 0.001) if nearest_m(beside(d), ways[0]) >= APART_M)
    refused = list(_too_near(beside(far_m), ways, Scan()))
    assert refused and all("lag" in violation for violation in refused), refused
    assert not list(_too_near(beside(far_m + 0.03), ways, Scan()))


def corner_of(motion: JointTrajectory) -> tuple[np.ndarray, np.ndarray]:
    """Where on its path, and where instead, an arm is that lags, where the two are farthest apart."""
    went = lag_motion(motion).positions_rad
    path = Course(motion, np.inf, -np.inf).at(np.linspace(0.0, motion.duration_s, 1000))
    away_rad = np.abs(went[:, None] - path).max(axis=2)
    cut = int(away_rad.min(axis=1).argmax())
    return path[away_rad[cut].argmin()], went[cut]
