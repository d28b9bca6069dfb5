"""What is kept of the log to count it at once is what the log says, whatever has happened to it since."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Table, func, select, text
from sqlalchemy.dialects.postgresql import insert

from tests.support.drawn.campaigns import add, campaign, draw_verdicts
from tests.support.logs.postgres import new_database
from tests.support.trial_rows import TrialStore, row
from trials.arrays.blocks import keep_blocks, read_arrays
from trials.arrays.reading import read_rows
from trials.arrays.trial_arrays import TrialArrays, arrays_of
from trials.arrays.triggers import BLOCK_BITS, trigger_statements
from trials.exchange.content import read_content
from trials.exchange.intake import take_in
from trials.label import FailureReason, Label, LabelValue
from trials.record import DIGITAL_CELL, Outcome, Reason
from trials.table import counted_blocks, labels, trials

BLOCK = 1 << BLOCK_BITS
ESTIMATORS = ("raw", "50 % vitro", "oracle (cheat)")


def begin_at(store: TrialStore, number: int) -> None:
    """The log's next trial gets this number."""
    with store.writing() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("INSERT INTO sqlite_sequence VALUES ('trials', :last)"), {"last": number - 1})
        else:
            connection.execute(text("SELECT setval('trials_id_seq', :last)"), {"last": number - 1})


@pytest.fixture
def store(log: str) -> Iterator[TrialStore]:
    """A log in which a dozen trials fill a block, as far as numbers tell."""
    with TrialStore(log) as opened:
        begin_at(opened, BLOCK - 11)
        yield opened


def filled(store: TrialStore, says: LabelValue | None = None) -> list[int]:
    """The numbers of trials of two blocks, the first of which can be kept."""
    return [add(store, says).id for _ in range(16)]


def kept(store: TrialStore) -> list[int]:
    with store.reading() as connection:
        return list(connection.execute(select(counted_blocks.c.block).order_by(counted_blocks.c.block)).scalars())


def counted_anew(store: TrialStore, of: int | None) -> TrialArrays:
    with store.reading() as connection:
        last = connection.execute(select(func.max(trials.c.id))).scalar() or 0
        return arrays_of([read_rows(connection, range(last + 1), of)])


def assert_same(found: TrialArrays, right: TrialArrays) -> None:
    for field in fields(TrialArrays):
        if field.name not in ("kinds", "examples"):
            np.testing.assert_array_equal(getattr(found, field.name), getattr(right, field.name), field.name)
    assert [told_of(found, kind) for kind in found.kinds] == [told_of(right, kind) for kind in right.kinds]


def told_of(arrays: TrialArrays, kind: int) -> tuple[object, ...]:
    known = arrays.examples[kind]
    trial = known.trial
    verdicts = trial.simulator_verdict, trial.first_simulator_verdict
    return trial.surface, trial.estimator, trial.world, trial.outcome, trial.reason, known.value, known.cause, verdicts


class History:
    """Changes that a log sees, in any order, each by a process of its own or by hand."""

    def __init__(self, store: TrialStore, other: TrialStore, draw: Random) -> None:
        self._store, self._other, self._draw = store, other, draw
        self._campaign = store.add_campaign(campaign(scenes=40)).id

    def go_on(self) -> None:
        steps: tuple[Callable[[], object], ...] = (
            self._run, self._run, self._run, self._begin, self._label, self._label, self._undo, self._end_scene,
            self._objects, self._take_in, self._by_hand, self._delete, self._replace, self._replace_label,
        )  # fmt: skip
        self._draw.choice(steps)()

    def _trial(self) -> int:
        with self._store.reading() as connection:
            ids = connection.execute(select(trials.c.id).where(trials.c.outcome.is_not(None))).scalars().all()
        return self._draw.choice(ids) if ids else add(self._store).id

    def _run(self) -> None:
        draw = self._draw
        in_campaign = draw.random() < 0.6
        add(
            self._store,
            draw.choice((None, *LabelValue)),
            estimator=draw.choice(ESTIMATORS),
            surface=draw.choice(("diffuse", "reflective")),
            campaign=self._campaign if in_campaign else 0,
            scene_number=draw.randrange(4) if in_campaign else 0,
            scene_key=0 if in_campaign else draw.randrange(3),
            seed=draw.choice((7, 2**31 - 1)),
            objects=draw.choice((1, 3)),
            pick=draw.choice((1, 2)),
            **draw_verdicts(draw),
            world=draw.choice(("hardware", DIGITAL_CELL)),
            outcome=draw.choice((Outcome.SUCCESS, Outcome.FAILURE, Outcome.INTERRUPTED)),
            reason=draw.choice(tuple(Reason)),
        )

    def _begin(self) -> None:
        self._store.begin(row())

    def _label(self) -> None:
        value = self._draw.choice(tuple(LabelValue))
        self._store.label(Label(trial=self._trial(), value=value, reason=self._draw.choice(tuple(FailureReason))))

    def _undo(self) -> None:
        trial = self._trial()
        if self._store.standing_label(trial):
            self._store.undo(trial)

    def _end_scene(self) -> None:
        self._store.annotate(self._trial(), scene_ended="empty")

    def _objects(self) -> None:
        self._store.count_objects([self._trial()], self._draw.choice((1, 2)))

    def _take_in(self) -> None:
        """Another lab's copy of this log, in which labels were given and taken back since."""
        take_in(self._other, read_content(self._store))
        last = add(self._other, LabelValue.SUCCESS).id
        first = self._other.list()[0].id
        self._other.label(Label(trial=first, value=LabelValue.INVALID, by="another lab"))
        self._other.undo(self._draw.choice((first, last)))
        take_in(self._store, read_content(self._other))

    def _by_hand(self) -> None:
        with self._store.writing() as connection:
            connection.execute(trials.update().where(trials.c.id == self._trial()).values(estimator="by hand"))

    def _delete(self) -> None:
        with self._store.writing() as connection:
            trial = self._trial()
            connection.execute(labels.delete().where(labels.c.trial == trial))
            connection.execute(trials.delete().where(trials.c.id == trial))

    def _replace(self) -> None:
        """By a program that writes a trial anew under its uuid: on SQLite its old row goes without a word."""
        trial = self._trial()
        with self._store.writing() as connection:
            known = connection.execute(select(trials).where(trials.c.id == trial)).one()._asdict()
            del known["id"]
            put(connection, trials, "uuid", known | {"estimator": "anew"})

    def _replace_label(self) -> None:
        """By one that writes a label anew under its number, of another trial."""
        trial = self._trial()
        with self._store.writing() as connection:
            known = connection.execute(select(labels)).all()
            if known:
                put(connection, labels, "id", self._draw.choice(known)._asdict() | {"trial": trial})


