"""Which arms the camera has seen to stand as they say, in one session: before the first motion, and of an arm that is
to move, held out to the camera, before the first motion near anything."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from app.run.look import Joints, Looker, require_fresh
from app.run.operator import Operator
from calibration.looks.arm_look import plan_look
from calibration.looks.shared_look import SharedLook, share
from calibration.looks.shown_pose import shown_poses
from core.cell import Cell
from core.errors import ArmError, CalibrationError, PlanningError
from core.image import RgbdImage
from core.transforms import Matrix
from grasping.execution import MotionStopped, demand_arrival
from grasping.grasp_set import GraspSet
from grasping.planning.grasp_plan import CheckedMotion, Phase
from grasping.planning.overlap.time_line import REST_S
from grasping.scene_cloud import SceneCloud
from hardware.arms.arm import TrackingReport, measured_joints
from hardware.arms.together import Done, TimedStep, move_together
from hardware.world import World
from perception.arms.check import ArmCheck, check_arms
from perception.depth_types import TableView

#: The arm rests so long before its picture [s].
_REST_S = 0.3


class ArmProof:
    """A session's. said: by arm, what came of it last, for logs."""

    def __init__(self, world: World, cell: Cell, looker: Looker, operator: Operator) -> None:
        self._world, self._cell, self._looker, self._operator = world, cell, looker, operator
        self._parked: dict[str, ArmCheck] = {}
        self._shown: set[str] = set()
        self._poses: dict[str, tuple[NDArray[np.float64], ...]] = {}
        self.said: dict[str, str] = {}

    def look_at_rest(self, picture: RgbdImage, T_camera_world: Matrix) -> None:
        """Compares every arm with the first picture of a session, whatever of it that shows.

        Raises:
            ArmError: one stands elsewhere than its joints say.
            CalibrationError: the base of one is seen elsewhere than the cell has it.
        """
        if self._parked:
            return
        if self._operator.skips_arm_check:
            self.said = dict.fromkeys(self._world.arms, "not compared with the picture: --no-arm-check")
            self._operator.console.say("    arms are not compared with the picture: --no-arm-check")
            self._parked = {name: ArmCheck(name, (), float("nan")) for name in self._world.arms}
            return
        found = self._check(picture, T_camera_world, tuple(self._world.arms))
        self._parked = {check.arm: check for check in found}

    def is_due(self, name: str) -> bool:
        """Whether an arm that is to move is to show itself before: once, where the camera made out what it saw of it
        at rest."""
        parked = self._parked.get(name)
        skipped = self._operator.skips_arm_check or name in self._shown
        return not (skipped or parked is None or parked.is_unlike)

    def plan(
        self, names: Iterable[str], grasps: GraspSet, view: TableView, binned_m: NDArray[np.float64]
    ) -> tuple[SharedLook, ...]:
        """How those of these arms that are due are to show themselves: at once where they keep apart, else one after
        the other, each back where it stands before the next sets out. One that finds no free way is not shown, which
        is said.

        Args:
            grasps: what stands on the table; binned_m: (N, 3) what stands in the bin, world.
        """
        points_m = np.concatenate([SceneCloud.from_grasps(grasps, view, self._cell).everything_m, binned_m])
        looks, joints_rad = [], measured_joints(self._world.arms)
        for name in filter(self.is_due, names):
            width_m = self._world.arms[name].state().gripper_width_m
            try:
                poses_rad = self._poses_of(name, view.T_camera_world)
                looks.append(plan_look(self._cell, name, poses_rad, joints_rad, width_m, points_m))
            except PlanningError as error:
                self._say(name, f"the {name} arm is not shown to the camera: {error.cause}")
        return share(looks)

    def show(self, look: SharedLook, T_camera_world: Matrix) -> None:
        """Has one arm, or several at once, hold themselves out to the camera, and go back.

        Raises:
            ArmError: one stands elsewhere than its joints say; all are back where they were. Or an arm moved since the
                gate passed this.
            CalibrationError: the base of one is seen elsewhere than the cell has it; likewise.
            MotionStopped: a person stopped it; the arms hold.
            VitroError: no picture came, an arm does not follow, or this is not what the gate passed.
        """
        self._send(look, [one.out for one in look.looks], look.looks[0].out.measured_rad)
        self._world.clock.sleep(_REST_S)
        try:
            self._check(self._looker.picture(), T_camera_world, look.arms)
            self._shown.update(look.arms)
        finally:
            self._send(look, [one.back for one in look.looks], look.shown_rad)

    def _poses_of(self, name: str, T_camera_world: Matrix) -> tuple[NDArray[np.float64], ...]:
        """Where an arm is to show itself; looked for once."""
        if name not in self._poses:
            self._poses[name] = shown_poses(self._cell, name, self._world.camera.intrinsics, T_camera_world)
        return self._poses[name]

    def _check(self, picture: RgbdImage, T_camera_world: Matrix, names: tuple[str, ...]) -> tuple[ArmCheck, ...]:
        joints_rad = {name: joints for name, joints in measured_joints(self._world.arms).items() if name in names}
        widths_m = {name: self._world.arms[name].state().gripper_width_m for name in names}
        found = check_arms(picture.color, picture.intrinsics, T_camera_world, self._cell, joints_rad, widths_m)
        for check in found:
            self._say(check.arm, str(check))
        for check in found:
            if check.is_misplaced:
                raise CalibrationError(
                    f"In the picture {check}. Nothing moves.",
                    "See that neither its foot nor the camera was shifted, then: python main.py calibrate. If the "
                    "picture is wrong, --no-arm-check goes on without it.",
                )
            if check.is_off:
                raise ArmError(
                    f"In the picture {check}. Its feedback shows nothing of it; nothing moves.",
                    f"A joint was forced, or its zero is lost. Hold the {check.arm} arm, switch it off and on again, "
                    "see that it parks straight, then: python main.py calibrate. If the picture is wrong (a cloth over "
                    "the arm), --no-arm-check goes on without it.",
                )
        return found

    def _say(self, name: str, what: str) -> None:
        self.said[name] = what
        self._operator.console.say(f"    {what}")

    def _send(self, look: SharedLook, motions: Sequence[CheckedMotion], begun_rad: Joints) -> None:
        """begun_rad: where every arm is to stand now."""
        should_stop, arms = self._operator.interrupts.should_stop, {name: self._world.arms[name] for name in look.arms}
        if should_stop():
            raise MotionStopped
        if not look.is_sealed:
            raise PlanningError(
                f"The way to show the {' and the '.join(arms)} arm on is not the one that the gate passed: it was "
                "changed since. It is not sent.",
                "Start the trial again.",
            )
        for motion in motions:
            require_fresh(motion.gate, begun_rad, measured_joints(self._world.arms))
        steps = {
            one.arm: [TimedStep("show", 0.0, one.way.duration_s + REST_S, one.width_m, one.way)] for one in motions
        }

        def arrived(arm: str, _: TimedStep, tracking: Done) -> None:
            if isinstance(tracking, TrackingReport) and not tracking.interrupted:
                demand_arrival(arm, Phase.TRANSIT, tracking)

        if move_together(arms, steps, self._world.clock, should_stop, lambda *_: None, arrived):
            raise MotionStopped
