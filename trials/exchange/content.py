"""What one log hands to another: campaigns, and trials with their whole history of labels."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from trials.campaign import Campaign
from trials.columns import read_row
from trials.label import Label
from trials.process import ProcessStamp
from trials.record import TrialRecord
from trials.store import TrialStore
from trials.table import campaign_of, campaigns, is_open, label_of, labels, record_of, trials

_ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class ExchangedTrial:
    """A trial that has ended; process: which ran it. Numbers (its own, its campaign's) are those of the log it is from;
    `uuid` is the same in every log."""

    record: TrialRecord
    process: ProcessStamp
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True)
class LogContent:
    """campaigns: those that trials may name. trials: can be gone through once, while the log is open."""

    campaigns: tuple[Campaign, ...]
    trials: Iterator[ExchangedTrial]


def read_content(store: TrialStore, campaign: int | None = None) -> LogContent:
    """A log's content, or that of one campaign; trials that run still are left out.

    Raises:
        TrialError: a row was edited into what none is; while the trials are gone through too.
    """
    wanted = campaigns.c.id == campaign if campaign is not None else campaigns.c.id > 0
    with store.reading() as connection:
        found = store.read(connection, select(campaigns).where(wanted).order_by(campaigns.c.id), campaign_of)
    return LogContent(found, _trials(store, campaign))


def _trials(store: TrialStore, campaign: int | None) -> Iterator[ExchangedTrial]:
    query = select(trials).where(~is_open).order_by(trials.c.id).limit(_ROWS_AT_ONCE)
    if campaign is not None:
        query = query.where(trials.c.campaign == campaign)
    last = 0
    while True:
        with store.reading() as connection:
            known = store.read(connection, query.where(trials.c.id > last), _without_labels)
            histories = _histories(store, connection, [each.record.id for each in known])
        if not known:
            return
        for each in known:
            yield ExchangedTrial(each.record, each.process, tuple(histories[each.record.id]))
        last = known[-1].record.id


def _histories(store: TrialStore, connection: Connection, ids: list[int]) -> dict[int, list[Label]]:
    query = select(labels).where(labels.c.trial.in_(ids)).order_by(labels.c.made, labels.c.id)
    histories: dict[int, list[Label]] = defaultdict(list)
    for label in store.read(connection, query, label_of):
        histories[label.trial].append(label)
    return histories


def _without_labels(row: Any) -> ExchangedTrial:
    return ExchangedTrial(record_of(row), read_row(ProcessStamp, row))
