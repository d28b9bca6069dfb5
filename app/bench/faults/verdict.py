"""Whether a case ended as it must: safely, with its row whole, and with words that help."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.bench.faults.case import Ended, run_case
from app.bench.faults.kinds import Fault
from app.bench.faults.script import MOVING, Stage
from trials.record import Outcome, TrialRecord
from trials.store import TrialStore

#: Once stopped, no joint is faster [rad/s].
QUIET_RAD_S = 0.3
#: Nothing has moved that stands within this [rad]: what a held arm gives way.
UNMOVED_RAD = np.deg2rad(0.5)


@dataclass(frozen=True)
class FaultVerdict:
    """unsafe, broken, unhelpful: what was wrong with the arms, the row, the words and exit code; '' where nothing was.

    stop_ms: from the fault to the stop of the true joints, on the arm's clock; fastest_rad_s: the fastest of them
    once they should stand; both None where nothing may have moved, or nobody saw it (a killed process).
    """

    fault: str
    phase: str
    stop_ms: int | None
    fastest_rad_s: float | None
    arm: str
    row: str
    exit: int | None
    message: str
    unsafe: str = ""
    broken: str = ""
    unhelpful: str = ""

    @property
    def is_good(self) -> bool:
        return not (self.unsafe or self.broken or self.unhelpful)


def judge_case(fault: Fault, phase: Stage, folder: Path) -> FaultVerdict:
    """Runs the case in a folder of its own, then looks at its arms, its log and what it said."""
    for attempt in ("1", "2"):  # on a busy machine the planner's time can run out before the phase comes
        (log := folder / attempt).mkdir(parents=True)
        ended = run_case(fault, phase, log)
        if ended.has_struck:
            break
    with TrialStore(log / "trials.db") as store:
        rows = store.list()
    motion, moves = ended.motion, _may_move(fault, phase)
    return FaultVerdict(
        fault.name,
        phase,
        stop_ms=round(motion.stopped_after_s * 1000) if motion and moves and fault.stop_s is not None else None,
        fastest_rad_s=round(motion.fastest_rad_s, 3) if motion and fault.stop_s is not None else None,
        arm=_arm(ended),
        row="; ".join(f"{row.outcome} ({row.reason})" for row in rows) or "none",
        exit=ended.exit,
        message=rows[-1].detail if rows else _last_error(ended.output),
        unsafe=what_is_unsafe(fault, phase, ended),
        broken=_wrong_rows(fault, phase, rows),
        unhelpful=_unhelpful(fault, ended, rows),
    )


def _arm(ended: Ended) -> str:
    if ended.motion is None:
        return "not seen"
    return "holds" if ended.motion.is_powered else "off"


def what_is_unsafe(fault: Fault, phase: Stage, ended: Ended) -> str:
    motion = ended.motion
    if ended.exit is None:
        return "hangs"
    if not ended.has_struck:
        return "never struck"
    if motion is None:
        return "" if ended.exit in fault.exits else f"killed by signal {-ended.exit}"
    if fault.stop_s is None:
        return ""
    may_move = _may_move(fault, phase)
    if phase is Stage.OPEN:
        return f"moved at {motion.fastest_rad_s:.1f} rad/s" if motion.fastest_rad_s > QUIET_RAD_S else ""
    if not motion.is_powered:
        return "fell"
    if not may_move and motion.moved_rad > UNMOVED_RAD:
        return f"moved {np.rad2deg(motion.moved_rad):.1f}°"
    if may_move and motion.stopped_after_s > fault.stop_s:
        return f"stood after {motion.stopped_after_s * 1000:.0f} ms"
    if motion.fastest_rad_s > QUIET_RAD_S:
        return f"moved at {motion.fastest_rad_s:.1f} rad/s after it"
    return ""


def _may_move(fault: Fault, phase: Stage) -> bool:
    """Whether it strikes in a motion, or shows in the next."""
    return phase in MOVING or (phase is not Stage.OPEN and not fault.shows_at_rest)


def _wrong_rows(fault: Fault, phase: Stage, rows: tuple[TrialRecord, ...]) -> str:
    if phase in (Stage.OPEN, Stage.IDLE) and not rows:
        return ""  # it ended before a trial began
    if len(rows) != 1:
        return f"{len(rows)} rows"
    (row,) = rows
    allowed = fault.outcomes_in(phase)
    if row.outcome not in allowed or row.finished is None:
        return f"{row.outcome}, not {' or '.join(allowed)}"
    if row.outcome is not Outcome.SUCCESS and row.reason not in fault.reasons:
        return f"reason '{row.reason}', not {' or '.join(fault.reasons)}"
    return ""


def _unhelpful(fault: Fault, ended: Ended, rows: tuple[TrialRecord, ...]) -> str:
    if ended.exit is None or ended.exit not in fault.exits:
        return f"exit {ended.exit}"
    if "Traceback" in ended.output:
        return "a traceback"
    if ended.exit < 0 or (rows and rows[-1].outcome in (Outcome.SUCCESS, Outcome.FAILURE)):
        return ""  # there was nothing to say, or nobody who could
    return "" if any(word in ended.output for word in ("→", "hold", "Stopped")) else "no next step"


def _last_error(output: str) -> str:
    return next((line.strip() for line in reversed(output.splitlines()) if "✗" in line), "")
