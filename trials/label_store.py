"""The labels' history: rows are added and taken back, never changed or deleted."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from core.errors import TrialError
from trials.columns import values_of
from trials.label import Label, LabelledTrial
from trials.log_connection import LogConnection
from trials.record import Outcome, TrialRecord
from trials.table import is_counted, label_of, labels, record_of, trials

_PREFIX = "label_"
_ROWS_AT_ONCE = 1_000
# Built once: building them anew takes as long as asking.
_INSERT = labels.insert().returning(labels)
_HISTORY = select(labels).where(labels.c.trial == bindparam("of")).order_by(labels.c.made, labels.c.id)


class LabelStore(LogConnection):
    """What people say of the log's trials; raises as `TrialStore`."""

    def label(self, label: Label) -> Label:
        """Commits one more label of a trial, which counts from now on; the label with its id.

        Raises:
            TrialError: there is no such trial, or it has not come to its end yet.
        """
        with self.writing() as connection:
            self.demand_ended(self._get(connection, label.trial))
            # A clock that was set back must not put a newer label before an older one.
            earlier = self._history(connection, label.trial)
            made = max([label.made, *(known.made + timedelta(microseconds=1) for known in earlier)])
            row = values_of(replace(label, made=made, undone=None))
            return self.read(connection, _INSERT, label_of, row)[0]

    def undo(self, trial: int | None = None, by: str = "") -> Label:
        """Takes back the newest label that stands, of one trial, or of the log those that `by` gave: what others, the
        simulator too, say there is not touched. It stays in the history.

        Raises:
            TrialError: there is no such trial, or no such label stands.
        """
        query = select(labels).where(labels.c.undone.is_(None)).order_by(labels.c.made.desc(), labels.c.id.desc())
        with self.writing() as connection:
            if trial is not None:
                self._get(connection, trial)
            query = query.where(labels.c.by == by if trial is None else labels.c.trial == trial)
            # Where several write at a time, nobody else takes back the same one meanwhile.
            standing = self.read(connection, query.limit(1).with_for_update(), label_of)
            if not standing:
                of = f"by {by or 'nobody'}" if trial is None else f"of trial {trial}"
                raise TrialError(
                    f"No label {of} in {self.where} stands: there is nothing to take back.",
                    f"See its labels: python main.py trials {'list' if trial is None else f'show {trial}'}",
                )
            undone = replace(standing[0], undone=datetime.now(UTC))
            connection.execute(labels.update().where(labels.c.id == undone.id).values(undone=undone.undone))
            return undone

    def labels(self, trial: int) -> tuple[Label, ...]:
        """A trial's whole history, oldest first, undone ones too."""
        with self.writing() as connection:
            self._get(connection, trial, is_changed=False)
            return self._history(connection, trial)

    def standing_label(self, trial: int) -> Label | None:
        """The one that counts, None while there is none."""
        return next((label for label in reversed(self.labels(trial)) if label.undone is None), None)

    def labelled(
        self,
        campaign: int | None = None,
        surface: str | None = None,
        estimator: str | None = None,
        last: int | None = None,
        outcome: Outcome | None = None,
        is_unconfirmed: bool = False,
    ) -> tuple[LabelledTrial, ...]:
        """Trials in the order they were begun, each with the label that counts; of one campaign, surface,
        estimator or outcome, or only the `last` N.

        is_unconfirmed: only those that await a label: it could change what they count as.
        """
        query = with_labels().order_by(trials.c.id.desc()).limit(last)
        wanted = {"campaign": campaign, "surface": surface, "estimator": estimator, "outcome": outcome}
        for name, value in wanted.items():
            if value is not None:
                query = query.where(trials.c[name] == value)
        if is_unconfirmed:
            query = query.where(labels.c.id.is_(None), is_counted)
        with self.reading() as connection:
            return self.read(connection, query, _labelled)[::-1]

    def each_labelled(self, campaign: int | None = None) -> Iterator[LabelledTrial]:
        """All trials, or a campaign's, in the order they were begun, without ever holding more than some of them."""
        query = with_labels().order_by(trials.c.id).limit(_ROWS_AT_ONCE)
        query = query if campaign is None else query.where(trials.c.campaign == campaign)
        last = 0
        while True:
            with self.reading() as connection:
                several = self.read(connection, query.where(trials.c.id > last), _labelled)
            if not several:
                return
            yield from several
            last = several[-1].trial.id

    def _history(self, connection: Connection, trial: int) -> tuple[Label, ...]:
        return self.read(connection, _HISTORY, label_of, {"of": trial})

    def demand_ended(self, record: TrialRecord) -> None:
        """Raises a TrialError for a trial that has not come to its end yet."""
        if record.outcome is None or record.finished is None:
            raise TrialError(
                f"Trial {record.id} in {self.where} is still running: it has no end that could be judged.",
                "Wait for its end, then label it.",
            )


def with_labels() -> Select[Any]:
    """Every trial beside the newest of its labels that stands."""
    newest = labels.alias("newest")
    counts = (
        select(newest.c.id)
        .where(newest.c.trial == trials.c.id, newest.c.undone.is_(None))
        .order_by(newest.c.made.desc(), newest.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    columns = [column.label(_PREFIX + column.name) for column in labels.columns]
    return select(trials, *columns).select_from(trials.outerjoin(labels, labels.c.id == counts))


def _labelled(row: Any) -> LabelledTrial:
    return LabelledTrial(record_of(row), None if row.label_id is None else label_of(row, _PREFIX))
