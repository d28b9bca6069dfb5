"""Where none of the usual grasps has a plan, many more that are like each other are looked at, and only then; and what
is said of what was found."""

from collections.abc import Callable

import numpy as np
import pytest

from app.console import Console
from app.run.options import PipelineOptions
from app.run.pipeline import Pipeline
from app.run.stages import Stages, detect_line
from app.run.trial import Trial
from core.errors import PerceptionError
from grasping.detection.detector import SPACING
from grasping.grasp_set import OBJECT, SCORE, GraspSet
from grasping.planning.grasp_plan import GraspPlan
from grasping.planning.motion_planner import NoPlanError
from grasping.planning.remedies import LATE
from hardware.cameras.frame import RgbdFrame
from hardware.robot.description import PARK_JOINTS
from hardware.simulation.catalogue.cell_scene import CellState
from hardware.simulation.catalogue.layout import stage
from hardware.simulation.physics.physics import CellPhysics
from hardware.simulation.sim_camera import cell_intrinsics
from tests.support.drawn_cell import CELL
from tests.support.scenes.rendering import render

JOINTS = dict.fromkeys(CELL.arms, PARK_JOINTS)


@pytest.fixture(scope="module")
def frame() -> RgbdFrame:
    """A sensor sees the truth of one object on a table."""
    physics = CellPhysics(CELL)
    stage(physics, np.random.default_rng(5101), 1, "diffuse")
    state = CellState("diffuse", physics.object_poses(), physics.robot_shapes(), CELL.camera.T_world_camera, 5101)
    rendering = render(CELL, state, 8)
    return RgbdFrame(rendering.color, rendering.truth.depth_m, cell_intrinsics(CELL), "sim", 1, 0.0, "rendered")


class Refused:
    """A trial's stages, of which the planner says of the first grasps that none has a plan."""

    def __init__(self, frame: RgbdFrame, reason: str = "out of reach") -> None:
        self.pipeline = Pipeline(CELL, PipelineOptions(estimator="raw"))
        self.frame, self.asked, self.plan = frame, [], self.pipeline.plan
        self.error = NoPlanError("None of them.", "Move it.", {reason: 1}, ())
        self.stages = Stages(Trial("diffuse", 0, (frame,)), self.pipeline, Console(is_quiet=True))
        self.pipeline.plan = self._refuse_first  # type: ignore[method-assign]

    def _refuse_first(self, grasps: GraspSet, *rest: object) -> GraspPlan:
        self.asked.append(grasps)
        if len(self.asked) == 1:
            raise self.error
        return self.plan(grasps, *rest)  # type: ignore[arg-type]

    def run(self) -> GraspPlan:
        return self.stages.plan((self.frame,), lambda: JOINTS)


@pytest.mark.slow
def test_more_grasps_are_planned_with_and_the_trial_tells_of_them(frame: RgbdFrame) -> None:
    refused = Refused(frame)

    plan = refused.run()

    first, more = refused.asked
    assert len(more) > len(first) and plan.gate.passed
    assert len(refused.stages.trial.grasps) >= len(more)
    assert refused.stages.trial.notes()["plan"]["grasps"] == len(refused.stages.trial.grasps)


def test_the_line_counts_the_objects_that_can_be_grasped_among_those_that_were_found() -> None:
    rows, labels = np.zeros((2, 17)), np.array([-1, 0, 0, 1, 2], np.int32)
    rows[:, SCORE], rows[:, OBJECT] = 0.9, (1, 2)
    some = GraspSet(rows, np.zeros((5, 3), np.float32), labels, "drawn", "the rest is told")
    assert detect_line(some) == "2 grasps on 2 of 3 objects, best expects 90%; the rest is told"
    assert detect_line(some.without([0, 1])) == "1 grasp on 1 object, best expects 90%; the rest is told"


@pytest.mark.slow
def test_where_there_are_no_more_it_stays_at_that(frame: RgbdFrame) -> None:
    refused = Refused(frame)
    detect = refused.pipeline.detect
    refused.pipeline.detect = lambda *given: detect(*given[:4])  # type: ignore[method-assign]
    with pytest.raises(NoPlanError):
        refused.run()
    assert len(refused.asked) == 1


def fail(*_: object) -> GraspSet:
    raise PerceptionError("The detector is gone.", "Start it.")


def nothing_more(pipeline: Pipeline) -> Callable[..., GraspSet]:
    detect = pipeline.detect
    return lambda *given: fail() if given[4] < SPACING else detect(*given)


@pytest.mark.slow
def test_what_fails_in_looking_for_more_does_not_hide_that_there_is_no_plan(frame: RgbdFrame) -> None:
    refused = Refused(frame)
    refused.pipeline.detect = nothing_more(refused.pipeline)  # type: ignore[method-assign]
    with pytest.raises(NoPlanError) as raised:
        refused.run()
    assert raised.value is refused.error
    assert len(refused.stages.trial.grasps) == len(refused.asked[0])


def test_where_time_ran_out_nothing_more_is_looked_for(frame: RgbdFrame) -> None:
    refused = Refused(frame, LATE)
    with pytest.raises(NoPlanError):
        refused.run()
    assert len(refused.asked) == 1
