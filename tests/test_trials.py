"""The log of trials: what was committed survives kills, full disks and other writers; what is damaged is left alone."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from errors import TrialError
from tests.trial_rows import begin, finish
from trials.outcome import Outcome, Reason
from trials.process import ProcessStamp
from trials.record import TrialRecord
from trials.store import TrialStore
from trials.summary import PAPER, Proportion, counts, summarise

ROOT = Path(__file__).parent.parent


def child(code: str, *args: object) -> subprocess.Popen:
    """A Python process with `begin` and `finish` at hand and the arguments as `args`."""
    prelude = "import os, signal, sys, time\nfrom tests.trial_rows import *\nargs = sys.argv[1:]\n"
    command = [sys.executable, "-c", prelude + code, *map(str, args)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def intact(path: Path) -> bool:
    return sql(path, "PRAGMA integrity_check") == [("ok",)]


def sql(path: Path, statement: str, *values: object) -> list[tuple]:
    """What another program reads or changes in the database."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "trials.db"


# What is written is what is read.


def test_a_trial_reads_back_as_it_was_written(path: Path) -> None:
    with TrialStore(path) as store:
        scene = {"objects": [{"family": "tumbler", "position_m": np.array([0.1, 0.2])}]}
        trial = store.begin(
            "diffuse", "oracle", "antipodal", "ompl", cell="sim", world="sim", seed=np.int64(3), scene=scene
        )
        store.note(trial, grasps=np.int32(12), clearance_m=float("nan"))
        store.note(trial, arm="left")
        store.finish(
            trial,
            Outcome.FAILURE,
            Reason.SLIP,
            detail="lost on the way up",
            verified=np.bool_(False),
            simulator_verdict=False,
            stages_s={"capture": np.float64(1.5)},
            metric={"scale": 2.0, "shift": float("inf"), "residual_mm": 0.4},
        )
    with TrialStore(path) as store:
        (record,) = store.list()
    assert record.scene == {"objects": [{"family": "tumbler", "position_m": [0.1, 0.2]}]}
    assert record.notes == {"grasps": 12, "clearance_m": None, "arm": "left"}
    assert (record.seed, record.outcome, record.reason) == (3, Outcome.FAILURE, Reason.SLIP)
    assert record.finished is not None and timedelta(0) <= record.finished - record.begun < timedelta(minutes=1)
    assert record.as_json() == {
        "id": trial,
        "surface": "diffuse",
        "estimator": "oracle",
        "detector": "antipodal",
        "planner": "ompl",
        "outcome": "failure",
        "reason": "slip",
        "verified": False,
        "simulator_verdict": False,
        "stages_s": {"capture": 1.5},
        "metric": {"scale": 2.0, "shift": None, "residual_mm": 0.4},
    }
    json.dumps(record.as_json(), allow_nan=False)


def test_a_begun_trial_is_on_disk_before_begin_returns(path: Path) -> None:
    trial = begin(TrialStore(path))
    assert sql(path, "SELECT id, outcome FROM trials") == [(trial, None)]


def test_an_ended_trial_is_never_rewritten(path: Path) -> None:
    store = TrialStore(path)
    trial = begin(store)
    finish(store, trial)
    with pytest.raises(TrialError, match="already ended"):
        finish(store, trial, Outcome.FAILURE)
    with pytest.raises(TrialError, match="already ended"):
        store.note(trial, late=True)
    assert store.get(trial).outcome is Outcome.SUCCESS


def test_an_unknown_trial_is_named(path: Path) -> None:
    with pytest.raises(TrialError, match="no trial 12"):
        TrialStore(path).get(12)


def test_the_newest_trials_come_last(path: Path) -> None:
    store = TrialStore(path)
    ids = [begin(store, surface) for surface in ("diffuse", "reflective", "diffuse", "translucent")]
    assert [r.id for r in store.list(last=2)] == ids[-2:]
    assert [r.id for r in store.list(surface="diffuse")] == [ids[0], ids[2]]
    assert store.list(estimator="oracle") == ()


# Processes that die.

