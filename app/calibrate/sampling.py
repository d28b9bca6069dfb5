"""An arm shows its board, view by view: proposed, approved, driven, seen, kept or refused with the reason."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.arm_look.gated_drive import drive
from app.calibrate.rig import Rig
from app.calibrate.samples import Samples
from app.events import BoardLook, Listener, MoveProposed, PictureTold, SessionProgress, ViewRefused, ViewsChange
from app.question import Question
from app.run.operator import Operator
from calibration.board import Board
from calibration.board_view import board_view
from calibration.hand_eye import BoardView
from calibration.poses import BoardScene, plan_move, propose
from calibration.result import FoundError
from calibration.solve import LEAST_VIEWS, solve_arm
from core.cell import Cell
from core.errors import ArmError, CalibrationError, PerceptionError, PlanningError
from core.image import Intrinsics
from core.transforms import Matrix
from grasping.execution import MotionStopped
from grasping.planning.grasp_plan import CheckedMotion
from hardware.arms.arm import ArmState, measured_joints
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import PARK_JOINTS
from perception.depth_types import SeenTag
from perception.table.tags import detect_tags

#: Pictures of the table, and a view; the arm rests this long before a view's first [s]; joints that wander more than
#: this meanwhile moved.
_TABLE_PICTURES, _PICTURES, _REST_S, _STILL_RAD = 3, 2, 0.4, np.deg2rad(0.1)
#: How firmly the board is held [N].
GRIP_N = 10.0
#: Proposals in a row that come to nothing before an arm is given up.
_MOST_REFUSED = 12
#: After every so many views it is asked whether the arm stands where it says.
_CHECK_EVERY = 4


@dataclass(frozen=True)
class Sampling:
    """What views are taken with. T_world_camera: as the tags put the camera; speed: share of the full one."""

    cell: Cell
    rig: Rig
    samples: Samples
    operator: Operator
    intrinsics: Intrinsics
    T_world_camera: Matrix
    wanted: int
    speed: float
    seed: int

    def scene(self, arm: str, board: Board | None) -> BoardScene:
        """As it is now."""
        measured = measured_joints(self.rig.world.arms)
        return BoardScene(self.cell, arm, board, self.intrinsics, self.T_world_camera, measured)

    def move(self, arm: str, goal_rad: NDArray[np.float64], board: Board | None) -> None:
        """Plans, asks the gate and the person, and drives.

        Raises:
            PlanningError: no way, a way that the gate refuses, or a person who says no.
            ArmError: an arm moved meanwhile, or does not follow.
            KeyboardInterrupt: the person quits or stops it.
        """
        scene = self.scene(arm, board)
        motion = plan_move(scene, goal_rad, self.speed, self.seed)
        self.approve(scene, motion.way)
        self.drive(motion)

    def approve(self, scene: BoardScene, motion: JointTrajectory, then: str = "") -> None:
        """Asks the person about a motion, and about what the arm does at its end.

        Raises:
            PlanningError: a person who says no.
            KeyboardInterrupt: the person quits.
        """
        operator, arm = self.operator, scene.arm
        operator.console.events.tell(MoveProposed(arm, motion, has_board=scene.board is not None))
        if not operator.assume_yes:
            choices = {"y": "move", "n": "another view", "q": "leave it here"}
            question = Question(f"  Move the {arm} arm ({motion.duration_s:.1f} s{then})?", choices, "approve")
            if (reply := operator.reply(question)).key == "n":
                raise PlanningError(f"Another view was asked for by {reply.by}.", "Another is tried.")

    def drive(self, motion: CheckedMotion, feels: Callable[[], bool] = lambda: False) -> None:
        """Drives an approved motion until it ends or `feels`; raises as the function of that name."""
        drive(self.rig.world, self.operator, motion, feels)

    def confirm(self, question: str) -> None:
        """Waits for a person, whom --yes stands for, to say that the cell is ready for what moves next.

        Raises:
            KeyboardInterrupt: the person quits.
        """
        if not self.operator.assume_yes:
            self.operator.ask(question, {"y": "go", "q": "leave it here"})

    def grip(self, arm: str, width_m: float, force_n: float) -> ArmState:
        """Moves a gripper, which Ctrl-C stops as it stops an arm; raises as `drive`."""
        driven = self.rig.world.arms[arm]
        try:
            with self.operator.motion(driven):
                return driven.grip(width_m, force_n)
        except MotionStopped as stop:
            raise KeyboardInterrupt from stop

    def tell_views(self, arm: str) -> None:
        """Those of an arm that there are, and how far all are."""
        known, tell = self.samples.views, self.operator.console.events.tell
        views, done = known.get(arm, []), sum(len(known.get(name, [])) for name in self.cell.arms)
        where = f"{arm} arm: {len(views)} of {self.wanted} views"
        tell(SessionProgress(where, done, self.wanted * len(self.cell.arms)))
        tell(ViewsChange(arm, tuple(views), self.wanted))


def take_views(sampling: Sampling, arm: str) -> None:
    """Adds views of an arm until there are as many as wanted; the arm parks with the board still in its hand.

    Raises:
        CalibrationError: nearly every view is refused.
        FoundError: a joint that was forced.
        ArmError: the arm met something, or does not follow.
        KeyboardInterrupt: a person stops; the views taken are kept.
    """
    samples, console, board = sampling.samples, sampling.operator.console, sampling.rig.board
    refused = 0
    _demand_unforced(sampling, arm)
    have = len(samples.views.get(arm, []))
    proposals = propose(sampling.scene(arm, board), sampling.seed)
    for _ in range(have):
        next(proposals, None)
    for goal_rad in proposals:
        have = len(samples.views.get(arm, []))
        if have >= sampling.wanted:
            break
        try:
            sampling.move(arm, goal_rad, board)
            view, tags = _look(sampling, arm)
        except ArmError:
            _demand_unforced(sampling, arm)
            raise
        except (PlanningError, PerceptionError) as error:
            console.say(f"    [yellow]–[/] {error.cause}")
            console.events.tell(ViewRefused(arm, error))
            refused += 1
            if refused > _MOST_REFUSED:
                raise CalibrationError(
                    f"{refused} views in a row of the {arm} arm came to nothing.", error.remedy
                ) from error
            continue
        refused = 0
        _keep(sampling, arm, view, tags)
        if have % _CHECK_EVERY == _CHECK_EVERY - 1:
            _demand_unforced(sampling, arm)
    with suppress(PlanningError):
        sampling.move(arm, PARK_JOINTS, board)
    if len(samples.views.get(arm, [])) < sampling.wanted:
        raise CalibrationError(
            f"Only {len(samples.views.get(arm, []))} of {sampling.wanted} views of the {arm} arm could be taken.",
            "Clear the table of all but its tags, see that the camera sees the space before the arm, then go on.",
        )


def _keep(sampling: Sampling, arm: str, view: BoardView, tags: tuple[SeenTag, ...]) -> None:
    samples = sampling.samples
    have = len(samples.views.get(arm, []))
    if sampling.rig.spoils(have):  # as if the arm had been moved by hand after it was read
        view = replace(view, joints_rad=view.joints_rad + np.deg2rad([0, 3.0, 0, 0, 0, 0]))
    samples.add(arm, view, tags)
    sampling.tell_views(arm)
    coverage = _coverage(samples.views[arm], sampling)
    sampling.operator.console.say(f"    [green]✓[/] view {have + 1} of {sampling.wanted}: {coverage}")


def _demand_unforced(sampling: Sampling, arm: str) -> None:
    """Refuses to go on with an arm that stands elsewhere than it reports, once there are views enough to tell: what the
    gate passes is not what such an arm does.

    Raises:
        FoundError: which joint was forced.
    """
    views = sampling.samples.views.get(arm, [])
    if len(views) < LEAST_VIEWS:
        return
    try:
        solved = solve_arm(
            views, sampling.intrinsics, sampling.cell.arms[arm].firmware, sampling.rig.board, sampling.T_world_camera
        )
    except CalibrationError:  # views that contradict each other: more of them will tell
        return
    for finding in solved.findings:
        if finding.kind == "forced-joint":
            raise FoundError(replace(finding, cause=f"The {arm} arm: {finding.cause}"))


def _look(sampling: Sampling, arm: str) -> tuple[BoardView, tuple[SeenTag, ...]]:
    """Pictures taken while the arm rests, and what of the table's tags they show.

    Raises:
        PerceptionError: the arm moved meanwhile, or the board is not well seen.
    """
    world = sampling.rig.world
    world.clock.sleep(_REST_S)
    before = world.arms[arm].state().joints_rad
    colors = [world.camera.read().color for _ in range(_PICTURES)]
    after = world.arms[arm].state().joints_rad
    sampling.operator.console.events.tell(BoardLook(arm, colors[-1]))
    if (moved := float(np.abs(after - before).max())) > _STILL_RAD:
        raise PerceptionError(f"The arm moved by {np.rad2deg(moved):.1f}° meanwhile.", "Keep hands off the arm.")
    return board_view(colors, (before + after) / 2, sampling.rig.board), detect_tags(colors[-1], sampling.cell.tags)


def _coverage(views: list[BoardView], sampling: Sampling) -> str:
    """How well what was seen so far spreads: over the image, and over turns of the hand."""
    width, height = sampling.intrinsics.width, sampling.intrinsics.height
    centres = np.array([view.corners_px.mean(axis=0) for view in views])
    spans = np.ptp(centres, axis=0) / [width, height] if len(views) > 1 else np.zeros(2)
    joints = np.rad2deg(np.ptp([view.joints_rad for view in views], axis=0))
    return (
        f"{spans[0]:.0%} of the width, {spans[1]:.0%} of the height, joints over {joints.min():.0f}–{joints.max():.0f}°"
    )


def table_tags(rig: Rig, cell: Cell, tell: Listener = lambda event: None) -> Iterator[tuple[SeenTag, ...]]:
    """The table's tags in a few pictures of a table with nothing on it."""
    for _ in range(_TABLE_PICTURES):
        color = rig.world.camera.read(timeout_s=5.0).color
        tell(PictureTold("camera, the table's tags", color))
        yield detect_tags(color, cell.tags)
