"""Campaigns in the log: kept as they were planned, ended once, one of a name."""

import pytest

from core.errors import TrialError
from trials.campaign import Campaign
from trials.store import TrialStore

PLAN = Campaign(
    name="glass",
    question="Does the second look help?",
    estimators=("raw", "vitro-s"),
    surfaces=("diffuse", "translucent"),
    scenes=4,
    objects=(1, 3),
    is_blind=True,
    settings={"detector": "antipodal", "attempts": 3},
)


@pytest.fixture
def store(log: str) -> TrialStore:
    return TrialStore(log)


def test_a_campaign_reads_back_as_it_was_planned(store: TrialStore) -> None:
    added = store.add_campaign(PLAN)
    assert added.id and added.uuid
    assert vars(added) == vars(PLAN) | {"id": added.id, "uuid": added.uuid}
    assert store.campaign("glass") == added == store.campaign(added.id)
    assert tuple(store.campaign("glass").plan()) == tuple(PLAN.plan())


def test_a_campaign_begun_twice_is_refused_and_the_first_stays(store: TrialStore) -> None:
    added = store.add_campaign(PLAN)
    with pytest.raises(TrialError, match=r"'glass' in .* already"):
        store.add_campaign(Campaign(name="glass", estimators=("oracle",), surfaces=("diffuse",), scenes=1))
    assert store.campaigns() == (added,)


def test_an_unknown_campaign_is_named_with_those_there_are(store: TrialStore) -> None:
    store.add_campaign(PLAN)
    with pytest.raises(TrialError, match="'steel'") as caught:
        store.campaign("steel")
    assert "glass" in caught.value.remedy


def test_looks_are_noted_until_the_campaign_ends_which_it_does_once(store: TrialStore) -> None:
    id_ = store.add_campaign(PLAN).id
    store.note_look(id_, 3)
    store.note_look(id_, 9)
    ended = store.finish_campaign(id_)
    assert store.note_look(id_, 16) == ended == store.finish_campaign(id_) == store.campaign("glass")
    assert [look["trials"] for look in ended.looks] == [3, 9]


def test_a_campaign_that_was_not_kept_to_is_marked_and_nothing_else_changes(store: TrialStore) -> None:
    added = store.add_campaign(PLAN)
    store.mark_exploratory(added.id)
    assert vars(store.campaign("glass")) == vars(added) | {"is_exploratory": True}