KILL_AT_EVERY_STATEMENT = """
from sqlalchemy import Engine, event
from trials import schema
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
        store.note(trial, planned=True)
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


def test_a_trial_of_a_living_process_stays_open(path: Path) -> None:
    process = child("begin(TrialStore(args[0])); print('begun', flush=True); time.sleep(60)", path)
    assert process.stdout is not None and process.stdout.readline() == "begun\n"
    store = TrialStore(path)
    assert store.list()[0].outcome is None
    process.kill()
    # Not waited for yet: a zombie still has its id and start time, but will never finish a trial.
    deadline = time.monotonic() + 20
    while store.list()[0].outcome is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert store.list()[0].outcome is Outcome.INTERRUPTED
    process.communicate()


def test_a_reused_process_id_is_not_taken_for_the_trial(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = ProcessStamp.own()
    assert own.is_running and own.is_here
    earlier = ProcessStamp(own.pid, own.started_s - 10.0, own.host)
    monkeypatch.setattr(ProcessStamp, "own", staticmethod(lambda: earlier))
    store = TrialStore(path)
    begin(store)
    assert store.list()[0].outcome is Outcome.INTERRUPTED


def test_a_trial_on_another_host_is_given_up_after_a_day(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProcessStamp, "own", staticmethod(lambda: ProcessStamp(1, 0.0, "elsewhere")))
    store = TrialStore(path)
    begin(store)
    assert store.list()[0].outcome is None
    begun = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%d %H:%M:%S.%f")
    sql(path, "UPDATE trials SET begun = ?", begun)
    assert store.list()[0].outcome is Outcome.INTERRUPTED


# Several at once.


def test_processes_that_make_and_write_one_log_together_lose_no_trial(path: Path) -> None:
    code = (
        "store = TrialStore(args[0])\nfor _ in range(20): store.note(i := begin(store), by=args[1]); finish(store, i)"
    )
    writers = [child(code, path, n) for n in range(4)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0, 0]
    for writer in writers:
        writer.communicate()
    records = TrialStore(path).list()
    assert [record.id for record in records] == list(range(1, 81))
    assert all(record.outcome is Outcome.SUCCESS for record in records)
    assert sorted(record.notes["by"] for record in records) == sorted("0123" * 20)


# Files that cannot be trusted are named and left as they are.


def filled(path: Path) -> Path:
    store = TrialStore(path)
    for _ in range(8):
        finish(store, begin(store, note="x" * 3000))
    return path


def refused(path: Path, match: str) -> TrialError:
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(TrialError, match=match) as caught:
        TrialStore(path)
    assert str(path) in caught.value.cause and caught.value.remedy
    if before is not None:
        assert path.read_bytes() == before
    return caught.value


@pytest.mark.parametrize("keep", [1, 60, 4096, 10_000, 0.5, 0.9])
def test_a_truncated_log_is_refused_and_left_as_it_is(path: Path, keep: float) -> None:
    filled(path)
    size = path.stat().st_size
    os.truncate(path, keep if isinstance(keep, int) else int(size * keep))
    refused(path, "damaged|not a database")


def test_a_log_with_an_overwritten_page_is_refused(path: Path) -> None:
    data = bytearray(filled(path).read_bytes())
    data[8192:12288] = b"\xa5" * 4096
    path.write_bytes(data)
    refused(path, "damaged")


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("surface,outcome\nreflective,success\n" * 40)
    assert "mv" in refused(path, "not a database").remedy


def test_a_database_of_something_else_is_refused(path: Path) -> None:
    path.parent.mkdir()
    sql(path, "CREATE TABLE recipes (name TEXT)")
    refused(path, "not a log of trials")


def test_a_log_of_a_newer_version_is_refused(path: Path) -> None:
    begin(TrialStore(path))
    sql(path, "UPDATE vitro_schema SET version = 99")
    assert "Update Vitro" in refused(path, "version 99").remedy


def test_a_folder_in_place_of_the_log_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    refused(path, "cannot be opened")


def test_an_emptied_log_with_rows_left_in_its_write_ahead_log_is_refused(path: Path) -> None:
    store = TrialStore(path)
    with closing(sqlite3.connect(path)) as reader:  # an open reader keeps the write-ahead log
        reader.execute("SELECT count(*) FROM trials").fetchone()
        finish(store, begin(store))
        wal = path.with_name(path.name + "-wal")
        copies = path.with_name("copy.db"), path.with_name("copy.db-wal")
        shutil.copy(path, copies[0])
        shutil.copy(wal, copies[1])
    os.truncate(copies[0], 0)
    rows = copies[1].read_bytes()
    refused(copies[0], "emptied")
    assert copies[1].read_bytes() == rows


def test_an_unreachable_server_is_a_clear_error() -> None:
    with pytest.raises(TrialError, match="cannot be used") as caught:
        TrialStore("postgresql+nodriver://vitro:secret@localhost/vitro")
    assert "secret" not in str(caught.value)


READ_ONLY = """
TrialStore(args[0] + "-warm").list()
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    TrialStore(args[0])
except TrialError as error:
    print(error)
