"""What the log of trials acknowledged survives kills, full disks and other writers."""

import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import TrialError
from tests.support.trial_rows import begin, child, finish, intact, sql
from trials.process import ProcessStamp
from trials.record import Outcome, Reason
from trials.store import TrialStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "trials.db"


# Processes that die.

KILL_AT_EVERY_STATEMENT = """
from sqlalchemy import Engine, event
from trials import database
step = 0
while True:
    step += 1
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
        store = TrialStore(f"{args[0]}/{step}.db")
        trial = begin(store)
        print(step, "begun", flush=True)
        note(store, trial, planned=True)
        print(step, "noted", flush=True)
        finish(store, trial)
        print(step, "finished", flush=True)
        os._exit(0)
    if os.waitpid(pid, 0)[1] == 0:
        break
"""


def test_a_kill_at_any_statement_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    out, _ = child(KILL_AT_EVERY_STATEMENT, tmp_path).communicate(timeout=120)
    acknowledged: dict[int, str] = {}
    for line in out.splitlines():
        step, said = line.split()
        acknowledged[int(step)] = said
    last = max(acknowledged)
    assert acknowledged[last] == "finished" and last > 15
    for step in range(1, last + 1):
        trials = TrialStore(tmp_path / f"{step}.db").list()
        said = acknowledged.get(step)
        assert intact(tmp_path / f"{step}.db")
        assert len(trials) == (0 if said is None else 1)
        if said == "noted" or said == "finished":
            assert trials[0].notes == {"planned": True}
        if said == "finished":
            assert trials[0].outcome is Outcome.SUCCESS
        elif said is not None:
            assert (trials[0].outcome, trials[0].reason) == (Outcome.INTERRUPTED, Reason.CRASH)
            assert trials[0].finished is not None


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_at_most_one_interrupted_trial(path: Path) -> None:
    busy = "store = TrialStore(args[0])\nwhile True: print(finish(store, begin(store)).id, flush=True)"
    for round_ in range(3):
        process = child(busy, path)
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(5 + round_)]
        time.sleep(0.003 * round_)
        process.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in process.communicate()[0].split()]
        assert intact(path)
        records = {record.id: record for record in TrialStore(path).list()}
        assert all(records[trial].outcome is Outcome.SUCCESS for trial in acknowledged)
        later = [record for id_, record in records.items() if id_ > max(acknowledged)]
        assert len(later) <= 1
        assert all(record.outcome in (Outcome.SUCCESS, Outcome.INTERRUPTED) for record in later)


def test_a_trial_of_a_living_process_stays_open(log: str) -> None:
    process = child("begin(TrialStore(args[0])); print('begun', flush=True); time.sleep(60)", log)
    assert process.stdout is not None and process.stdout.readline() == "begun\n"
    store = TrialStore(log)
    assert store.list()[0].outcome is None
    process.kill()
    # Not waited for yet: a zombie still has its id and start time, but will never finish a trial.
    deadline = time.monotonic() + 20
    while store.list()[0].outcome is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert store.list()[0].outcome is Outcome.INTERRUPTED
    process.communicate()


def test_a_success_that_was_settled_survives_a_kill_before_the_trial_ends(log: str) -> None:
    code = (
        "from dataclasses import replace; from trials.record import Outcome\n"
        "store = TrialStore(args[0]); record = store.get(begin(store))\n"
        "store.settle(replace(record, outcome=Outcome.SUCCESS)); os.kill(os.getpid(), signal.SIGKILL)"
    )
    child(code, log).communicate(timeout=60)
    (record,) = TrialStore(log).list()
    assert (record.outcome, record.reason, record.detail) == (Outcome.SUCCESS, Reason.NONE, "")
    assert record.finished is not None


