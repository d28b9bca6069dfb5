"""The log's tables, made from the dataclasses that their rows are: trials, labels, campaigns; and what is kept of them
to count them at once."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    and_,
    event,
    or_,
    text,
)

from trials.arrays.triggers import replacing_statements, trigger_statements
from trials.campaign import Campaign
from trials.columns import columns_of, demand_numbers, read_row
from trials.label import Label
from trials.process import ProcessStamp
from trials.record import DIGITAL_CELL, INVALID, Outcome, Reason, TrialRecord

metadata = MetaData()
trials = Table("trials", metadata, *columns_of(TrialRecord), *columns_of(ProcessStamp), sqlite_autoincrement=True)
labels = Table("labels", metadata, *columns_of(Label), sqlite_autoincrement=True)
campaigns = Table("campaigns", metadata, *columns_of(Campaign), sqlite_autoincrement=True)
#: Trials as `trials.arrays.blocks` read them, with their labels; whatever changes one of them deletes its block.
counted_blocks = Table(
    "counted_blocks",
    metadata,
    Column("block", Integer, primary_key=True, autoincrement=False),
    Column("kinds", JSON, nullable=False),
    Column("rows", LargeBinary, nullable=False),
    Column("checksum", BigInteger, nullable=False),
)

#: Trials that no process has brought to their end.
is_open = or_(trials.c.outcome.is_(None), trials.c.finished.is_(None))
#: `trials.summary.counts` as the database asks it.
is_counted = and_(
    trials.c.outcome.is_not(None),
    or_(
        and_(trials.c.world == DIGITAL_CELL, trials.c.reason == Reason.ARM),
        and_(
            trials.c.reason.not_in(sorted(INVALID)),
            or_(trials.c.outcome != Outcome.INTERRUPTED, trials.c.reason == Reason.TRACKING),
        ),
    ),
)


def _partial_index(name: str, *columns: Any, where: Any) -> None:
    """Of the rows that a condition holds for. Told of an option for PostgreSQL, SQLAlchemy imports all that it has for
    it, asynchronous drivers too, which takes as long as listing trials does: who creates it there is told then."""
    index = Index(name, *columns, sqlite_where=where)

    @event.listens_for(metadata, "before_create")
    def _tell(_metadata: MetaData, connection: Connection, **_: object) -> None:
        if connection.dialect.name == "postgresql":
            index.dialect_options["postgresql"]["where"] = where


# What makes a log of a million trials answer at once.
Index("trials_uuid", trials.c.uuid, unique=True)
_partial_index("trials_open", trials.c.id, where=is_open)
Index("trials_surface", trials.c.surface, trials.c.id)
Index("trials_estimator", trials.c.estimator, trials.c.id)
Index("trials_campaign", trials.c.campaign, trials.c.id)
Index("labels_trial", labels.c.trial, labels.c.made)
# What rates are counted from, without a look at the rows, most of which are notes.
_RATED = ("campaign", "surface", "estimator", "world", "outcome", "reason", "pick", "objects", "attempts")
_OF_SCENE = ("seed", "scene_number", "scene_key")
_VERDICTS = ("verified", "simulator_verdict", "first_simulator_verdict")
_COUNTED = (trials.c[name] for name in (*_RATED, *_OF_SCENE, *_VERDICTS))
COUNTED_INDEX = Index("trials_counted", trials.c.id, *_COUNTED)
_partial_index("trials_of_several", trials.c.id, where=trials.c.objects > 1)
_SAID = (labels.c.trial, labels.c.made, labels.c.id, labels.c.value, labels.c.reason)
_partial_index("labels_counted", *_SAID, where=labels.c.undone.is_(None))
Index("campaigns_name", campaigns.c.name, unique=True)
Index("campaigns_uuid", campaigns.c.uuid, unique=True)


@event.listens_for(metadata, "after_create")
def _add_triggers(_: MetaData, connection: Connection, **options: object) -> None:
    dialect = connection.dialect.name
    for statement in (*trigger_statements(dialect), *replacing_statements(dialect)):
        connection.execute(text(statement))


def record_of(row: Any) -> TrialRecord:
    """Raises a ValueError, TypeError or LookupError where somebody edited the row into something else."""
    record = read_row(TrialRecord, row)
    demand_numbers("stages_s", record.stages_s.values())
    _demand_attempts(record.notes)
    return record


def label_of(row: Any, prefix: str = "") -> Label:
    """Raises as `record_of`."""
    return read_row(Label, row, prefix)


def campaign_of(row: Any) -> Campaign:
    """Raises as `record_of`."""
    campaign = read_row(Campaign, row)
    if not all(isinstance(look, dict) for look in campaign.looks) or not campaign.estimators:
        raise ValueError("it holds no estimators, or looks that are none")
    demand_numbers("objects", campaign.objects)
    return campaign


def _demand_attempts(notes: Mapping[str, Any]) -> None:
    """Of a trial's notes what the log itself reads."""
    attempts = notes.get("attempts", [])
    if not isinstance(notes.get("later", {}), dict) or not isinstance(attempts, list):
        raise ValueError("notes hold no attempts and later findings as they are written")
    for attempt in attempts:
        if not isinstance(attempt, dict) or not {"verified", "simulator_verdict"} <= attempt.keys():
            raise ValueError(f"notes hold the attempt {attempt!r}")
