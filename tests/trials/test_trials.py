"""The log of trials: what is written is what is read; what cannot be trusted is named and left as it is."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from core.errors import TrialError
from tests.support.trial_rows import begin, child, finish, sql
from trials.outcome import Outcome, Reason
from trials.store import TrialStore


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
