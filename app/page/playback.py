"""The planned motion before it is approved: a ghost of the arm that goes through it, played or scrubbed."""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.events import Event, MotionBegin, TrialBegin, TrialChange, TrialEnd
from app.page.arm_shapes import ArmShapes
from core.cell import Cell
from grasping.planning.grasp_plan import GraspPlan, Phase

if TYPE_CHECKING:
    from viser import ViserServer

#: How often the ghost is moved while it plays [s], and how much faster than the arm.
_PERIOD_S, _SPEED = 0.2, 2.0
_GHOST_RGB, _GHOST_OPACITY = (20, 150, 160), 0.45
#: In these the gripper is open as far as it was to be before the grasp.
_OPEN = (Phase.TRANSIT, Phase.APPROACH, Phase.RETREAT)


class Ghost(Protocol):
    """What stands for an arm that goes through a plan."""

    def move(self, joints_rad: NDArray[np.float64], gripper_width_m: float) -> None:
        """Shows it with these joints (6,) and this gap between the pads."""

    def hide(self) -> None:
        """There is no plan, or it has not begun."""


class PlanPlayback:
    """Shown from the plan until the arm moves; plays once by itself. ghosts: by arm, where they are to be others."""

    def __init__(self, server: "ViserServer", cell: Cell, ghosts: Mapping[str, Ghost] | None = None) -> None:
        gui = server.gui
        self._ghosts: Mapping[str, Ghost] = ghosts or {
            name: ArmShapes(server.scene, f"/ghost/{name}", mount, _GHOST_OPACITY, _GHOST_RGB)
            for name, mount in cell.arms.items()
        }
        self._plan: GraspPlan | None = None
        self._at_s, self._due_s, self._is_playing = 0.0, 0.0, False
        self._folder = gui.add_folder("Planned motion", visible=False)
        with self._folder:
            self._slider: Any = gui.add_slider("time [%]", 0, 100, 1, 0)
            self._button = gui.add_button("Pause", color="gray")
        self._slider.on_update(self._scrub)
        self._button.on_click(lambda _: self._toggle())

    def hear(self, event: Event) -> None:
        if isinstance(event, TrialBegin | MotionBegin | TrialEnd):
            self._show(None)
        elif isinstance(event, TrialChange) and event.trial.plan is not self._plan and not event.trial.tracking:
            self._show(event.trial.plan if event.trial.outcome is None else None)

    def tick(self, now_s: float) -> None:
        plan = self._plan
        if plan is None or not self._is_playing or now_s < self._due_s:
            return
        self._due_s = now_s + _PERIOD_S
        whole_s = _duration_s(plan)
        self._at_s = min(self._at_s + _PERIOD_S * _SPEED, whole_s)
        self._draw(plan)
        self._slider.value = round(100 * self._at_s / whole_s)
        if self._at_s >= whole_s:
            self._toggle()

    def _show(self, plan: GraspPlan | None) -> None:
        self._plan, self._at_s, self._is_playing = plan, 0.0, plan is not None
        self._folder.visible = plan is not None
        self._button.label = "Pause"
        for ghost in self._ghosts.values():
            ghost.hide()

    def _toggle(self) -> None:
        plan = self._plan
        if plan is not None and not self._is_playing and self._at_s >= _duration_s(plan):
            self._at_s = 0.0
        self._is_playing = not self._is_playing
        self._button.label = "Pause" if self._is_playing else "Play"

    def _scrub(self, event: Any) -> None:
        """A hand on the slider, not this class, moved it."""
        plan = self._plan
        if event.client is None or plan is None:
            return
        self._is_playing, self._button.label = False, "Play"
        self._at_s = self._slider.value / 100 * _duration_s(plan)
        self._draw(plan)

    def _draw(self, plan: GraspPlan) -> None:
        phases = list(plan.motions)
        ends_s = list(accumulate(plan.motions[phase].duration_s for phase in phases))
        number = min(bisect_right(ends_s, self._at_s), len(phases) - 1)
        phase = phases[number]
        begun_s = ends_s[number] - plan.motions[phase].duration_s
        width_m = plan.pre_open_m if phase in _OPEN else plan.pre_open_m / 2
        self._ghosts[plan.arm].move(plan.motions[phase].at(self._at_s - begun_s), width_m)


def _duration_s(plan: GraspPlan) -> float:
    return sum(motion.duration_s for motion in plan.motions.values())
