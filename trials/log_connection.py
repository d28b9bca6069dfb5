"""What everything that reads and writes the log goes through: transactions, and rows that can be trusted."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Executable, bindparam, select, text

from core.errors import StorageError, TrialError
from trials.database import may_write, open_database, open_salvaged
from trials.failures import database_errors
from trials.record import TrialRecord
from trials.table import campaign_of, campaigns, label_of, labels, record_of, trials

Value = TypeVar("Value")
#: What the database's types and ours raise over a row that somebody edited.
_EDITED = (ValueError, TypeError, LookupError, RecursionError)
_TRIAL = select(trials).where(trials.c.id == bindparam("row"))
_LOCKED_TRIAL = _TRIAL.with_for_update()
#: Table -> how its rows are read, what they are called.
_ROWS: dict[Any, tuple[Callable[[Any], Any], str]] = {
    trials: (record_of, "Trial"),
    labels: (label_of, "Label"),
    campaigns: (campaign_of, "Campaign"),
}


class LogConnection:
    """An opened log. where: its file, or its URL without the password. lost_rows: of a damaged one that is read
    nevertheless, how many cannot be."""

    def __init__(self, where: Path | str, is_read: bool = False, is_salvaged: bool = False) -> None:
        self.lost_rows = 0
        self._writes = not is_salvaged and (not is_read or may_write(str(where)))
        if is_salvaged:
            self.where = str(where)
            self._engine, self.lost_rows = open_salvaged(Path(where))
        else:
            self._engine, self.where = open_database(str(where), self._writes)

    def close(self) -> None:
        """Lets go of the database; idempotent."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A change of the log: all of it is on disk when this is left, or nothing where something is raised."""
        with database_errors(self.where), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A look at the log as it is now, whatever is written meanwhile; it keeps no writer waiting."""
        with database_errors(self.where), self._engine.execution_options(is_read=True).begin() as connection:
            if connection.dialect.name == "postgresql":  # else each question would see another log
                connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            yield connection

    @contextmanager
    def writing_alone(self) -> Iterator[Connection]:
        """As `writing`, while nobody else changes a trial or a label; waits for nobody.

        Raises:
            TrialError, StorageError: somebody changes one, or the log may only be read.
        """
        if not self._writes:
            raise StorageError(f"{self.where} is only read.", "Be a user who may write it.")
        with database_errors(self.where), self._engine.execution_options(waits=False).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("LOCK TABLE trials, labels IN SHARE MODE NOWAIT"))
            yield connection

    def _get(self, connection: Connection, trial: int, is_changed: bool = True) -> TrialRecord:
        records = self.read(connection, _LOCKED_TRIAL if is_changed else _TRIAL, record_of, {"row": trial})
        if not records:
            raise TrialError(f"There is no trial {trial} in {self.where}.", "List them: python main.py trials list")
        return records[0]

    def read(
        self,
        connection: Connection,
        query: Executable,
        make: Callable[[Any], Value],
        values: Mapping[str, Any] | None = None,
    ) -> tuple[Value, ...]:
        """What a question answers, or a change returns, told `values` for what it leaves open.

        Raises:
            TrialError: names the first row that cannot be read.
        """
        try:
            return tuple(map(make, connection.execute(query, values).all()))
        except _EDITED:
            for table in _ROWS:
                self._demand_readable(connection, table)
            raise

    def _demand_readable(self, connection: Connection, table: Any) -> None:
        make, what = _ROWS[table]
        for id_ in connection.execute(select(table.c.id)).scalars().all():
            try:
                make(connection.execute(select(table).where(table.c.id == id_)).one())
            except _EDITED as error:
                said = " ".join(str(error).split()).rstrip(".")
                raise TrialError(
                    f"{what} {id_} in {self.where} was edited into what no {what.lower()} is ({said}).",
                    f"Mend it there, or take it out: sqlite3 {shlex.quote(self.where)} "
                    f"'DELETE FROM {table.name} WHERE id = {id_}'",
                ) from error
