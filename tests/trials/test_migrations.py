"""Older logs come to today's form whole, or stay as they were; newer ones are left alone."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from core.errors import TrialError
from tests.support.logs.old import LATER, ROWS, write_old_log
from tests.support.trial_rows import begin, child, finish, intact, sql
from trials.label import LabelValue
from trials.record import MetricFit
from trials.schema import NEWEST, REVISIONS, migrate
from trials.store import TrialStore
from trials.table import metadata

IDS = list(range(4, 4 + len(ROWS)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "trials.db"


def content(path: Path) -> list[str]:
    """Everything in a database, as SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def copy_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.before-{NEWEST}")


def differences(path: Path) -> list:
    """Between the tables of a log and those that the dataclasses say."""
    with create_engine(f"sqlite:///{path}").connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, kind, _: kind != "table" or name != "vitro_schema"}
        )
        return compare_metadata(context, metadata)


@pytest.mark.parametrize("columns", range(len(LATER) + 1))
def test_a_log_of_any_age_is_read_and_goes_on(path: Path, columns: int) -> None:
    before = content(write_old_log(path, columns))
    with TrialStore(path) as store:
        old = store.get(4)
        assert (old.outcome, old.reason, old.verified, old.simulator_verdict) == ("failure", "slip", False, None)
        assert (old.metric, old.stages_s, old.notes["table"]) == (MetricFit(), {"capture": 0.5}, {"tags": 6})
        assert (old.objects, old.pick, old.attempts, old.campaign, old.width_m) == (1, 1, 1, 0, None)
        assert old.scene_key == 0
        assert old.finished is not None and (old.finished - old.begun).total_seconds() == 9.5
        assert finish(store, begin(store)).id == IDS[-1] + 1
        assert len({record.uuid for record in store.list()} - {""}) == len(ROWS) + 1
    assert content(copy_of(path)) == before
    with TrialStore(path) as store:
        assert len(store.list()) == len(ROWS) + 1
    assert not copy_of(path).with_name(f"{copy_of(path).name}-2").exists()


def test_the_simulators_verdicts_of_an_old_log_are_labels_but_for_trials_that_do_not_count(path: Path) -> None:
    with TrialStore(write_old_log(path)) as store:
        labelled = {each.trial.id: each for each in store.labelled()}
        values = [labelled[id_].label and labelled[id_].value for id_ in IDS]
        assert values == [None, LabelValue.SUCCESS, LabelValue.FAILURE, None, LabelValue.FAILURE]
        (label,) = store.labels(5)
    assert (label.by, label.note) == ("simulator", "migrated from the simulator's verdict")
    assert label.made == labelled[5].trial.finished


def test_a_migrated_log_has_the_tables_of_a_new_one_and_both_those_of_the_dataclasses(path: Path) -> None:
    TrialStore(write_old_log(path)).close()
    new = path.with_name("new.db")
    TrialStore(new).close()
    nothing = path.with_name("nothing.db")
    sql(nothing, "CREATE TABLE vitro_schema (version INTEGER NOT NULL)")
    with create_engine(f"sqlite:///{nothing}").begin() as connection:
        migrate(connection, "base")
    assert (differences(path), differences(new), differences(nothing)) == ([], [], [])
    triggers = [sql(log, "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'") for log in (path, new, nothing)]
    assert len(triggers[0]) == 10 and triggers[0] == triggers[1] == triggers[2]


def test_two_copies_of_a_log_migrated_apart_name_their_trials_alike(path: Path) -> None:
    other = path.with_name("other.db")
    shutil.copy(write_old_log(path), other)
    one, two = TrialStore(path).list(), TrialStore(other).list()
    assert [record.uuid for record in one] == [record.uuid for record in two]


@pytest.mark.slow
def test_processes_that_open_an_old_log_at_once_migrate_it_once(path: Path) -> None:
    write_old_log(path)
    children = [child("print(finish(s := TrialStore(args[0]), begin(s)).id)", path) for _ in range(3)]
    given = sorted(int(process.communicate(timeout=60)[0]) for process in children)
    assert given == [IDS[-1] + 1, IDS[-1] + 2, IDS[-1] + 3]
    assert intact(path)
    assert [file.name for file in path.parent.glob("*before*")] == [copy_of(path).name]


KILL_AT_EVERY_STATEMENT = """
import shutil
from alembic import command
from sqlalchemy import Engine, event
step = 0
while True:
    step += 1
    shutil.copy(args[0], f"{args[1]}/{step}.db")
    pid = os.fork()
    if pid == 0:
        seen = 0
        def count(*_):
            global seen
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)
        event.listen(Engine, "before_cursor_execute", count)
        event.listen(Engine, "commit", count)
        TrialStore(f"{args[1]}/{step}.db")
        os._exit(0)
    if os.waitpid(pid, 0)[1] == 0:
        break
print(step)
"""


@pytest.mark.slow
def test_a_migration_that_is_killed_anywhere_leaves_the_old_log_or_the_new(tmp_path: Path, path: Path) -> None:
    before = content(write_old_log(path))
    sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    steps = int(child(KILL_AT_EVERY_STATEMENT, path, tmp_path).communicate(timeout=120)[0])
    assert steps > 40
    for step in range(1, steps):
        log = tmp_path / f"{step}.db"
        assert intact(log)
        assert content(log) == before or sql(log, "SELECT version_num FROM alembic_version") == [(NEWEST,)]
        with TrialStore(log) as store:
            assert [record.id for record in store.list()] == IDS


def test_a_log_that_may_only_be_read_is_read_in_todays_form_and_left_in_its_own(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_old_log(path)
    before = path.read_bytes()
    monkeypatch.setattr("trials.log_connection.may_write", lambda where: False)
    with TrialStore(path, is_read=True) as store:
        assert [each.trial.id for each in store.labelled()] == IDS == [record.id for record in store.list()]
        assert store.labels(5) and store.campaigns() == ()
    assert path.read_bytes() == before and not copy_of(path).exists()


@pytest.mark.parametrize("revision", ["0077", "a1b2c3", ""])
def test_a_log_of_a_revision_that_is_not_known_here_is_refused_untouched(path: Path, revision: str) -> None:
    with TrialStore(path) as store:
        begin(store)
    sql(path, "UPDATE alembic_version SET version_num = ?", revision)
    before = path.read_bytes()
    for is_read in (True, False):
        with pytest.raises(TrialError, match="schema version") as caught:
            TrialStore(path, is_read)
        assert str(path) in caught.value.cause and "Update Vitro" in caught.value.remedy
    assert path.read_bytes() == before


def test_the_newest_revision_is_the_last_of_one_chain() -> None:
    assert [f"{number:04d}" for number in range(1, len(REVISIONS) + 1)] == REVISIONS
