"""Looking at the scene: pictures that are fresh when they are taken, and a second look where the first is old."""

import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.errors import ArmError, CameraError, PerceptionError, PlanningError
from grasping.planning.grasp_plan import GateReport
from hardware.arms.arm import measured_joints
from hardware.cameras.frame import RgbdFrame
from hardware.world import World
from perception.arms.in_view import ArmInView, arms_in_view
from perception.depth_types import TableView
from perception.objects.masks import object_region
from perception.scene_change import pixel_change, tag_change
from perception.table.tags import detect_tags

#: Longest wait for a picture [s of the camera's clock].
FRAME_TIMEOUT_S = 1.0
#: Clocks and exposures may disagree by this much [s].
_STAMP_SLACK_S = 0.2
#: On a picture older than this [s] nothing moves before the scene was looked at again.
PICTURE_VALID_S = 15.0
#: What the gate checked longer ago than this [s] is not carried out, whoever approves it.
PLAN_VALID_S = 300.0
_LIVE_REMEDY = "Unplug the camera and plug it in again, then run python main.py doctor."


#: Every arm must still stand where the gate took it to stand.
MOVED_RAD = np.deg2rad(0.5)

Joints = Mapping[str, NDArray[np.float64]]


def require_fresh(gate: GateReport, measured_rad: Joints, joints: Joints) -> None:
    """Refuses motions whose gate report is old, or where an arm, the resting one too, is no longer where the gate took
    it to be.

    Args:
        measured_rad, joints: (6,) [rad] of every arm, as the gate took them to be and now.

    Raises:
        PlanningError: the report is old.
        ArmError: an arm moved.
    """
    age_s = time.monotonic() - gate.checked_s
    if not age_s <= PLAN_VALID_S:
        raise PlanningError(f"The gate checked this plan {age_s:.0f} s ago; nothing moves.", "Plan again.")
    for name, joints_rad in joints.items():
        moved_rad = float(np.abs(joints_rad - measured_rad[name]).max())
        if not moved_rad <= MOVED_RAD:
            raise ArmError(
                f"The {name} arm moved {np.rad2deg(moved_rad):.1f}° since the plan was checked; nothing is sent.",
                "Keep hands off the arms, then start the trial again.",
            )


class Looker:
    """A session's eyes: takes no picture for new that is not, and remembers when it last saw the scene as it is."""

    def __init__(self, world: World, cell: Cell) -> None:
        self._world, self._cell = world, cell
        self._last: RgbdFrame | None = None
        self._seen_s = self._stamp_s = float("-inf")

    def read(self) -> RgbdFrame:
        """The next picture of the scene, exposed after this call.

        Raises:
            ArmError: an arm stands before it; no picture is taken. Or as `Arm.state`.
            CameraError: as `picture`.
        """
        if hiding := arms_in_view(self._cell, self._world.camera.intrinsics, measured_joints(self._world.arms)):
            raise _in_the_way(hiding)
        frame = self.picture()
        self._seen_s, self._stamp_s = time.monotonic(), frame.stamp_s
        return frame

    def picture(self) -> RgbdFrame:
        """The next picture, exposed after this call, which is none of the scene: an arm is before it.

        Raises:
            CameraError: none in time, or one that was taken earlier or has been seen already.
        """
        clock, last = self._world.clock, self._last
        called_s = clock.now_s()
        frame = self._world.camera.read(FRAME_TIMEOUT_S)
        now_s = clock.now_s()
        # Written so that NaN is refused.
        if not called_s - _STAMP_SLACK_S <= frame.stamp_s <= now_s + _STAMP_SLACK_S:
            raise CameraError(
                f"The camera {frame.serial} gave a picture stamped {now_s - frame.stamp_s:.1f} s ago.", _LIVE_REMEDY
            )
        if last is not None and (frame.number == last.number or frame.stamp_s <= last.stamp_s):
            raise CameraError(f"The camera {frame.serial} gave frame {frame.number} again.", _LIVE_REMEDY)
        self._last = frame
        return frame

    @property
    def age_s(self) -> float:
        """How long ago the scene was last seen [s], by the machine's clock or the camera's, whichever tells more."""
        return max(time.monotonic() - self._seen_s, self._world.clock.now_s() - self._stamp_s)

    def require_unchanged(self, before: RgbdFrame, view: TableView) -> str:
        """Takes two more pictures and compares: what it says for the console.

        Args:
            before: the picture that a plan was made on, with the arms where they are now. view: the table in it.

        Raises:
            CameraError: no fresh picture.
            PerceptionError: a tag or something in the workspace is not as it was.
        """
        age_s = self.age_s
        joints = {name: arm.state().joints_rad for name, arm in self._world.arms.items()}
        frames = self.read(), self.read()
        region = object_region(view, self._cell, before.intrinsics, joints)
        seen = detect_tags(frames[0].color, self._cell.tags)
        change = tag_change(view.tags, seen) or pixel_change(before, frames, region)
        if change:
            raise PerceptionError(
                f"The scene is not as it was {age_s:.0f} s ago, when it was planned for: {change}. Nothing moves.",
                "Keep hands and things out of the cell until the arm is back, and its light as it is; start again.",
            )
        return f"the scene, looked at again after {age_s:.0f} s, is unchanged"


def _in_the_way(hiding: Sequence[ArmInView]) -> ArmError:
    """What lies on the table is not known, so no arm is led over it but at a person's word (`app.arm_look.parking`)."""
    arms = " and the ".join(one.arm for one in hiding)
    which, they = ("arms", "them") if len(hiding) > 1 else ("arm", "it")
    return ArmError(
        f"No picture is taken, for {'; '.join(map(str, hiding))}. Nothing moves.",
        f"Bring {they} to the parked pose by hand (teach mode, or hold {they} and switch the power off). Where there "
        f"is a free way, a run without --yes asks whether the {arms} {which} may go there.",
    )
