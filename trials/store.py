"""The log of trials: a row is committed before anything moves and completed after."""

import socket
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Select, String, bindparam, func, select, type_coerce

from core.errors import TrialError
from trials.campaign_store import CampaignStore
from trials.columns import utc, values_of
from trials.label_store import LabelStore
from trials.process import ProcessStamp
from trials.record import Outcome, Reason, TrialRecord
from trials.table import is_open, record_of, trials

#: A row left open by another host, whose processes cannot be seen from here, counts as ended after this.
ABANDONED_AFTER = timedelta(days=1)
# Built once, and told values apart: naming 40 columns anew takes as long as writing them.
_INSERT = trials.insert().returning(trials.c.id)
_UPDATE = trials.update().where(trials.c.id == bindparam("row")).returning(trials)


class TrialStore(LabelStore, CampaignStore):
    """Every trial ever begun. Any number of processes may share one log.

    Every method raises TrialError, or StorageError for a full or forbidden disk, with the file's name and the next
    step; rows written earlier stay as they are.
    """

    def __init__(self, where: Path | str, is_read: bool = False, is_salvaged: bool = False) -> None:
        """Opens the log at a file name or SQLAlchemy URL, makes it where there is none, and marks
        the trials whose process has died as interrupted.

        is_read: nothing will be written: a log will do that this user may only read, which is left as it is.
        is_salvaged: of a damaged file, which is only read, what can be; changes are made to a copy in memory.
        """
        super().__init__(where, is_read, is_salvaged)
        if self._writes:
            try:
                with self.writing() as connection:
                    _settle_the_dead(connection)
            except BaseException:
                self.close()
                raise

    def begin(self, record: TrialRecord) -> TrialRecord:
        """Commits the row of a trial that is about to start; the record with its id. On return it is on disk."""
        record = replace(record, uuid=record.uuid or uuid4().hex)
        row = values_of(record) | values_of(ProcessStamp.own())
        with self.writing() as connection:
            return replace(record, id=connection.execute(_INSERT, row).scalar_one())

    def update(self, record: TrialRecord) -> TrialRecord:
        """Writes what is known by now about an open trial; an outcome ends it, and it is never changed again.

        Raises:
            TrialError: the trial has ended already, or there is no such trial.
        """
        return self._update(record if record.outcome is None else replace(record, finished=datetime.now(UTC)))

    def settle(self, record: TrialRecord) -> TrialRecord:
        """Writes the outcome that stands whatever comes now, of a trial that `update` is yet to end. Raises as that."""
        return self._update(record)

    def _update(self, record: TrialRecord) -> TrialRecord:
        with self.writing() as connection:
            known = self._get(connection, record.id)
            if known.outcome is not None and (known.finished is not None or record.outcome != known.outcome):
                raise TrialError(
                    f"Trial {record.id} in {self.where} has already ended ({known.outcome}) and is not written again.",
                    "Begin a new trial.",
                )
            # Its uuid was given once, whatever the record was made from.
            return self._write(connection, replace(record, uuid=known.uuid))

    def annotate(self, trial: int, **findings: Any) -> None:
        """Adds what later work found out about an ended trial, as `notes["later"]`; all else stays as it is.

        A finding of the same name replaces the earlier one. A trial that is still running is refused.
        """
        with self.writing() as connection:
            known = self._get(connection, trial)
            if known.outcome is None:
                raise TrialError(f"Trial {trial} in {self.where} is still running.", "Wait for its end.")
            later = {**known.notes.get("later", {}), **findings}
            self._write(connection, replace(known, notes={**known.notes, "later": later}))

    def count_objects(self, of: Sequence[int], objects: int) -> None:
        """Writes how many objects the scene of these trials held, which its end alone tells; all else stays."""
        with self.writing() as connection:
            connection.execute(trials.update().where(trials.c.id.in_(list(of))).values(objects=objects))

    def get(self, trial: int) -> TrialRecord:
        with self.writing() as connection:
            return self._get(connection, trial, is_changed=False)

    def count(self) -> int:
        """How many trials there are."""
        with self.reading() as connection:
            return connection.execute(select(func.count()).select_from(trials)).scalar_one()

    def list(
        self, *, surface: str | None = None, estimator: str | None = None, last: int | None = None
    ) -> tuple[TrialRecord, ...]:
        """Trials in the order they were begun; of one surface or estimator, or only the `last` N."""
        query = select(trials).order_by(trials.c.id.desc()).limit(last)
        if surface is not None:
            query = query.where(trials.c.surface == surface)
        if estimator is not None:
            query = query.where(trials.c.estimator == estimator)
        return self._settled(query)[::-1]

    def newest(self, cell: str, world: str, count: int) -> tuple[TrialRecord, ...]:
        """So many trials that this host has begun last in a cell of this name in this world, the newest first."""
        is_here = (trials.c.host == socket.gethostname(), trials.c.cell == cell, trials.c.world == world)
        query = select(trials).where(*is_here).order_by(trials.c.id.desc()).limit(count)
        return self._settled(query)

    def _settled(self, query: Select[Any]) -> tuple[TrialRecord, ...]:
        """What a query finds once those that died are marked."""
        if self._writes:
            with self.writing() as connection:
                _settle_the_dead(connection)
        with self.reading() as connection:
            return self.read(connection, query, record_of)

    def _write(self, connection: Connection, record: TrialRecord) -> TrialRecord:
        """The row as it is now."""
        return self.read(connection, _UPDATE, record_of, {"row": record.id, **values_of(record)})[0]


def _settle_the_dead(connection: Connection) -> None:
    """Marks open trials whose process is gone as interrupted by a crash, whatever else their rows hold."""
    now, c = datetime.now(UTC), trials.c
    begun = type_coerce(c.begun, String)  # as it is stored, which may be no time
    columns = (c.id, c.pid, c.process_started_s, c.host, begun.label("begun"), c.outcome)
    for row in connection.execute(select(*columns).where(is_open)).all():
        process = ProcessStamp(row.pid, row.process_started_s, row.host)
        gone = not process.is_running if process.is_here else now - _time(row.begun) > ABANDONED_AFTER
        if gone:
            why = f"process {row.pid} on {row.host} ended before the trial did"
            end: dict[str, Any] = {"finished": now}
            if row.outcome is None:  # else it was settled before
                end |= {"outcome": Outcome.INTERRUPTED.value, "reason": Reason.CRASH.value, "detail": why}
            connection.execute(trials.update().where(c.id == row.id, is_open).values(end))


def _time(stored: object) -> datetime:
    """Long ago where it is no time."""
    try:
        return utc(datetime.fromisoformat(str(stored)))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
