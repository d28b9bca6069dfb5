"""Opening a database that holds a log of trials, and nothing else.

SQLite in WAL mode with synchronous=FULL: a committed row survives kill -9 and power loss, and
readers never block the writer. Another database works by its SQLAlchemy URL.
"""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Column, Connection, Engine, Integer, Table, create_engine, event, inspect, make_url, select
from sqlalchemy.pool import NullPool

from core.errors import TrialError
from core.json_values import to_json
from trials.failures import database_errors, sqlite_error
from trials.table import add_columns, metadata

VERSION = 1
#: How long one process waits for another's write, which takes milliseconds.
BUSY_S = 30.0
_MAGIC = b"SQLite format 3\0"

schema = Table("vitro_schema", metadata, Column("version", Integer, nullable=False))


def open_database(where: str, writes: bool = True) -> tuple[Engine, str]:
    """An engine on a checked trial log, made where there is none, and the log's name to show.

    Args:
        writes: False for who only reads, a log too that this user may not write.
        where: a file name, or an SQLAlchemy URL such as postgresql+psycopg://host/vitro.

    Raises:
        TrialError: it cannot be opened, written or trusted. What is there is left as it is.
    """
    engine, name = _engine(where, writes)
    with database_errors(name):
        with engine.begin() as connection:
            _make_or_check(connection, name, writes)
        if engine.dialect.name == "sqlite" and writes:
            _log_ahead(engine)
    return engine, name


def may_write(where: str) -> bool:
    """Whether a log can be written by this user; servers judge for themselves."""
    path = Path(where)
    if "://" in where or not path.is_file():
        return True
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _engine(where: str, writes: bool) -> tuple[Engine, str]:
    """The engine and its name to show, without a password."""
    if "://" not in where:
        with database_errors(where):
            return _sqlite(Path(where), writes), where
    with database_errors(where.partition("://")[0] + "://…"):
        url = make_url(where)
        return create_engine(url, json_serializer=to_json), repr(url)


def _make_or_check(connection: Connection, name: str, writes: bool) -> None:
    if connection.dialect.name == "sqlite":
        verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if verdict != "ok":
            raise sqlite_error(sqlite3.SQLITE_CORRUPT, name, str(verdict))
    tables = inspect(connection).get_table_names()
    if not tables:
        metadata.create_all(connection)
        connection.execute(schema.insert().values(version=VERSION))
    elif schema.name not in tables:
        raise TrialError(
            f"{name} is a database, but not a log of trials (its tables: {', '.join(sorted(tables))}).",
            "Name another file, or set VITRO_HOME to another folder.",
        )
    version = connection.execute(select(schema.c.version)).scalar()
    if version != VERSION:
        raise TrialError(
            f"The trial log {name} has schema version {version}; this Vitro reads version {VERSION}.",
            "Update Vitro (git pull), or set VITRO_HOME to another folder.",
        )
    if writes:
        add_columns(connection)


def _sqlite(path: Path, writes: bool) -> Engine:
    path.parent.mkdir(parents=True, exist_ok=True)
    _check_file(path)
    # Without a folder to write to, SQLite can keep no index of a write-ahead log: it is read as it lies there.
    read_only = {} if writes else {"mode": "ro", "immutable": "1", "uri": "true"}
    # No pool: each transaction opens the file anew, so nothing is shared with forks or threads.
    engine = create_engine(
        URL.create("sqlite", database=str(path) if writes else path.absolute().as_uri(), query=read_only),
        connect_args={"timeout": BUSY_S},
        poolclass=NullPool,
        json_serializer=to_json,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where `_begin` says, not before
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # Taking the write lock first: a reader that turns writer halfway could not wait for it.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _log_ahead(engine: Engine) -> None:
    """Switches a checked database to WAL, once and for all; it is not touched before it is checked."""
    with closing(engine.raw_connection()) as connection:
        mode = connection.cursor().execute("PRAGMA journal_mode").fetchone()[0]
        if mode != "wal":
            # Locked by another process that opens it too, or no shared memory on this file system:
            # the old journal is as safe, only readers wait for the writer.
            with suppress(sqlite3.OperationalError):
                connection.cursor().execute("PRAGMA journal_mode=WAL")


def _check_file(path: Path) -> None:
    """Refuses what SQLite would take for a new database and overwrite."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(len(_MAGIC))
    if start and start != _MAGIC:
        raise sqlite_error(sqlite3.SQLITE_NOTADB, str(path), f"it begins with {start[:8]!r}")
    wal = path.with_name(path.name + "-wal")
    if not start and wal.exists() and wal.stat().st_size > 0:
        raise TrialError(
            f"The trial log {path} has been emptied, but {wal} still holds rows.",
            f"Restore {path} from a backup beside {wal.name}, or move both aside to start a new log.",
        )