def put(connection: Connection, table: Table, key: str, row: dict[str, Any]) -> None:
    """A row in the place of the one that has the same key, as each database does it at once."""
    if connection.dialect.name == "sqlite":
        connection.execute(table.insert().prefix_with("OR REPLACE").values(row))
    else:
        connection.execute(insert(table).values(row).on_conflict_do_update(index_elements=[key], set_=row))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_to_a_log_it_counts_as_if_it_were_read_anew(
    store: TrialStore, tmp_path: Path, seed: int
) -> None:
    draw, blocks = Random(seed), 0
    with TrialStore(tmp_path / "other.db") as other:
        history = History(store, other, draw)
        for _ in range(40):
            for _ in range(draw.randrange(1, 4)):
                history.go_on()
            before = len(kept(store))
            of = draw.choice((None, None, 1))
            assert_same(read_arrays(store, of), counted_anew(store, of))
            blocks += len(kept(store)) > before
    assert blocks > 5  # blocks were made, and made anew after a change


REPLACED = {
    "trial by uuid": f"""INSERT OR REPLACE INTO trials ({{trials}})
        SELECT {{trials}} FROM trials WHERE id < {BLOCK} ORDER BY id LIMIT 1""",
    "trial by update": f"UPDATE OR REPLACE trials SET uuid = (SELECT min(uuid) FROM trials WHERE id < {BLOCK}) "
    f"WHERE id > {BLOCK} + 2",
    "label by id": f"""INSERT OR REPLACE INTO labels (id, trial, {{labels}})
        SELECT id, {BLOCK} + 1, {{labels}} FROM labels WHERE trial < {BLOCK} ORDER BY id LIMIT 1""",
    "label by update": f"UPDATE OR REPLACE labels SET id = (SELECT min(id) FROM labels) WHERE trial = {BLOCK} + 1",
}


@pytest.mark.parametrize("statement", REPLACED.values(), ids=REPLACED)
def test_what_another_program_replaces_is_not_counted(tmp_path: Path, statement: str) -> None:
    """sqlite3 as it comes: REPLACE takes what is in a row's way, and no trigger of a deletion fires."""
    with TrialStore(tmp_path / "trials.db") as store:
        begin_at(store, BLOCK - 11)
        filled(store, LabelValue.SUCCESS)
        before = read_arrays(store)
        assert kept(store) == [0]
        names = {
            table.name: ", ".join(f'"{column.name}"' for column in table.c if column.name not in ("id", "trial"))
            for table in (trials, labels)
        }
        with closing(sqlite3.connect(tmp_path / "trials.db")) as program, program:
            program.execute(statement.format(**names))
        found = read_arrays(store)
        assert_same(found, counted_anew(store, None))
        assert told(found) != told(before)


def told(arrays: TrialArrays) -> list[object]:
    return [(id_, told_of(arrays, kind)) for id_, kind in zip(arrays.ids, arrays.kinds, strict=True)]