def test_a_reused_process_id_is_not_taken_for_the_trial(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = ProcessStamp.own()
    assert own.is_running and own.is_here
    earlier = ProcessStamp(own.pid, own.process_started_s - 10.0, own.host)
    monkeypatch.setattr(ProcessStamp, "own", staticmethod(lambda: earlier))
    store = TrialStore(log)
    begin(store)
    assert store.list()[0].outcome is Outcome.INTERRUPTED


def test_a_trial_on_another_host_is_given_up_after_a_day(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProcessStamp, "own", staticmethod(lambda: ProcessStamp(1, 0.0, "elsewhere")))
    store = TrialStore(log)
    begin(store)
    assert store.list()[0].outcome is None
    begun = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%d %H:%M:%S.%f")
    sql(log, "UPDATE trials SET begun = ?", begun)
    assert store.list()[0].outcome is Outcome.INTERRUPTED


# Several at once.


@pytest.mark.slow
def test_processes_that_make_and_write_one_log_together_lose_no_trial(log: str) -> None:
    code = """
store = TrialStore(args[0])
for _ in range(30):
    note(store, trial := begin(store), by=args[1])
    finish(store, trial)
    store.label(Label(trial=trial, value=LabelValue.SUCCESS, by=args[1]))
"""
    writers = [child(code, log, n) for n in range(4)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0, 0]
    for writer in writers:
        writer.communicate()
    labelled = TrialStore(log).labelled()
    assert [each.trial.id for each in labelled] == list(range(1, 121))
    assert len({each.trial.uuid for each in labelled}) == 120
    assert all(each.trial.outcome is Outcome.SUCCESS and each.is_confirmed for each in labelled)
    assert all(each.label and each.label.by == each.trial.notes["by"] for each in labelled)
    assert sorted(each.trial.notes["by"] for each in labelled) == sorted("0123" * 30)


# Disks that run full.

FILL = """
import resource
store = TrialStore(args[0])
if len(args) > 1:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(args[1]), int(args[1])))
try:
    while True:
        print("begun", trial := begin(store, note="x" * 3000), flush=True)
        finish(store, trial)
        print("finished", trial, flush=True)
except StorageError as error:
    print("refused", error, flush=True)
"""


def check_full(path: Path, out: str) -> None:
    lines = [line.split(" ", 1) for line in out.splitlines()]
    assert lines[-1][0] == "refused" and str(path) in lines[-1][1] and "df -h" in lines[-1][1]
    with TrialStore(path) as store:
        records = {record.id: record for record in store.list()}
    assert intact(path)
    assert {int(rest) for word, rest in lines if word == "begun"} <= set(records)
    for word, rest in lines:
        if word == "finished":
            assert records[int(rest)].outcome is Outcome.SUCCESS


def test_rows_survive_whichever_write_fails_first(tmp_path: Path) -> None:
    for limit in (34_000, 41_000, 60_000):
        path = tmp_path / f"{limit}.db"
        finish(store := TrialStore(path), begin(store))
        out, _ = child(FILL, path, limit).communicate(timeout=60)
        check_full(path, out)


def test_rows_survive_a_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True)
    if mount.returncode != 0:
        pytest.skip("mounting a small disk needs root")
    try:
        out, _ = child(FILL, disk / "trials.db").communicate(timeout=60)
        assert "disk is full" in out
        subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
        check_full(disk / "trials.db", out)
    finally:
        subprocess.run(["umount", disk], check=True)


# Rows that somebody edited.

EDITS = ("abc", b"\xff\xfe", -1, 1e300, "9" * 400, "", "[[[[", "[1, 2]", "2026-99-99", '{"later": 5}')


@pytest.mark.parametrize("column", ["pid", "process_started_s", "host", "begun", "notes", "scene", "metric", "surface"])
def test_an_open_row_edited_by_hand_blocks_nothing_and_is_named(tmp_path: Path, column: str) -> None:
    for number, value in enumerate(EDITS):
        path = tmp_path / f"{number}.db"
        with TrialStore(path) as store:
            edited = begin(store)
        sql(path, f"UPDATE trials SET {column} = ?", value)
        with TrialStore(path) as store:
            assert store.get(begin(store)).outcome is None
            try:
                assert len(store.list()) == 2
            except TrialError as error:
                assert f"Trial {edited} in {path}" in error.cause and f"WHERE id = {edited}" in error.remedy
