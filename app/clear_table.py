"""`python main.py clear-table`: picks until nothing is seen on the table any more, and says what it left and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.console import Console
from app.estimator_choice import choose_estimator
from app.interrupts import Interrupts
from app.paths import trial_log
from app.run.operator import Operator
from app.run.options import ClearOptions, pipeline_options
from app.run.session import Session
from app.run.station import OpenWorld, Station
from app.run.trial_log import TrialLog
from core.report.words import counted
from hardware.worlds import open_world
from trials.record import DIGITAL_CELL, Outcome, Reason, TrialRecord
from trials.store import TrialStore

#: What is computed in a cycle of the digital cell; its rendering stands for a camera's period and is not counted.
_COMPUTED = ("locate", "estimate", "scale", "detect", "plan", "overlap")


@dataclass(frozen=True)
class Clearing:
    """What came of a table. laid: how many objects there were, None where nobody knows. left: of these, still there.

    lifted: picks that succeeded by the gripper's word. cleared: objects in the bin now, by the simulator's word where
    there is one: what fell off the table or out of the bin is none. picks_per_hour: of those lifted, by the cell's
    clock in motion and the machine's in thought.
    ended: why no more was picked. still_seen: objects that the last look saw and that were not lifted after it, None
    where there was none. not_picked: trial, reason and detail of the picks since the last one that lifted something.
    """

    laid: int | None
    left: int | None
    picks: int
    lifted: int
    cleared: int
    attempts: int
    picks_per_hour: float
    ended: str
    still_seen: int | None = None
    not_picked: tuple[dict[str, Any], ...] = ()

    def facts(self) -> dict[str, Any]:
        return {**self.__dict__, "picks_per_hour": round(self.picks_per_hour, 1)}


def clear_table(options: ClearOptions, console: Console | None = None, open_world: OpenWorld = open_world) -> int:
    """Clears one table; 0 whatever is left on it."""
    console = console or Console(options.as_json)
    estimator, _ = choose_estimator(options.estimator, options.weights)
    with TrialStore(trial_log()) as store, Interrupts() as interrupts:
        log = TrialLog(store)
        station = Station(options, Operator(console, interrupts, options.yes, options.operator), open_world)
        pipeline = station.pipeline(pipeline_options(options, estimator))
        with station.open(options.seed) as world:
            session = Session(world, pipeline, log, station.operator, options.attempts, overlap=options.overlap)
            try:
                session.run_scene(options.surface, options.seed, options.objects, until_empty=True)
            finally:  # whatever ended it, what was picked until then is told
                laid = None if world.is_real else options.objects
                cleared = summarise_clearing([store.get(id) for id in log.ids], laid, world.objects_left())
                _say(console, cleared)
                console.result({"clearing": cleared.facts(), "trials": log.ids})
    return 0


def summarise_clearing(rows: Sequence[TrialRecord], laid: int | None, left: int | None) -> Clearing:
    """rows: the picks of one table, in order; a last look that found it empty is none."""
    picks = [row for row in rows if row.reason is not Reason.TABLE_EMPTY]
    lifted = sum(row.outcome is Outcome.SUCCESS for row in rows)
    spent_s = sum(map(cycle_s, rows))
    cleared = lifted
    if laid is not None:
        cleared = min(sum(row.simulator_verdict is True for row in rows), laid - (left or 0))
    ended = (
        rows[-1].notes.get("later", {}).get("scene_ended", rows[-1].detail or "stopped") if rows else "nothing begun"
    )
    return Clearing(
        laid,
        left,
        picks=len(picks),
        lifted=lifted,
        cleared=cleared,
        attempts=sum(row.attempts for row in picks),
        picks_per_hour=3600 * lifted / spent_s if spent_s else 0.0,
        ended=str(ended),
        still_seen=_still_seen(rows),
        not_picked=_not_picked(picks),
    )


def _still_seen(rows: Sequence[TrialRecord]) -> int | None:
    """What the last look saw, without what was lifted after it."""
    seen = rows[-1].notes.get("objects_seen") if rows else None
    return None if seen is None else int(seen) - (rows[-1].outcome is Outcome.SUCCESS)


def _not_picked(picks: Sequence[TrialRecord]) -> tuple[dict[str, Any], ...]:
    """Why the last picks lifted nothing; empty where the very last one did."""
    lifted = [place for place, row in enumerate(picks, start=1) if row.outcome is Outcome.SUCCESS]
    failed = picks[max(lifted, default=0) :]
    return tuple({"trial": row.id, "reason": row.reason, "detail": row.detail} for row in failed)


def cycle_s(row: TrialRecord) -> float:
    """How long a pick took: its motions by the cell's own clock, and what was computed for no other pick before [s]."""
    stages: tuple[str, ...] = _COMPUTED if row.world == DIGITAL_CELL else (*_COMPUTED, "capture")
    if "picture_of" in row.notes.get("overlap", {}):
        stages = ("plan", "overlap")
    moved_s = sum(float(attempt.get("motion_s", 0.0)) for attempt in row.notes.get("attempts", [row.notes]))
    return moved_s + sum(row.stages_s.get(stage, 0.0) for stage in stages)


def _say(console: Console, cleared: Clearing) -> None:
    done = f"{cleared.cleared} of " * (cleared.laid is not None)
    done += counted(cleared.cleared if cleared.laid is None else cleared.laid, "object")
    left = "" if not cleared.left else f"; {cleared.left} left on the table"
    console.say(
        f"\n[bold]{done} cleared[/] in {counted(cleared.picks, 'pick')}, {cleared.attempts} tries, "
        f"{cleared.picks_per_hour:.0f} picks an hour{left}. It ended: {cleared.ended}."
    )
    if cleared.still_seen:
        console.say(f"  The last look still saw {counted(cleared.still_seen, 'object')}.")
    for pick in cleared.not_picked:
        console.say(f"  not picked (trial {pick['trial']}): {pick['reason']}: {pick['detail']}")