"""


def test_a_log_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    # Loaded first, unprivileged after: root may write everything.
    path = tmp_path / "trials.db"
    begin(TrialStore(path))
    before = path.read_bytes()
    process = child(READ_ONLY, path)
    # The folders above must be passable for the unprivileged user, as /var or /srv would be.
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder.is_relative_to("/tmp/") and folder != Path("/tmp"):
            folder.chmod(0o755)
    path.chmod(0o444)
    out, _ = process.communicate(timeout=60)
    assert str(path) in out and "VITRO_HOME" in out
    assert path.read_bytes() == before


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
except TrialError as error:
    print("refused", error, flush=True)
"""


def check_full(path: Path, out: str) -> None:
    lines = [line.split(" ", 1) for line in out.splitlines()]
    assert lines[-1][0] == "refused" and str(path) in lines[-1][1] and "df -h" in lines[-1][1]
    records = {record.id: record for record in TrialStore(path).list()}
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


# What the log adds up to.


def record(**changes: object) -> TrialRecord:
    fields = dict.fromkeys(TrialRecord.__dataclass_fields__)
    fields |= {"surface": "reflective", "estimator": "raw", "outcome": Outcome.SUCCESS, "reason": Reason.NONE}
    return TrialRecord(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(("hits", "of"), [(0, 1), (1, 1), (16, 20), (0, 20), (20, 20), (37, 200)])
def test_intervals_are_wilsons(hits: int, of: int) -> None:
    from scipy.stats import binomtest

    reference = binomtest(hits, of).proportion_ci(method="wilson")
    assert Proportion(hits, of).interval == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_nothing_counted_says_nothing() -> None:
    assert Proportion(0, 0).rate is None
    assert Proportion(0, 0).interval == (0.0, 1.0)


def test_trials_that_people_or_equipment_ended_do_not_count_but_are_told() -> None:
    log = [
        record(verified=True, simulator_verdict=True),
        record(verified=True, simulator_verdict=False),
        record(outcome=Outcome.FAILURE, reason=Reason.EMPTY, verified=False, simulator_verdict=False),
        record(outcome=Outcome.REFUSED, reason=Reason.NO_GRASP, simulator_verdict=False),
        record(outcome=Outcome.INTERRUPTED, reason=Reason.TRACKING, simulator_verdict=False),
        record(outcome=Outcome.REFUSED, reason=Reason.OPERATOR),
        record(outcome=Outcome.INTERRUPTED, reason=Reason.CRASH),
        record(outcome=None),
        record(surface="diffuse"),
    ]
    diffuse, reflective = summarise(log)
    assert (diffuse.surface, diffuse.success, diffuse.simulated.of) == ("diffuse", Proportion(1, 1), 0)
    assert reflective.success == Proportion(2, 5)
    assert reflective.simulated == Proportion(1, 5)
    assert reflective.agreement == Proportion(2, 3)
    assert reflective.excluded == 3
    assert sum(map(counts, log)) == 6


def test_the_papers_numbers_cover_every_surface() -> None:
    assert all(set(rates) == {"translucent", "reflective", "diffuse"} for rates in PAPER.values())
