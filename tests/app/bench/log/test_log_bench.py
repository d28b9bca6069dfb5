"""The log survives what `bench log` does to it: here a dozen of its points, and those points find what is wrong."""

from pathlib import Path

import pytest

from app.bench.log.life import changes, state_of
from app.bench.log.million import answer_times_s, command_times_s, fill
from app.bench.log.sweeps import sweep_kills, sweep_writes
from app.bench.log.writers import lost_rows
from tests.support.logs.postgres import new_database, postgres_cluster
from trials.campaign import Campaign
from trials.store import TrialStore

POINTS = (1, 8, 21, 47, 48, 49, 50, 90, 133, 181, 214, 100_000)
LIMITS = (0, 4096, 20_000, 60_000, 100_000, 130_000, 10_000_000)


def test_a_kill_at_any_commit_point_leaves_what_was_acknowledged(tmp_path: Path) -> None:
    sweep = sweep_kills(tmp_path, None, POINTS)
    assert (sweep.points, sweep.failures, sweep.is_clean) == (len(POINTS) - 1, [], True)


@pytest.mark.slow
def test_on_a_server_too(tmp_path: Path) -> None:
    with postgres_cluster() as server:
        sweep = sweep_kills(tmp_path, new_database(server), (40, 95, 100_000))
    assert (sweep.points, sweep.failures, sweep.is_clean) == (2, [], True)


@pytest.mark.slow
def test_whichever_write_a_full_disk_refuses_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    sweep = sweep_writes(tmp_path, LIMITS)
    assert (sweep.points, sweep.failures, sweep.is_clean) == (len(LIMITS), [], True)


def test_writers_of_one_log_lose_no_row(tmp_path: Path) -> None:
    assert lost_rows(str(tmp_path / "trials.db"), rows=40) == []


@pytest.mark.slow
def test_a_change_that_a_kill_can_leave_half_done_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add = TrialStore.add_campaign

    def in_two(store: TrialStore, campaign: Campaign) -> Campaign:
        return store.mark_exploratory(add(store, campaign).id)

    points = range(59, 67)
    assert not sweep_kills(tmp_path, None, points).failures
    monkeypatch.setattr(TrialStore, "add_campaign", in_two)
    failures = sweep_kills(tmp_path, None, points).failures
    assert failures and all("acknowledged" in failure for failure in failures)


def test_every_change_of_the_day_changes_the_log(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text('{"vitro_trials": {"version": 1, "campaigns": 0}}\n{"end": {"trials": 0}}\n')
    with TrialStore(tmp_path / "trials.db") as store:
        before = state_of(store)
        for number, change in enumerate(list(changes(path))[:-1]):
            change(store)
            after = state_of(store)
            assert after != before, number
            before = after


@pytest.mark.slow
def test_a_large_log_is_one(tmp_path: Path) -> None:
    path = tmp_path / "large.db"
    fill(str(path), 3_000)
    with TrialStore(path) as store:
        assert store.count() == 3_000 and len(store.labelled(campaign=2)) == 600
        assert len(store.labelled(is_unconfirmed=True)) == 60
        assert [one.id for one in store.campaigns()] == [1, 2, 3, 4, 5]  # every trial's campaign is there
        assert [one.name for one in store.campaigns(is_open=True)] == ["campaign 5"]
    assert len(answer_times_s(str(path))) == 8
    assert len(command_times_s(str(path))) == 5
    assert (tmp_path / "report" / "report.html").exists()
