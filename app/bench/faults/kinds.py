"""What a fault of the bench is, and all that there are."""

from collections.abc import Callable
from dataclasses import dataclass

from app.bench.faults.cell import FaultyCell
from app.bench.faults.script import MOVING, Stage
from trials.record import Outcome, Reason

Strike = Callable[[FaultyCell], None]

BEFORE = (Stage.IDLE, Stage.CAPTURE, Stage.ESTIMATE, Stage.PLAN, Stage.APPROVE)
#: From the fault to the stop of the true joints [s].
STOP_S = 0.2


@dataclass(frozen=True)
class Fault:
    """One fault. of: the part that fails.

    reasons: what the log may call it. exits: what the command may end with. stop_s: an arm in motion stands so long
    after it at the latest; None: the motion may go on, since it is safe. outcomes: of the trial, where they are not
    the usual ones (`outcomes_in`). shows_at_rest: what does not is found in the motion that follows. hangs: it is
    found by a deadline. estimator: another than the scripted oracle.
    """

    name: str
    of: str
    phases: tuple[Stage, ...]
    strike: Strike
    reasons: tuple[Reason, ...]
    exits: tuple[int, ...] = (1,)
    stop_s: float | None = STOP_S
    outcomes: tuple[Outcome, ...] = ()
    shows_at_rest: bool = True
    hangs: bool = False
    estimator: str = ""

    def outcomes_in(self, phase: Stage) -> tuple[Outcome, ...]:
        """How a trial may end that this struck in a phase."""
        if self.outcomes:
            return self.outcomes
        if phase in (Stage.PLACE, Stage.LOG):
            return (Outcome.SUCCESS,)  # lifted and verified before
        if phase in MOVING or not self.shows_at_rest:
            return (Outcome.INTERRUPTED,)
        return (Outcome.REFUSED, Outcome.INTERRUPTED)
