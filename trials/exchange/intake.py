"""Another log's content taken into this one: each campaign, trial and label once, whoever brings it how often."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from sqlalchemy import Connection, select

from core.errors import TrialError
from trials.campaign import LONGEST_NAME, Campaign
from trials.columns import values_of
from trials.exchange.content import ExchangedTrial, LogContent
from trials.label import Label
from trials.store import TrialStore
from trials.table import campaign_of, campaigns, label_of, labels, trials

_ROWS_AT_ONCE = 500


@dataclass
class Intake:
    """What became of it. added, known: trials that are new here, that were here already. labels, campaigns: new ones.
    renamed: campaigns whose name another one has here, and their names now."""

    added: int = 0
    known: int = 0
    labels: int = 0
    campaigns: int = 0
    renamed: dict[str, str] = field(default_factory=dict)


def take_in(store: TrialStore, content: LogContent) -> Intake:
    """Adds what this log lacks, all of it or nothing; rows that it has stay as they are.

    What was taken back, ended or marked exploratory there is so here too afterwards.

    Raises:
        TrialError, StorageError: the content cannot be used, or the log takes no more: then nothing was added.
    """
    intake = Intake()
    with store.writing() as connection:
        numbers = {0: 0}
        for campaign in content.campaigns:
            numbers[campaign.id] = _take_campaign(store, connection, campaign, intake)
        remaining = iter(content.trials)
        while several := list(islice(remaining, _ROWS_AT_ONCE)):
            _take_trials(store, connection, several, numbers, intake)
    return intake


def _take_campaign(store: TrialStore, connection: Connection, campaign: Campaign, intake: Intake) -> int:
    """The campaign's number here."""
    known = store.read(connection, select(campaigns).where(campaigns.c.uuid == campaign.uuid), campaign_of)
    if known:
        ours = known[0]
        looks = [*ours.looks, *(look for look in campaign.looks if look not in ours.looks)]
        both = replace(
            ours,
            finished=ours.finished or campaign.finished,
            is_exploratory=ours.is_exploratory or campaign.is_exploratory,
            looks=tuple(sorted(looks, key=lambda look: str(look.get("made")))),
        )
        connection.execute(campaigns.update().where(campaigns.c.id == ours.id).values(values_of(both)))
        return ours.id
    taken = set(connection.execute(select(campaigns.c.name)).scalars().all())
    name, number = campaign.name, 1
    while name in taken:
        number += 1
        name = f"{campaign.name[: LONGEST_NAME - 6]}-{number}"
    if name != campaign.name:
        intake.renamed[campaign.name] = name
    intake.campaigns += 1
    row = campaigns.insert().values(values_of(replace(campaign, name=name))).returning(campaigns.c.id)
    return connection.execute(row).scalar_one()


def _take_trials(
    store: TrialStore,
    connection: Connection,
    several: Sequence[ExchangedTrial],
    numbers: dict[int, int],
    intake: Intake,
) -> None:
    query = select(trials.c.uuid, trials.c.id).where(trials.c.uuid.in_([each.record.uuid for each in several]))
    here: dict[str, int] = {row.uuid: row.id for row in connection.execute(query)}
    histories = _histories(store, connection, here.values())
    for each in several:
        id_ = here.get(each.record.uuid)
        if id_ is None:
            id_ = here[each.record.uuid] = _add(store, connection, each, numbers)
            intake.added += 1
        else:
            intake.known += 1
        ours = histories.setdefault(id_, {})
        for label in each.labels:
            _take_label(connection, replace(label, trial=id_), ours, intake)


def _add(store: TrialStore, connection: Connection, each: ExchangedTrial, numbers: dict[int, int]) -> int:
    record = each.record
    if record.campaign not in numbers:
        raise TrialError(
            f"Trial {record.id} ({record.uuid}) is of campaign {record.campaign}, which does not come with it.",
            f"Nothing was taken into {store.where}. Export the whole log anew.",
        )
    record = replace(record, campaign=numbers[record.campaign])
    row = trials.insert().values(**values_of(record), **values_of(each.process))
    return connection.execute(row.returning(trials.c.id)).scalar_one()


def _histories(
    store: TrialStore, connection: Connection, ids: Iterable[int]
) -> dict[int, dict[tuple[object, ...], Label]]:
    histories: dict[int, dict[tuple[object, ...], Label]] = {}
    for label in store.read(connection, select(labels).where(labels.c.trial.in_(list(ids))), label_of):
        histories.setdefault(label.trial, {})[_identity(label)] = label
    return histories


def _take_label(connection: Connection, label: Label, ours: dict[tuple[object, ...], Label], intake: Intake) -> None:
    known = ours.get(_identity(label))
    if known is None:
        ours[_identity(label)] = label
        connection.execute(labels.insert().values(values_of(label)))
        intake.labels += 1
    elif known.undone is None and label.undone is not None:
        connection.execute(labels.update().where(labels.c.id == known.id).values(undone=label.undone))


def _identity(label: Label) -> tuple[object, ...]:
    """No two labels of a trial are made at one time."""
    return label.made, label.value, label.by
