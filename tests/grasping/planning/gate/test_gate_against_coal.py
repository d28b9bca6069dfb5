"""The gate's word held against pinocchio and coal: where links are, how near they come, and that nothing it passed
collides. They share no code with it but the URDF and the boxes that stand for points."""

from collections.abc import Iterable, Iterator
from functools import cache

import coal
import numpy as np
import pinocchio
import pytest

from core.cell import Cell
from core.transforms import apply, invert, transform
from grasping.planning.gate.boxes import standing, upright_boxes
from grasping.planning.gate.check import check_motions, check_transit
from grasping.planning.gate.lag import both_ways
from grasping.planning.gate.model import CLEARANCE_SEEN_M
from grasping.planning.gate.paths import EXEMPT_M, RAISED_M
from grasping.planning.grasp_plan import GraspPlan, Phase
from grasping.planning.overlap.pair_world import SEEN_M, PairWorld
from grasping.planning.planner import plan_grasp
from grasping.scene_cloud import SceneCloud
from hardware.robot.description import (
    ARM_JOINTS,
    FINGER_JOINTS,
    FINGERS,
    JOINT_LOWER_RAD,
    JOINT_UPPER_RAD,
    TCP_OFFSET_M,
    Firmware,
    urdf,
)
from hardware.robot.kinematics import link_poses
from tests.support.scenes.planning import CELL, PARKED, scene, table_view

#: Uprights (x, y, radius, height [m]): the first is picked, the others stand in the way.
TABLES = [
    ((0.02, 0.12, 0.03, 0.12), (0.09, 0.18, 0.03, 0.15), (-0.06, 0.15, 0.025, 0.08)),
    ((0.08, 0.0, 0.022, 0.09),),
    ((-0.03, 0.05, 0.03, 0.07), (0.05, 0.02, 0.03, 0.14), (-0.1, 0.0, 0.03, 0.1)),
]
AGREE_M = 0.002
Solid = tuple[coal.ShapeBase, np.ndarray]


class Arm:
    """An arm of the cell by pinocchio, its links' shapes for coal."""

    def __init__(self, cell: Cell, name: str) -> None:
        mount = cell.arms[name]
        text = urdf(mount.firmware, mount.gripper_stroke_m)
        self.name, self._T_world_base = name, mount.T_world_base
        self.model = pinocchio.buildModelFromXML(text)
        self._shapes = pinocchio.buildGeomFromUrdfString(self.model, text, pinocchio.GeometryType.COLLISION)
        self._data, self._placed = self.model.createData(), self._shapes.createData()

    def links(self, joints_rad: np.ndarray, width_m: float) -> list[tuple[str, Solid]]:
        """Every link's shapes where they are, world."""
        q = pinocchio.neutral(self.model)
        for joint, value in zip((*ARM_JOINTS, *FINGER_JOINTS), (*joints_rad, *[width_m / 2] * 2), strict=True):
            q[self.model.joints[self.model.getJointId(joint)].idx_q] = value
        pinocchio.framesForwardKinematics(self.model, self._data, q)
        pinocchio.updateGeometryPlacements(self.model, self._data, self._shapes, self._placed, q)
        names = [shape.name.rsplit("_", 1)[0] for shape in self._shapes.geometryObjects]
        poses = [self._T_world_base @ placed.homogeneous for placed in self._placed.oMg]
        return [
            (name, (shape.geometry, pose))
            for name, shape, pose in zip(names, self._shapes.geometryObjects, poses, strict=True)
        ]

    def tool(self) -> np.ndarray:
        """The tool's pose (4, 4), world, where `links` put it."""
        hand = self._data.oMi[self.model.getJointId("joint6")].homogeneous
        return self._T_world_base @ hand @ transform(translation_m=(0.0, 0.0, TCP_OFFSET_M))


def distance_m(one: Solid, other: Solid) -> float:
    """Negative where they overlap."""
    (shape, T), (other_shape, T_other) = one, other
    placed = (coal.Transform3s(at[:3, :3].copy(), at[:3, 3].copy()) for at in (T, T_other))
    request, result = coal.DistanceRequest(), coal.DistanceResult()
    request.enable_signed_distance = True
    return float(coal.distance(shape, next(placed), other_shape, next(placed), request, result))


def radius_m(solid: Solid) -> float:
    solid[0].computeLocalAABB()
    return float(solid[0].aabb_radius + np.linalg.norm(solid[0].aabb_center))


