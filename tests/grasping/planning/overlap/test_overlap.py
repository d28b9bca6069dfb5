"""Two arms at once: planned apart in time, by one check, and refused by another where they would meet."""

from dataclasses import replace

import numpy as np
import pytest

from core.cell import Cell
from grasping.grasp_set import OBJECT
from grasping.planning.grasp_plan import GraspPlan, Phase
from grasping.planning.motion_planner import NoPlanError
from grasping.planning.overlap.gate import check_together
from grasping.planning.overlap.plan import NEAR_M, OverlapPlan
from grasping.planning.overlap.time_line import time_line
from grasping.planning.planner import plan_grasp
from grasping.scene_cloud import SceneCloud
from hardware.arms.together import TimedStep
from hardware.robot.description import PARK_JOINTS, SHAPES
from hardware.robot.kinematics import link_poses
from tests.support.scenes.overlap import SCENE, lifted, overlap_with
from tests.support.scenes.planning import CELL, PARKED, scene, table_view

CLOUD = SceneCloud.from_grasps(SCENE, table_view())


@pytest.fixture(scope="module")
def overlap(carrying: GraspPlan) -> OverlapPlan:
    return overlap_with(carrying)


def check(overlap: OverlapPlan, cell: Cell = CELL, **changed):
    points = {plan.arm: CLOUD.of(int(plan.row[OBJECT])) for plan in (overlap.carrying, overlap.reaching)}
    known = {
        "carrying": overlap.carrying,
        "reaching": overlap.reaching,
        "steps": overlap.steps,
        "measured": overlap.measured_rad,
        "held_m": points,
    }
    return check_together(cell, **(known | changed))


def test_the_other_arm_reaches_for_another_object_before_the_first_is_parked(overlap: OverlapPlan) -> None:
    carry, reach = (overlap.steps[plan.arm] for plan in (overlap.carrying, overlap.reaching))
    assert overlap.carrying.arm != overlap.reaching.arm
    assert overlap.carrying.row[OBJECT] != overlap.reaching.row[OBJECT]
    assert next(step for step in reach if step.name == Phase.TRANSIT).begin_s < carry[-1].end_s - 1.0
    assert overlap.is_sealed and overlap.gate.configurations_checked > 300


def surface(arm: str, joints: np.ndarray, width_m: float) -> np.ndarray:
    """Points (N, 3) on the corners and faces of an arm's moving shapes."""
    grid = np.array(np.meshgrid([-1, 0, 1], [-1, 0, 1], [-1, 0, 1])).reshape(3, -1).T
    poses, base = link_poses(joints, width_m), CELL.arms[arm].T_world_base
    parts = []
    for link, shapes in SHAPES.items():
        for shape in shapes if link not in ("base_link", "link1") else ():
            T = base @ poses[link] @ shape.T_link_shape
            parts.append(grid * shape.half_extents_m @ T[:3, :3].T + T[:3, 3])
    return np.concatenate(parts)


def test_by_a_third_way_of_looking_the_arms_keep_apart(overlap: OverlapPlan) -> None:
    """The shapes' own points, at every tenth of a second: neither spheres nor MuJoCo."""
    for time_s in np.arange(0.0, max(line[-1].end_s for line in overlap.steps.values()), 0.1):
        here = []
        for plan in (overlap.carrying, overlap.reaching):
            joints = overlap.measured_rad[plan.arm]
            for step in overlap.steps[plan.arm]:
                if step.trajectory is not None and time_s >= step.begin_s:
                    joints = step.trajectory.at(time_s - step.begin_s)
            here.append(surface(plan.arm, joints, plan.pre_open_m))
        assert np.linalg.norm(here[0][:, None] - here[1], axis=2).min() > 0.02


def test_what_stands_near_what_was_taken_waits_for_another_look(carrying: GraspPlan) -> None:
    x, y = CLOUD.of(int(carrying.row[OBJECT]))[:, :2].mean(axis=0)
    close = scene((x, y, 0.025, 0.10), (x - 0.05 - NEAR_M * 0.8, y, 0.025, 0.10))
    taken, rows = int(carrying.row[OBJECT]), close.rows.copy()
    rows[:, OBJECT] += taken
    with pytest.raises(NoPlanError, match="far enough"):
        overlap_with(carrying, replace(close, rows=rows, labels=close.labels + taken))


