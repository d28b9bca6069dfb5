"""The planned motion before it is approved: a ghost of the arm that goes through it, played or scrubbed."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.events import Event, MotionBegin, TrialBegin, TrialChange, TrialEnd
from app.page.arm_shapes import ghost_arm
from core.cell import Cell
from grasping.planning.grasp_plan import GraspPlan, Phase

if TYPE_CHECKING:
    from viser import ViserServer

#: How often the ghost is moved while it plays [s], and how much faster than the arm.
_PERIOD_S, _SPEED = 0.2, 2.0
#: In these the gripper is open as far as it was to be before the grasp.
_OPEN = (Phase.TRANSIT, Phase.APPROACH, Phase.RETREAT)


class Ghost(Protocol):
    """What stands for an arm that goes through a plan."""

    def move(self, joints_rad: NDArray[np.float64], gripper_width_m: float) -> None:
        """Shows it with these joints (6,) and this gap between the pads."""

    def hide(self) -> None:
        """There is no plan, or it has not begun."""


@dataclass(frozen=True)
class PlayedMotion:
    """What a ghost goes through. at: its joints (6,) and the gap between its pads at a time [s]."""

    arm: str
    duration_s: float
    at: Callable[[float], tuple[NDArray[np.float64], float]]


class MotionPlayback:
    """A motion is played once by itself, and then as it is asked for. ghosts: by arm, where they are to be others."""

    def __init__(self, server: "ViserServer", cell: Cell, ghosts: Mapping[str, Ghost] | None = None) -> None:
        gui = server.gui
        self._ghosts: Mapping[str, Ghost] = ghosts or {
            name: ghost_arm(server.scene, f"/ghost/{name}", mount) for name, mount in cell.arms.items()
        }
        self._motion: PlayedMotion | None = None
        self._at_s, self._due_s, self._is_playing = 0.0, 0.0, False
        self._folder = gui.add_folder("Planned motion", visible=False)
        with self._folder:
            self._slider: Any = gui.add_slider("time [%]", 0, 100, 1, 0)
            self._button = gui.add_button("Pause", color="gray")
        self._slider.on_update(self._scrub)
        self._button.on_click(lambda _: self._toggle())

    def tick(self, now_s: float) -> None:
        motion = self._motion
        if motion is None or not self._is_playing or now_s < self._due_s:
            return
        self._due_s = now_s + _PERIOD_S
        self.show_at(min(self._at_s + _PERIOD_S * _SPEED, motion.duration_s))
        self._slider.value = round(100 * self._at_s / motion.duration_s)
        if self._at_s >= motion.duration_s:
            self._toggle()

    def show(self, motion: PlayedMotion | None) -> None:
        """From its start; None: there is none any more."""
        self._motion, self._at_s, self._is_playing = motion, 0.0, motion is not None
        self._folder.visible = motion is not None
        self._button.label = "Pause"
        for ghost in self._ghosts.values():
            ghost.hide()

    def show_at(self, time_s: float) -> None:
        """Moves the ghost to where the motion is at a time; nothing where there is none."""
        self._at_s = time_s
        if self._motion is not None:
            self._ghosts[self._motion.arm].move(*self._motion.at(time_s))

    def _toggle(self) -> None:
        motion = self._motion
        if motion is not None and not self._is_playing and self._at_s >= motion.duration_s:
            self._at_s = 0.0
        self._is_playing = not self._is_playing
        self._button.label = "Pause" if self._is_playing else "Play"

    def _scrub(self, event: Any) -> None:
        """A hand on the slider, not this class, moved it."""
        motion = self._motion
        if event.client is None or motion is None:
            return
        self._is_playing, self._button.label = False, "Play"
        self.show_at(self._slider.value / 100 * motion.duration_s)


class PlanPlayback(MotionPlayback):
    """Of a grasp's plan, shown from the plan until the arm moves."""

    _plan: GraspPlan | None = None

    def hear(self, event: Event) -> None:
        if isinstance(event, TrialBegin | MotionBegin | TrialEnd):
            self._show_plan(None)
        elif isinstance(event, TrialChange) and event.trial.plan is not self._plan and not event.trial.tracking:
            self._show_plan(event.trial.plan if event.trial.outcome is None else None)

    def _show_plan(self, plan: GraspPlan | None) -> None:
        self._plan = plan
        self.show(None if plan is None else play_plan(plan))


def play_plan(plan: GraspPlan) -> PlayedMotion:
    """All of a plan's motions in turn."""
    phases = list(plan.motions)
    ends_s = list(accumulate(plan.motions[phase].duration_s for phase in phases))

    def at(time_s: float) -> tuple[NDArray[np.float64], float]:
        number = min(bisect_right(ends_s, time_s), len(phases) - 1)
        phase = phases[number]
        begun_s = ends_s[number] - plan.motions[phase].duration_s
        width_m = plan.pre_open_m if phase in _OPEN else plan.pre_open_m / 2
        return plan.motions[phase].at(time_s - begun_s), width_m

    return PlayedMotion(plan.arm, ends_s[-1], at)