class Boxes:
    """Upright boxes of the world, and the table where it is among them."""

    def __init__(self, boxes: Iterable[tuple[np.ndarray, np.ndarray]], table: bool = False) -> None:
        boxes = list(boxes)
        self._middle_m = np.array([middle for middle, _ in boxes]).reshape(-1, 3)
        self._half_m = np.array([half for _, half in boxes]).reshape(-1, 3)
        self._solids = [(coal.Box(*(2 * half)), transform(translation_m=middle)) for middle, half in boxes]
        self._table = [(coal.Halfspace(np.array([0.0, 0.0, 1.0]), 0.0), np.eye(4))] if table else []

    def nearest_m(self, solid: Solid, within_m: float) -> float:
        outside = np.maximum(np.abs(solid[1][:3, 3] - self._middle_m) - self._half_m, 0.0)
        near = np.flatnonzero(np.linalg.norm(outside, axis=1) < radius_m(solid) + within_m)
        others = [*(self._solids[index] for index in near), *self._table]
        return min((distance_m(solid, other) for other in others), default=np.inf)


def bin_boxes(cell: Cell) -> list[tuple[np.ndarray, np.ndarray]]:
    (x, y), (length, width, height), wall = cell.bin.center_m, cell.bin.size_m, cell.bin.wall_m
    sides = [(x + s * (length - wall) / 2, y, wall, width) for s in (-1, 1)]
    sides += [(x, y + s * (width - wall) / 2, length, wall) for s in (-1, 1)]
    walls = [(np.array([a, b, height / 2]), np.array([c, d, height]) / 2) for a, b, c, d in sides]
    return [*walls, (np.array([x, y, wall / 2]), np.array([length, width, wall]) / 2)]


@cache
def picked(table: tuple) -> tuple[GraspPlan, np.ndarray, np.ndarray]:
    """A plan for the first thing of a table, its points and those of the others."""
    everything = scene(*table)
    cloud = SceneCloud.from_grasps(everything, table_view())
    plan = plan_grasp(everything, table_view(), CELL, PARKED, budget_s=60)
    target = int(plan.row[-1])
    return plan, cloud.of(target), cloud.without(target)


@pytest.mark.parametrize("firmware", ["new", "old"])
def test_every_link_is_where_pinocchio_has_it(firmware: Firmware) -> None:
    mount = CELL.arms["left"].model_copy(update={"firmware": firmware})
    arm = Arm(CELL.model_copy(update={"arms": {"left": mount}}), "left")
    for joints in np.random.default_rng(3).uniform(JOINT_LOWER_RAD, JOINT_UPPER_RAD, (200, 6)):
        arm.links(joints, 0.04)
        for link, T_base_link in link_poses(joints, 0.04, firmware).items():
            frame = arm._data.oMf[arm.model.getFrameId(link)].homogeneous
            assert np.abs(frame - T_base_link).max() < 1e-9


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("phase", [Phase.TRANSIT, Phase.RETREAT])
def test_the_clearance_of_a_motion_is_what_coal_measures(table: tuple, phase: Phase) -> None:
    """In every configuration that the gate looks at; with all that stands there, up to where it measures."""
    plan, target_m, others_m = picked(table)
    points_m = np.concatenate([others_m, target_m]) if phase is Phase.TRANSIT else others_m
    motion, other = plan.motions[phase], "right" if plan.arm == "left" else "left"
    measured = {**PARKED, plan.arm: motion.positions_rad[0]}
    report = check_transit(
        CELL, motion, arm=plan.arm, width_m=plan.pre_open_m, measured=measured, other_points_m=points_m
    )
    assert report.passed, report.violations
    arm, around = Arm(CELL, plan.arm), Boxes([*upright_boxes(points_m, to_ground=True), *bin_boxes(CELL)], table=True)
    parked = [solid for _, solid in Arm(CELL, other).links(PARKED[other], 0.08)]
    nearest_m = CLEARANCE_SEEN_M
    for way in both_ways(motion):
        for joints in way.joints_rad[way.is_looked_at]:
            for link, solid in arm.links(joints, plan.pre_open_m):
                if link != "base_link":
                    nearest_m = min(
                        nearest_m, around.nearest_m(solid, nearest_m), *(distance_m(solid, one) for one in parked)
                    )
    assert nearest_m > 0.0 and report.worst_clearance_m == pytest.approx(nearest_m, abs=AGREE_M)


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_nothing_that_the_gate_passed_collides_by_coal(table: tuple) -> None:
    """The five motions of a pick as they are commanded, with what is held."""
    plan, target_m, others_m = picked(table)
    report = check_motions(
        CELL,
        plan.motions,
        arm=plan.arm,
        T_world_tcp=plan.T_world_tcp,
        pre_open_m=plan.pre_open_m,
        grasp_width_m=0.05,
        measured=PARKED,
        target_points_m=target_m,
        other_points_m=others_m,
    )
    assert report.passed, report.violations
    collisions = [line for phase in Phase for line in collisions_in(plan, phase, target_m, others_m)]
    assert not collisions


