"""The log of trials: what is written is what is read; what cannot be trusted is named and left as it is."""

import json
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import psutil
import psycopg
import pytest

from core.errors import StorageError, TrialError, VitroError
from core.json_values import plain
from tests.support.logs.postgres import new_database
from tests.support.trial_rows import begin, child, finish, note, row, sql
from trials.record import DIGITAL_CELL, MetricFit, Outcome, Reason
from trials.store import TrialStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "trials.db"


# What is written is what is read.


def test_the_newest_trial_is_that_of_this_machine_in_this_cell_and_world(log: str) -> None:
    with TrialStore(log) as store:
        assert store.newest("lab", "hardware", 1) == ()
        first, own, elsewhere = (store.begin(row(cell="lab", world="hardware")).id for _ in range(3))
        sql(log, "UPDATE trials SET host = 'another station' WHERE id = ?", elsewhere)
        for other in ({"cell": "lab", "world": DIGITAL_CELL}, {"cell": "lab2", "world": "hardware"}):
            store.begin(row(**other))
        assert [trial.id for trial in store.newest("lab", "hardware", 2)] == [own, first]
        assert store.list(last=1)[0].id != own


def test_a_trial_reads_back_as_it_was_written(log: str) -> None:
    with TrialStore(log) as store:
        scene = {"objects": [{"family": "tumbler", "position_m": np.array([0.1, 0.2])}]}
        begun = store.begin(row(surface="diffuse", estimator="oracle", seed=np.int64(3), scene=scene))
        store.update(replace(begun, notes={"grasps": np.int32(12), "clearance_m": float("nan")}))
        note(store, begun.id, arm="left")
        store.update(
            replace(
                store.get(begun.id),
                outcome=Outcome.FAILURE,
                reason=Reason.SLIP,
                detail="lost on the way up",
                verified=np.bool_(False),
                simulator_verdict=False,
                stages_s={"capture": np.float64(1.5)},
                metric=MetricFit(2.0, float("inf"), 0.4),
            )
        )
    with TrialStore(log) as store:
        (record,) = store.list()
    assert record.scene == {"objects": [{"family": "tumbler", "position_m": [0.1, 0.2]}]}
    assert record.notes == {"grasps": 12, "clearance_m": None, "arm": "left"}
    assert (record.seed, record.outcome, record.reason) == (3, Outcome.FAILURE, Reason.SLIP)
    assert record.finished is not None and timedelta(0) <= record.finished - record.begun < timedelta(minutes=1)
    expected = {
        "id": begun.id,
        "surface": "diffuse",
        "estimator": "oracle",
        "detector": "antipodal",
        "planner": "ompl",
        "cell": "sim",
        "world": "sim",
        "seed": 3,
        "scene": record.scene,
        "begun": record.begun.isoformat(),
        "finished": record.finished.isoformat(),
        "outcome": "failure",
        "reason": "slip",
        "detail": "lost on the way up",
        "verified": False,
        "simulator_verdict": False,
        "stages_s": {"capture": 1.5},
        "metric": {"scale": 2.0, "shift": None, "residual_mm": 0.4},
        "notes": record.notes,
    }
    assert plain(record) | expected == plain(record)
    json.dumps(plain(record), allow_nan=False)


def test_a_begun_trial_is_on_disk_before_begin_returns(log: str) -> None:
    trial = begin(TrialStore(log))
    assert sql(log, "SELECT id, outcome FROM trials") == [(trial, None)]


def test_an_ended_trial_is_never_rewritten(log: str) -> None:
    store = TrialStore(log)
    trial = begin(store)
    finish(store, trial)
    with pytest.raises(TrialError, match="already ended"):
        finish(store, trial, Outcome.FAILURE)
    with pytest.raises(TrialError, match="already ended"):
        note(store, trial, late=True)
    assert store.get(trial).outcome is Outcome.SUCCESS


def test_an_unknown_trial_is_named(log: str) -> None:
    with pytest.raises(TrialError, match="no trial 12"):
        TrialStore(log).get(12)


def test_the_newest_trials_come_last(log: str) -> None:
    store = TrialStore(log)
    ids = [begin(store, surface) for surface in ("diffuse", "reflective", "diffuse", "translucent")]
    assert [r.id for r in store.list(last=2)] == ids[-2:]
    assert [r.id for r in store.list(surface="diffuse")] == [ids[0], ids[2]]
    assert store.list(estimator="oracle") == ()


def test_what_a_newer_vitro_logged_is_read_without_what_is_not_known_here(log: str) -> None:
    store = TrialStore(log)
    trial = finish(store, begin(store)).id
    sql(log, """UPDATE trials SET metric = '{"scale": 2.0, "shift": null, "worst_mm": 4.0}'""")
    with TrialStore(log) as store:
        assert store.get(trial).metric == MetricFit(scale=2.0)


# Files that cannot be trusted are named and left as they are.


def filled(path: Path) -> Path:
    with TrialStore(path) as store:
        for _ in range(8):
            finish(store, begin(store, note="x" * 3000))
    return path


def refused(path: Path, match: str, kind: type[VitroError] = TrialError) -> VitroError:
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(kind, match=match) as caught:
        TrialStore(path)
    assert str(path) in caught.value.cause and caught.value.remedy
    held = [file.path for file in psutil.Process().open_files()]
    assert str(path) not in held, "what is not opened keeps nobody waiting"
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
    with TrialStore(path) as store:
        begin(store)
    sql(path, "UPDATE vitro_schema SET version = 99")
    assert "Update Vitro" in refused(path, "version 99").remedy


def test_a_folder_in_place_of_the_log_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    assert "mv " in refused(path, "is a folder", StorageError).remedy


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


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+nodriver://vitro:secret@localhost/vitro",
        "postgresql://vitro:secret@localhost:1/vitro",
        "postgresql://vitro@localhost:1/vitro?password=secret",
        "postgresql://vitro:s:ec@ret:secret@localhost/vitro",
    ],
)
def test_a_server_that_cannot_be_used_is_a_clear_error_without_its_password(url: str) -> None:
    with pytest.raises(TrialError, match=r"cannot be used|is no URL") as caught:
        TrialStore(url)
    assert "secret" not in str(caught.value)


def test_a_log_on_a_server_that_may_only_be_read_is_read(postgres: str) -> None:
    url = new_database(postgres)
    finish(store := TrialStore(url), begin(store))
    with suppress(psycopg.errors.DuplicateObject):
        sql(url, "CREATE ROLE reader LOGIN")
    schema = url.rpartition("%3D")[2]
    sql(url, f"GRANT USAGE ON SCHEMA {schema} TO reader")
    sql(url, f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader")
    with TrialStore(url.replace("vitro@", "reader@"), is_read=True) as store:
        assert len(store.list()) == len(store.labelled()) == store.count() == 1
        with pytest.raises(StorageError, match="forbids"):
            begin(store)


READ_ONLY = """
TrialStore(args[0] + "-warm").list()
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    TrialStore(args[0])
except StorageError as error:
    print(error)
"""


def test_a_log_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    # Loaded first, unprivileged after: root may write everything.
    path = tmp_path / "trials.db"
    with TrialStore(path) as store:
        begin(store)
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