def test_arms_that_would_meet_are_refused_though_each_alone_may_go() -> None:
    """Both take the object in the middle, and the one that has lifted it does not leave before the other comes."""
    middle = SCENE[np.flatnonzero(SCENE.rows[:, OBJECT] == 2)]
    picks = [plan_grasp(middle, table_view(), CELL, PARKED, budget_s=60, arms=(arm,)) for arm in CELL.arms]
    points = {plan.arm: CLOUD.of(2) for plan in picks}
    carrying, reaching = picks
    lines = time_line(carrying, reaching, 0.0)
    after_s = {name: line[-1].end_s for name, line in lines.items()}

    def report(first_s: float, then_s: float):
        steps = {
            plan.arm: [replace(one, begin_s=one.begin_s + s, end_s=one.end_s + s) for one in lines[plan.arm]]
            for plan, s in ((carrying, first_s), (reaching, then_s))
        }
        return check_together(CELL, carrying, reaching, steps, lifted(carrying), points)

    meeting = report(after_s[reaching.arm], 0.0)
    assert carrying.is_sealed and reaching.is_sealed
    assert not meeting.passed and any("comes within" in violation for violation in meeting.violations)
    assert report(0.0, after_s[carrying.arm]).passed


def test_without_time_left_nothing_is_tried(carrying: GraspPlan) -> None:
    with pytest.raises(NoPlanError, match="can be carried out"):
        overlap_with(carrying, budget_s=0.0)


def changed(overlap: OverlapPlan, arm: str, number: int, **values) -> dict[str, list[TimedStep]]:
    lines = {name: list(line) for name, line in overlap.steps.items()}
    lines[arm][number] = replace(lines[arm][number], **values)
    return lines


def test_the_gate_refuses_what_is_not_what_was_planned(overlap: OverlapPlan) -> None:
    carry, reach = overlap.carrying.arm, overlap.reaching.arm
    other = overlap.steps[reach][1].trajectory
    wrong = [
        {"steps": changed(overlap, carry, 0, trajectory=other)},
        {"steps": changed(overlap, carry, 1, width_m=0.0)},
        {"steps": changed(overlap, reach, 1, begin_s=0.0)},
        {"steps": changed(overlap, reach, 0, force_n=0.0)},
        {"steps": changed(overlap, reach, 1, end_s=np.nan)},
        {"steps": changed(overlap, reach, 2, name="open")},
        {"steps": {carry: overlap.steps[carry]}},
        {"steps": {carry: overlap.steps[carry], reach: overlap.steps[reach][:-1]}},
        {"measured": overlap.measured_rad | {carry: PARK_JOINTS}},
        {"measured": overlap.measured_rad | {reach: PARK_JOINTS + 0.05}},
        {"measured": {carry: overlap.measured_rad[carry]}},
        {"measured": overlap.measured_rad | {reach: np.full(6, np.nan)}},
        {"held_m": {}},
        {"held_m": {carry: np.zeros((0, 3)), reach: np.zeros((0, 3))}},
        {"held_m": {carry: np.full((4, 3), np.nan), reach: np.full((4, 3), np.nan)}},
        {"reaching": replace(overlap.reaching, pre_open_m=0.05)},
        {"reaching": replace(overlap.reaching, measured_rad=overlap.measured_rad)},
        {"carrying": overlap.reaching},
    ]
    assert check(overlap).passed
    for changes in wrong:
        report = check(overlap, **changes)
        assert not report.passed and report.violations and not report.seal, changes


def test_what_is_changed_after_the_gate_is_found(overlap: OverlapPlan) -> None:
    later = time_line(overlap.carrying, overlap.reaching, overlap.delay_s + 0.5)
    assert not replace(overlap, steps=later).is_sealed
    assert not replace(overlap, measured_rad=PARKED).is_sealed
    assert not replace(overlap, gate=replace(overlap.gate, passed=False)).is_sealed
    assert not replace(overlap, reaching=replace(overlap.reaching, pre_open_m=0.05)).is_sealed
