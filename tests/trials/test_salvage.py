"""A damaged log: what can be read of it is, and not a byte of it changes."""

from pathlib import Path

import pytest

from core.errors import DamageError, TrialError
from tests.support.logs.old import ROWS, write_old_log
from tests.support.trial_rows import Label, LabelValue, begin, finish, sql
from trials.store import TrialStore

TRIALS = 60


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "trials.db"
    with TrialStore(path) as store:
        for _ in range(TRIALS):
            trial = finish(store, begin(store, note="x" * 3000)).id
            store.label(Label(trial=trial, value=LabelValue.SUCCESS, by="ada"))
    return path


def salvaged(path: Path) -> TrialStore:
    before = path.read_bytes()
    with pytest.raises(DamageError):
        TrialStore(path, is_read=True)
    store = TrialStore(path, is_salvaged=True)
    assert path.read_bytes() == before
    return store


def overwrite(path: Path, page: int) -> None:
    data = bytearray(path.read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    path.write_bytes(data)


@pytest.mark.parametrize(("what", "stored"), [("trials", b"x" * 500), ("labels", b"successada")])
def test_of_a_log_with_an_overwritten_page_all_other_rows_are_read(whole: Path, what: str, stored: bytes) -> None:
    data = whole.read_bytes()
    overwrite(whole, 1 + data.index(stored, len(data) // 2 if what == "trials" else 0) // 4096)
    with salvaged(whole) as store:
        kept = store.labelled()
        assert store.lost_rows > 0
        assert TRIALS - len(kept) == (store.lost_rows if what == "trials" else 0)
        assert sum(not each.is_confirmed for each in kept) == (store.lost_rows if what == "labels" else 0)
        assert all(each.trial.notes == {"note": "x" * 3000} for each in kept)


def test_an_old_log_that_is_damaged_is_read_in_todays_form(tmp_path: Path) -> None:
    path = write_old_log(tmp_path / "trials.db")
    sql(path, "CREATE TABLE more (text VARCHAR)")
    sql(path, "INSERT INTO more VALUES (?)", "y" * 3000)
    sql(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    overwrite(path, path.stat().st_size // 4096)
    with salvaged(path) as store:
        assert len(store.labelled()) == len(ROWS)


def test_what_is_damaged_at_its_beginning_or_cut_off_is_refused_with_what_may_save_it(whole: Path) -> None:
    data = whole.read_bytes()
    for damaged in (b"\xa5" * 4096 + data[4096:], data[: len(data) * 9 // 10]):
        whole.write_bytes(damaged)
        with pytest.raises(TrialError) as caught:
            TrialStore(whole, is_salvaged=True)
        assert "aside" in caught.value.remedy and whole.read_bytes() == damaged
