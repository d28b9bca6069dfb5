"""Which arms the camera has seen to stand as they say, in one session: before the first motion, and of an arm that is
to move, held out to the camera, before the first motion near anything."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from app.run.look import Looker, require_fresh
from app.run.operator import Operator
from calibration.arm_look import plan_look
from core.cell import Cell
from core.errors import ArmError, PlanningError
from core.image import RgbdImage
from core.transforms import Matrix
from grasping.execution import MotionStopped
from hardware.arms.arm import Arm
from hardware.arms.trajectory import JointTrajectory
from hardware.world import World
from perception.arms.check import ArmCheck, check_arms

#: The arm rests so long before its picture [s].
_REST_S = 0.3


class ArmProof:
    """A session's. said: by arm, what came of it last, for logs."""

    def __init__(self, world: World, cell: Cell, looker: Looker, operator: Operator) -> None:
        self._world, self._cell, self._looker, self._operator = world, cell, looker, operator
        self._parked: dict[str, ArmCheck] = {}
        self._shown: set[str] = set()
        self.said: dict[str, str] = {}

    def look_at_rest(self, picture: RgbdImage, T_camera_world: Matrix) -> None:
        """Compares every arm with the first picture of a session, whatever of it that shows.

        Raises:
            ArmError: one stands elsewhere than its joints say.
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

    def show(self, name: str, T_camera_world: Matrix, points_m: NDArray[np.float64]) -> None:
        """Has an arm hold itself out to the camera, and go back.

        Args:
            points_m: (N, 3) of what stands on the table and in the bin, world.

        Raises:
            ArmError: it stands elsewhere than its joints say; it is back where it was.
            MotionStopped: a person stopped it; the arm holds.
            VitroError: no picture came, or the arm does not follow.
        """
        self._shown.add(name)
        arm, joints_rad = self._world.arms[name], self._joints()
        try:
            look = plan_look(self._cell, name, joints_rad, arm.state().gripper_width_m, points_m)
        except PlanningError as error:
            self._say(name, f"the {name} arm is not shown to the camera: {error.cause}")
            return
        require_fresh(look.gate, joints_rad, self._joints())
        self._follow(arm, look.out)
        self._world.clock.sleep(_REST_S)
        try:
            self._check(self._looker.glance(), T_camera_world, (name,))
        finally:
            self._follow(arm, look.back)

    def _check(self, picture: RgbdImage, T_camera_world: Matrix, names: tuple[str, ...]) -> tuple[ArmCheck, ...]:
        joints_rad = {name: joints for name, joints in self._joints().items() if name in names}
        widths_m = {name: self._world.arms[name].state().gripper_width_m for name in names}
        found = check_arms(picture.color, picture.intrinsics, T_camera_world, self._cell, joints_rad, widths_m)
        for check in found:
            self._say(check.arm, str(check))
        for check in found:
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

    def _follow(self, arm: Arm, motion: JointTrajectory) -> None:
        if arm.follow(motion, self._operator.interrupts.should_stop).interrupted:
            raise MotionStopped

    def _joints(self) -> Mapping[str, NDArray[np.float64]]:
        return {name: arm.state().joints_rad for name, arm in self._world.arms.items()}
