"""The stages of a trial in a world, which a recording has not: what may be moved in, what is still as it was, and the
motions themselves."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from app.arm_look.arm_proof import ArmProof
from app.run.look import Looker, require_fresh
from app.run.operator import Operator
from app.run.pipeline import ArmJoints, Pipeline
from app.run.stages import Result, Stages
from app.run.trial import Trial
from calibration.cell_check import check_cell
from calibration.looks.shared_look import SharedLook
from core.errors import CalibrationError
from grasping.execution import hold_all
from grasping.planning.grasp_plan import GraspPlan
from hardware.arms.arm import Arm, measured_joints
from hardware.cameras.frame import RgbdFrame
from hardware.world import World
from perception.depth_types import TableView
from perception.table.camera_shift import camera_shift


class WorldStages(Stages):
    """may_move: whether the last picture was of a live camera, the cell in it as calibrated, its arms as they say."""

    def __init__(
        self, trial: Trial, world: World, pipeline: Pipeline, operator: Operator, looker: Looker, proof: ArmProof
    ) -> None:
        super().__init__(trial, pipeline, operator.console)
        self.may_move = False
        #: How arms show themselves to the camera before the motion that is asked for.
        self._looks: tuple[SharedLook, ...] = ()
        self._world, self._operator, self._looker, self._proof = world, operator, looker, proof

    def locate(self, frame: RgbdFrame) -> TableView:
        """Where the table is, and whether this cell may be moved in."""
        view = super().locate(frame)
        self.trial = replace(self.trial, view=view)
        if view.source != "tags":
            raise CalibrationError(
                "No AprilTag of the cell is in view, so the arms do not know where the table is.",
                "Uncover the tags, or check their ids and sizes in the cell's YAML; without tags use dry-run.",
            )
        cell = self.pipeline.cell
        check_cell(cell, frame.serial, camera_shift(view, cell), real=self._world.is_real)
        try:
            self._proof.look_at_rest(frame, view.T_camera_world)
        finally:
            self._note_arms()
        self.may_move = self._world.camera.is_live
        return view

    def _demand_current(self, plan: GraspPlan, looks_again: bool) -> None:
        """Raises VitroError where the scene, looked at again, or an arm is not what the plan was made for, or the
        gate's report is old."""
        if looks_again:
            frame, view = self.trial.frame, self.trial.view
            assert frame is not None and view is not None
            self.console.say(f"    {self.within('capture', self._looker.require_unchanged, frame, view)}")
        require_fresh(plan.gate, plan.measured_rad, self._joints())

    def _plan_looks(self, names: Sequence[str]) -> tuple[SharedLook, ...]:
        """How those of these arms that have yet to show themselves do so."""
        view, grasps = self.trial.view, self.trial.grasps
        assert view is not None and grasps is not None
        try:
            return self._proof.plan(names, grasps, view, self.binned_m)
        finally:
            self._note_arms()

    def _show(self) -> None:
        view = self.trial.view
        assert view is not None
        try:
            for look in self._looks:
                self._move(
                    [self._world.arms[arm] for arm in look.arms], partial(self._proof.show, look, view.T_camera_world)
                )
        finally:
            self._note_arms()

    def _note_arms(self) -> None:
        self.trial = replace(self.trial, arms_seen=dict(self._proof.said))

    def _move(self, arms: Sequence[Arm], work: Callable[[], Result]) -> Result:
        """What `work` returns, which moves these arms; how long that takes by the cell's clock is noted."""
        start_s = self._world.clock.now_s()
        try:
            with self._operator.motion(*arms):
                return work()
        finally:
            self.trial = replace(self.trial, motion_s=self.trial.motion_s + self._world.clock.now_s() - start_s)

    def _hold(self) -> str:
        return hold_all(self._world.arms.values())

    def _joints(self) -> ArmJoints:
        return measured_joints(self._world.arms)
