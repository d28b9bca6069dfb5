"""Carrying out what two arms do at once: one clears its object away while the other lifts the next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.clock import Clock
from core.errors import PlanningError
from grasping.execution import Lift, MotionStopped, demand_arrival, demand_empty, demand_open
from grasping.planning.grasp_plan import Phase
from grasping.planning.overlap.plan import OverlapPlan
from grasping.planning.overlap.time_line import CLOSE
from hardware.arms.arm import Arm, ArmState, TrackingReport
from hardware.arms.together import Done, TimedStep, move_together


@dataclass(frozen=True)
class OverlappedExecution:
    """One overlap on its two arms.

    should_stop: polled all along; true means both stop and hold. report: takes how each arm's motions were followed, as
    they end. begin: is told of each as it begins.
    """

    plan: OverlapPlan
    arms: Mapping[str, Arm]
    clock: Clock
    should_stop: Callable[[], bool]
    report: Callable[[str, Phase, TrackingReport], None]
    begin: Callable[[str, Phase], None] = lambda _arm, _phase: None

    def run(self) -> Lift:
        """One arm bins what it holds and parks; the other moves in, opening, closes and lifts: what that one reported.

        Raises:
            ArmError: any fault of either arm, or a motion that did not end where it should. Both hold.
            PlanningError: this is no longer what the gate passed; nothing is sent.
            MotionStopped: `should_stop` became true.
        """
        if self.should_stop():
            raise MotionStopped
        if not self.plan.is_sealed:
            raise PlanningError(
                "What both arms are to do is not what the gate passed: it was changed since. Nothing is sent.",
                "Plan again. If a planner of your own keeps a plan, it must not write to it.",
            )
        reaching = self.arms[self.plan.reaching.arm]
        demand_empty(reaching)
        closed: list[ArmState] = []

        def done(arm: str, step: TimedStep, result: Done) -> None:
            if isinstance(result, TrackingReport):
                self._check_tracking(arm, Phase(step.name), result)
            elif step.name == CLOSE:
                closed.append(result)
            elif arm == reaching.name:
                demand_open(reaching, result, step.width_m)

        arms = {name: self.arms[name] for name in self.plan.steps}
        if move_together(arms, self.plan.steps, self.clock, self.should_stop, self._begin, done):
            raise MotionStopped
        return Lift(closed[0], reaching.state())

    def _begin(self, arm: str, step: TimedStep) -> None:
        if step.trajectory is not None:
            self.begin(arm, Phase(step.name))

    def _check_tracking(self, arm: str, phase: Phase, tracking: TrackingReport) -> None:
        self.report(arm, phase, tracking)
        if not tracking.interrupted:
            demand_arrival(arm, phase, tracking)