@pytest.mark.parametrize("emptied", ["labels", "trials RESTART IDENTITY", "trials, labels RESTART IDENTITY"])
def test_what_a_server_truncates_is_not_counted(postgres: str, emptied: str) -> None:
    log = new_database(postgres)
    with TrialStore(log) as store:
        begin_at(store, BLOCK - 11)
        filled(store, LabelValue.SUCCESS)
        read_arrays(store)
        assert kept(store) == [0]
        with store.writing() as connection:
            connection.execute(text(f"TRUNCATE {emptied}"))
        assert_same(read_arrays(store), counted_anew(store, None))
        assert not read_arrays(store).each(lambda known: known.is_confirmed).any()


def test_what_was_counted_wrongly_before_is_counted_anew(log: str) -> None:
    """A log of the form before, in which a program has replaced trials of a block that is kept."""
    with TrialStore(log) as store:
        begin_at(store, BLOCK - 11)
        filled(store, LabelValue.SUCCESS)
        read_arrays(store)
        with store.writing() as connection:
            before = triggers(connection)
            for name in before:
                is_file = connection.dialect.name == "sqlite"
                connection.execute(text(f"DROP TRIGGER {name}" if is_file else f"DROP FUNCTION {name} CASCADE"))
            connection.execute(trials.update().where(trials.c.id < BLOCK).values(estimator="replaced"))
            for statement in trigger_statements(connection.dialect.name):
                connection.execute(text(statement))
            connection.execute(text("UPDATE vitro_schema SET version = 4"))
            connection.execute(text("UPDATE alembic_version SET version_num = '0004'"))
    with TrialStore(log) as store:
        with store.reading() as connection:
            assert triggers(connection) == before and len(before) >= 8
        assert "replaced" in read_arrays(store).estimators
        assert_same(read_arrays(store), counted_anew(store, None))


def triggers(connection: Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        names = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    else:
        tables = ", ".join(f"CAST('{table}' AS regclass)" for table in (trials, labels))
        names = f"SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN ({tables})"
    return set(connection.execute(text(names)).scalars())


def test_of_blocks_that_are_kept_no_row_is_read(store: TrialStore) -> None:
    filled(store, LabelValue.SUCCESS)
    assert len(read_arrays(store)) == 16
    (first,) = kept(store)
    assert first == 0
    with store.writing() as connection:  # by a hand that takes care to leave the blocks alone
        kept_block = connection.execute(select(counted_blocks)).one()
        connection.execute(labels.delete().where(labels.c.trial < BLOCK))
        connection.execute(counted_blocks.insert().values(kept_block._mapping))
    assert read_arrays(store).each(lambda known: known.is_confirmed).all()


def test_the_newest_block_is_never_kept(store: TrialStore) -> None:
    ids = filled(store)
    read_arrays(store)
    assert kept(store) == [0] and max(ids) >= BLOCK


def test_a_change_that_is_not_committed_forgets_nothing(store: TrialStore) -> None:
    ids = filled(store)
    keep_blocks(store)
    with pytest.raises(RuntimeError), store.writing() as connection:
        connection.execute(trials.update().where(trials.c.id == ids[0]).values(surface="ice"))
        raise RuntimeError
    assert kept(store) == [0]
    assert "ice" not in read_arrays(store).surfaces


def test_while_somebody_else_writes_the_rows_are_read_and_nothing_waits(store: TrialStore, log: str) -> None:
    ids = filled(store)
    with TrialStore(log) as station, station.writing() as connection:
        connection.execute(trials.update().where(trials.c.id == ids[0]).values(surface="ice"))
        assert len(read_arrays(store)) == 16 and kept(store) == []
    assert read_arrays(store).surfaces == ("ice", "reflective") and kept(store) == [0]


def test_what_is_written_during_a_look_is_seen_by_the_next(store: TrialStore, log: str) -> None:
    filled(store)
    how_many = select(func.count()).select_from(trials)
    with store.reading() as connection, TrialStore(log) as other:
        before = connection.execute(how_many).scalar_one()
        add(other)
        assert connection.execute(how_many).scalar_one() == before
    with store.reading() as connection:
        assert connection.execute(how_many).scalar_one() == before + 1


def test_a_block_that_the_disk_spoiled_is_read_from_its_rows(store: TrialStore) -> None:
    filled(store)
    right = read_arrays(store)
    with store.writing() as connection:
        rows = bytearray(connection.execute(select(counted_blocks.c.rows)).scalar_one())
        rows[5] ^= 1
        connection.execute(counted_blocks.update().values(rows=bytes(rows)))
    assert_same(read_arrays(store), right)


def test_a_log_that_may_only_be_read_is_counted_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trials.db"
    with TrialStore(path) as store:
        begin_at(store, BLOCK - 11)
        filled(store)
    before = path.read_bytes()
    monkeypatch.setattr("trials.log_connection.may_write", lambda where: False)
    with TrialStore(path, is_read=True) as store:
        assert len(read_arrays(store)) == 16
    assert path.read_bytes() == before


def test_of_a_damaged_log_what_is_lost_is_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "trials.db"
    with TrialStore(path) as store:
        begin_at(store, BLOCK - 11)
        filled(store)
        keep_blocks(store)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with TrialStore(path, is_salvaged=True) as store:
        assert kept(store) == [] and len(read_arrays(store)) == 16