def collisions_in(plan: GraspPlan, phase: Phase, target_m: np.ndarray, others_m: np.ndarray) -> Iterator[str]:
    arm, other = Arm(CELL, plan.arm), "right" if plan.arm == "left" else "left"
    around = Boxes([*upright_boxes(others_m, to_ground=True), *bin_boxes(CELL)], table=True)
    target = Boxes(upright_boxes(target_m) if phase in (Phase.TRANSIT, Phase.APPROACH) else [])
    held = (
        upright_boxes(apply(invert(plan.T_world_tcp), standing(target_m))) if phase in (Phase.LIFT, Phase.PLACE) else []
    )
    parked = [solid for _, solid in Arm(CELL, other).links(PARKED[other], 0.08)]
    motion = plan.motions[phase]
    for time_s in np.arange(0.0, motion.duration_s, 0.03):
        links = arm.links(motion.at(time_s), 0.05 if held else plan.pre_open_m)
        closes_in = np.linalg.norm(arm.tool()[:3, 3] - plan.T_world_tcp[:3, 3]) < EXEMPT_M
        for link, solid in links:
            if around.nearest_m(solid, 0.01) < 0.0 and link != "base_link":
                yield f"{phase} {time_s:.2f}: {link} is in what stands around"
            if target.nearest_m(solid, 0.01) < 0.0 and not (closes_in and link in FINGERS):
                yield f"{phase} {time_s:.2f}: {link} is in the target"
            if min(distance_m(solid, one) for one in parked) < 0.0:
                yield f"{phase} {time_s:.2f}: {link} is in the other arm"
        if phase is Phase.PLACE or arm.tool()[2, 3] - plan.T_world_tcp[2, 3] > RAISED_M:
            for middle, half in held:
                box = (coal.Box(*(2 * half)), arm.tool() @ transform(translation_m=middle))
                if around.nearest_m(box, 0.01) < 0.0:
                    yield f"{phase} {time_s:.2f}: what is held is in what stands around"


def test_how_near_two_arms_come_is_what_coal_measures() -> None:
    """Every pair of links that are nearer than is looked at, be they boxes, at poses about two picks' ways."""
    middle, rng = scene((0.08, 0.0, 0.022, 0.09)), np.random.default_rng(6)
    picks = {arm: plan_grasp(middle, table_view(), CELL, PARKED, budget_s=60, arms=(arm,)) for arm in ("left", "right")}
    points_m = SceneCloud.from_grasps(middle, table_view()).points_m
    pair = PairWorld(CELL, picks["left"], picks["right"], dict.fromkeys(picks, points_m))
    arms, near = {name: Arm(CELL, name) for name in picks}, 0
    ways = {
        name: np.concatenate([motion.positions_rad for motion in pick.motions.values()]) for name, pick in picks.items()
    }
    for _ in range(400):
        joints = {name: way[rng.integers(len(way))] + rng.normal(0.0, 0.15, 6) for name, way in ways.items()}
        told = {(one.moving, one.other): one.gap_m for one in pair.touches(*joints.values(), np.array([False, False]))}
        links = {name: arms[name].links(joints[name], picks[name].pre_open_m) for name in picks}
        found: dict[tuple[str, str], float] = {}
        for mine, solid in links["left"]:
            for its, other in links["right"]:
                if np.linalg.norm(solid[1][:3, 3] - other[1][:3, 3]) < radius_m(solid) + radius_m(other) + SEEN_M:
                    key = f"left {mine}", f"right {its}"
                    found[key] = min(found.get(key, np.inf), distance_m(solid, other))
        found = {key: gap_m for key, gap_m in found.items() if gap_m < SEEN_M}
        for key in told.keys() | found.keys():
            mine_m, theirs_m = told.get(key, SEEN_M), found.get(key, SEEN_M)
            assert (mine_m < 0.0) == (theirs_m < 0.0) and (theirs_m < 0.0 or abs(mine_m - theirs_m) < AGREE_M), key
        near += len(found)
    assert near > 200
