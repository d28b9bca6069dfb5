"""The log of trials: what is written is what is read; what cannot be trusted is named and left as it is."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from core.errors import StorageError, TrialError, VitroError
from core.json_values import plain
from tests.support.trial_rows import begin, child, finish, note, row, sql
from trials.record import MetricFit, Outcome, Reason
from trials.store import TrialStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "trials.db"


# What is written is what is read.


def test_a_trial_reads_back_as_it_was_written(path: Path) -> None:
    with TrialStore(path) as store:
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
    with TrialStore(path) as store:
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
        note(store, trial, late=True)
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


# A column more.

FIRST_LOG = """
CREATE TABLE vitro_schema (version INTEGER NOT NULL);
INSERT INTO vitro_schema VALUES (1);
CREATE TABLE trials (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, surface VARCHAR NOT NULL, estimator VARCHAR NOT NULL,
    detector VARCHAR NOT NULL, planner VARCHAR NOT NULL, cell VARCHAR NOT NULL, world VARCHAR NOT NULL,
    seed INTEGER NOT NULL, scene JSON NOT NULL, begun DATETIME NOT NULL, finished DATETIME, outcome VARCHAR,
    reason VARCHAR NOT NULL, detail VARCHAR NOT NULL, verified BOOLEAN, simulator_verdict BOOLEAN,
    stages_s JSON NOT NULL, metric JSON NOT NULL, notes JSON NOT NULL, pid INTEGER NOT NULL,
    process_started_s FLOAT NOT NULL, host VARCHAR NOT NULL);
INSERT INTO trials VALUES (4, 'diffuse', 'raw', 'antipodal', 'ompl', 'sim', 'digital cell', 9, '{"objects": []}',
    '2026-11-01 10:00:00.000000', '2026-11-01 10:00:09.500000', 'failure', 'slip', 'lost', 0, NULL,
    '{"capture": 0.5}', '{}', '{"table": {"tags": 6}}', 12, 3.5, 'lab');
"""


def test_a_log_of_the_first_kind_is_read_and_goes_on(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST_LOG)
    with TrialStore(path) as store:
        old = store.get(4)
        assert (old.outcome, old.reason, old.verified, old.simulator_verdict) == ("failure", "slip", False, None)
        assert (old.metric, old.stages_s, old.notes["table"]) == (MetricFit(), {"capture": 0.5}, {"tags": 6})
        assert old.finished is not None and (old.finished - old.begun).total_seconds() == 9.5
        assert finish(store, begin(store)).id == 5


def test_a_log_that_lacks_a_column_gets_it_with_the_records_default(path: Path) -> None:
    trial = begin(TrialStore(path))
    for column in ("detail", "metric", "simulator_verdict"):
        sql(path, f"ALTER TABLE trials DROP COLUMN {column}")
    with TrialStore(path) as store:
        old = store.get(trial)
        assert old == row(id=trial, begun=old.begun, uuid=old.uuid)
        finish(store, trial)
        assert store.get(trial).simulator_verdict is True


def test_what_a_newer_vitro_logged_is_read_without_what_is_not_known_here(path: Path) -> None:
    store = TrialStore(path)
    trial = finish(store, begin(store)).id
    sql(path, """UPDATE trials SET metric = '{"scale": 2.0, "shift": null, "worst_mm": 4.0}'""")
    with TrialStore(path) as store:
        assert store.get(trial).metric == MetricFit(scale=2.0)


# Files that cannot be trusted are named and left as they are.


def filled(path: Path) -> Path:
    store = TrialStore(path)
    for _ in range(8):
        finish(store, begin(store, note="x" * 3000))
    return path


def refused(path: Path, match: str, kind: type[VitroError] = TrialError) -> VitroError:
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(kind, match=match) as caught:
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
    refused(path, "cannot be opened", StorageError)


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
except StorageError as error:
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
