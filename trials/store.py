"""The log of trials: a row is committed before anything moves and completed after."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, select

from core.errors import TrialError
from trials.failures import explained
from trials.outcome import Outcome, Reason
from trials.process import ProcessStamp
from trials.record import TrialRecord
from trials.schema import open_database, trials, utc

#: A row left open by another host, whose processes cannot be seen from here, counts as ended after this.
ABANDONED_AFTER = timedelta(days=1)


class TrialStore:
    """Every trial ever begun. Any number of processes may share one log.

    Every method raises TrialError, with the file's name and the next step, when the log cannot be
    read or written; rows written earlier stay as they are.
    """

    def __init__(self, where: Path | str) -> None:
        """Opens the log at a file name or SQLAlchemy URL, makes it where there is none, and marks
        the trials whose process has died as interrupted."""
        self._engine, self.where = open_database(str(where))
        with explained(self.where), self._engine.begin() as connection:
            _settle_the_dead(connection)

    def begin(
        self,
        surface: str,
        estimator: str,
        detector: str,
        planner: str,
        *,
        cell: str,
        world: str,
        seed: int,
        scene: Mapping[str, Any],
        **notes: Any,
    ) -> int:
        """Commits the row of a trial that is about to start; its id. On return the row is on disk."""
        process = ProcessStamp.own()
        row = trials.insert().values(
            surface=surface,
            estimator=estimator,
            detector=detector,
            planner=planner,
            cell=cell,
            world=world,
            seed=int(seed),
            scene=scene,
            notes=notes,
            begun=datetime.now(UTC),
            pid=process.pid,
            process_started_s=process.started_s,
            host=process.host,
        )
        with explained(self.where), self._engine.begin() as connection:
            return int(connection.execute(row.returning(trials.c.id)).scalar_one())

    def note(self, trial: int, **notes: Any) -> None:
        """Adds what a stage found out (numbers, text, lists; NaN becomes null) to an open trial."""
        with explained(self.where), self._engine.begin() as connection:
            known = self._open_row(connection, trial).notes
            connection.execute(trials.update().where(trials.c.id == trial).values(notes={**known, **notes}))

    def finish(
        self,
        trial: int,
        outcome: Outcome,
        reason: Reason = Reason.NONE,
        *,
        detail: str = "",
        verified: bool | None = None,
        simulator_verdict: bool | None = None,
        stages_s: Mapping[str, float] | None = None,
        metric: Mapping[str, float | None] | None = None,
    ) -> TrialRecord:
        """Completes an open trial. A finished one is never changed: that raises."""
        values = {
            "outcome": outcome.value,
            "reason": reason.value,
            "detail": detail,
            "verified": None if verified is None else bool(verified),
            "simulator_verdict": None if simulator_verdict is None else bool(simulator_verdict),
            "stages_s": stages_s or {},
            "metric": metric or {},
            "finished": datetime.now(UTC),
        }
        with explained(self.where), self._engine.begin() as connection:
            self._open_row(connection, trial)
            connection.execute(trials.update().where(trials.c.id == trial).values(values))
            return _record(self._row(connection, trial))

    def annotate(self, trial: int, **findings: Any) -> None:
        """Adds what later work found out about an ended trial, as `notes["later"]`; all else stays as it is.

        A finding of the same name replaces the earlier one. A trial that is still running is refused.
        """
        with explained(self.where), self._engine.begin() as connection:
            row = self._row(connection, trial)
            if row.outcome is None:
                raise TrialError(f"Trial {trial} in {self.where} is still running.", "Wait for its end.")
            notes = {**row.notes, "later": {**row.notes.get("later", {}), **findings}}
            connection.execute(trials.update().where(trials.c.id == trial).values(notes=notes))

    def get(self, trial: int) -> TrialRecord:
        """One trial by its id."""
        with explained(self.where), self._engine.begin() as connection:
            return _record(self._row(connection, trial))

    def list(
        self, *, surface: str | None = None, estimator: str | None = None, last: int | None = None
    ) -> tuple[TrialRecord, ...]:
        """Trials in the order they were begun; of one surface or estimator, or only the `last` N."""
        query = select(trials).order_by(trials.c.id.desc()).limit(last)
        if surface is not None:
            query = query.where(trials.c.surface == surface)
        if estimator is not None:
            query = query.where(trials.c.estimator == estimator)
        with explained(self.where), self._engine.begin() as connection:
            _settle_the_dead(connection)
            return tuple(_record(row) for row in reversed(connection.execute(query).all()))

    def close(self) -> None:
        """Lets go of the database; idempotent."""
        self._engine.dispose()

    def __enter__(self) -> "TrialStore":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _row(self, connection: Connection, trial: int) -> Row:
        row = connection.execute(select(trials).where(trials.c.id == trial).with_for_update()).one_or_none()
        if row is None:
            raise TrialError(f"There is no trial {trial} in {self.where}.", "List them: python main.py trials list")
        return row

    def _open_row(self, connection: Connection, trial: int) -> Row:
        row = self._row(connection, trial)
        if row.outcome is not None:
            raise TrialError(
                f"Trial {trial} in {self.where} has already ended ({row.outcome}) and is not written again.",
                "Begin a new trial.",
            )
        return row


def _settle_the_dead(connection: Connection) -> None:
    """Marks open trials whose process is gone as interrupted by a crash."""
    now = datetime.now(UTC)
    for row in connection.execute(select(trials).where(trials.c.outcome.is_(None))).all():
        process = ProcessStamp(row.pid, row.process_started_s, row.host)
        begun = utc(row.begun)
        gone = not process.is_running if process.is_here else begun is not None and now - begun > ABANDONED_AFTER
        if gone:
            ending = {
                "outcome": Outcome.INTERRUPTED.value,
                "reason": Reason.CRASH.value,
                "detail": f"process {row.pid} on {row.host} ended before the trial did",
                "finished": now,
            }
            connection.execute(trials.update().where(trials.c.id == row.id).values(ending))


def _record(row: Row) -> TrialRecord:
    fields = {name: getattr(row, name) for name in TrialRecord.__dataclass_fields__}
    fields["begun"], fields["finished"] = utc(row.begun), utc(row.finished)
    fields["outcome"] = Outcome(row.outcome) if row.outcome else None
    fields["reason"] = Reason(row.reason)
    return TrialRecord(**fields)
