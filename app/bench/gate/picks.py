"""Good picks to check and to spoil: what the planner proposes in the digital cell's scenes, drawn and not rendered."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.bench.drawn_cell import DrawnCell
from core.cell import Cell
from core.errors import PlanningError
from core.transforms import Matrix, invert
from grasping.detection.registry import create_detector
from grasping.grasp_set import OBJECT, WIDTH, GraspSet
from grasping.planning.gate.check import check_motions
from grasping.planning.grasp_plan import GateReport, GraspPlan, Phase
from grasping.planning.inverse_kinematics import solve
from grasping.planning.planner import plan_grasp
from grasping.scene_cloud import SceneCloud
from hardware.arms.trajectory import JointTrajectory, chain
from hardware.robot.kinematics import forward_kinematics
from perception.depth_types import TableView

#: Picks planned of a scene.
PICKS_A_SCENE = 3


@dataclass(frozen=True)
class GateInput:
    """All that the gate is given of one pick."""

    cell: Cell
    motions: Mapping[Phase, JointTrajectory]
    arm: str
    T_world_tcp: Matrix
    pre_open_m: float
    grasp_width_m: float
    measured: Mapping[str, NDArray[np.float64]]
    target_points_m: NDArray[np.float64]
    other_points_m: NDArray[np.float64]

    def check(self) -> GateReport:
        given = dict(vars(self))
        return check_motions(given.pop("cell"), given.pop("motions"), **given)

    def end(self, phase: Phase) -> NDArray[np.float64]:
        return self.motions[phase].positions_rad[-1]

    def moved(self, **motions: JointTrajectory) -> "GateInput":
        """With other motions, by the phases' names."""
        return replace(self, motions={**self.motions, **{Phase(name): motion for name, motion in motions.items()}})

    def at(self, T_world_tool: Matrix, near_rad: NDArray) -> NDArray[np.float64]:
        """Joints (6,) with the tool there, nearest to others.

        Raises:
            LookupError: out of reach.
        """
        mount = self.cell.arms[self.arm]
        solutions = solve(invert(mount.T_world_base) @ T_world_tool, mount.firmware)
        solutions = solutions[np.isfinite(solutions).all(axis=1)]
        if not len(solutions):
            raise LookupError("out of reach")
        return solutions[np.abs(solutions - near_rad).max(axis=1).argmin()]

    def through(self, *joints_rad: NDArray) -> JointTrajectory:
        """A gentle motion through joints (6,), at rest at each."""
        return chain([ease(a, b) for a, b in pairwise(joints_rad)])


def ease(a: NDArray, b: NDArray) -> JointTrajectory:
    seconds = 1.0 + 1.2 * float(np.abs(b - a).max())
    share = np.linspace(0.0, 1.0, int(seconds * 50))
    eased = share**3 * (10 - 15 * share + 6 * share**2)
    return JointTrajectory(share * seconds, a + (b - a) * eased[:, None])


def tool_at(given: GateInput, joints_rad: NDArray) -> Matrix:
    """The tool's pose (4, 4) in the world at joints (6,) of the arm that moves."""
    mount = given.cell.arms[given.arm]
    return mount.T_world_base @ forward_kinematics(joints_rad, mount.firmware)


def good_picks(cell: Cell, scenes: Iterable[int]) -> Iterator[tuple[GateInput, tuple[str, ...]]]:
    """What the planner proposes in drawn scenes of one to three things: from parked arms and from elsewhere, for all
    grasps and for some, fast and slow; with each what the gate said of candidates that it stopped before."""
    detector = create_detector("antipodal", min(arm.gripper_stroke_m for arm in cell.arms.values()))
    with closing(DrawnCell(cell, 0)) as world:
        for seed in scenes:
            rng = np.random.default_rng(seed)
            scene = world.detect(detector, "diffuse", seed, int(rng.integers(1, 4)))
            grasps, view = scene.grasps, scene.view
            for number in range(PICKS_A_SCENE):
                some = grasps[rng.permutation(len(grasps))[: len(grasps) // (1 + number)]]
                joints = {
                    name: q + number * rng.uniform(0.0, 0.1, 6) * [1, 1, -1, 1, 1, 1]
                    for name, q in scene.joints_rad.items()
                }
                with suppress(PlanningError):
                    plan = plan_grasp(some, view, cell, joints, seed=seed, speed=1.0 - 0.3 * number)
                    yield gate_input(plan, some, view, cell), plan.stopped


def gate_input(plan: GraspPlan, grasps: GraspSet, view: TableView, cell: Cell) -> GateInput:
    """What the gate was given of a plan of some grasps."""
    cloud, target = SceneCloud.from_grasps(grasps, view, cell), int(plan.row[OBJECT])
    return GateInput(
        cell,
        plan.motions,
        plan.arm,
        plan.T_world_tcp,
        plan.pre_open_m,
        float(plan.row[WIDTH]),
        plan.measured_rad,
        cloud.of(target),
        cloud.without(target),
    )
