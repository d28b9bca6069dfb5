"""Opening a database that holds a log of trials, and nothing else.

SQLite in WAL mode with synchronous=FULL: a committed row survives kill -9 and power loss, and
readers never block the writer. PostgreSQL works by its URL, for several stations on one log.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from shlex import quote
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool, StaticPool

from core.errors import StorageError, TrialError
from core.files import free_folder, sync_files
from core.json_values import to_json
from trials.failures import database_errors, sqlite_error
from trials.salvage import salvage
from trials.schema import NEWEST, make_where_empty, migrate, revision_of

#: How long one process waits for another's write, which takes milliseconds; or for a migration of its log.
BUSY_S = 30.0
#: How long a server may take to answer [s].
_CONNECT_S = 10
#: Up to this size every page of a log is looked at when it is opened; of a larger one, those that are read.
_CHECKED_BYTES = 64_000_000
_MAGIC = b"SQLite format 3\0"


def open_database(where: str, writes: bool = True) -> tuple[Engine, str]:
    """An engine on a checked trial log, made where there is none, and the log's name to show.

    An older log is brought to today's form, a copy kept beside it; one that is only read stays as it is, and what is
    read is such a copy in memory.

    Args:
        writes: False for who only reads, a log too that this user may not write.
        where: a file name, or an SQLAlchemy URL such as postgresql://user@host/vitro.

    Raises:
        TrialError: it cannot be opened, written or trusted. What is there is left as it is.
    """
    engine, name = _engine(where, writes)
    with _dispose_on_error(engine), database_errors(name):
        with engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                _check_pages(connection, name)
            if writes:
                make_where_empty(connection)
            revision = revision_of(connection, name)
            if revision != NEWEST and writes:
                _migrate(connection, revision, name)
        if revision != NEWEST and not writes:
            engine = _migrated_in_memory(engine, revision)
        if engine.dialect.name == "sqlite" and writes:
            _log_ahead(engine)
    return engine, name


@contextmanager
def _dispose_on_error(engine: Engine) -> Iterator[None]:
    """Lets go of a log that is not opened in the end: a connection left behind would keep others waiting."""
    try:
        yield
    except BaseException:
        engine.dispose()
        raise


def open_salvaged(path: Path) -> tuple[Engine, int]:
    """What can be read of a damaged file, as an engine on a copy in memory, and how many rows cannot be.

    Raises:
        TrialError: nothing of it can, or it is no log of ours.
    """
    with database_errors(str(path)):
        memory, lost = salvage(path)
        engine = _in_memory(memory)
        with engine.begin() as connection:
            revision = revision_of(connection, str(path))
            if revision != NEWEST:
                migrate(connection, revision)
        return engine, lost


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
        url = _url(where)
        connect: dict[str, Any] = {}
        # One connection stays open, for a new one takes longer than all that is asked of it; a server that was
        # restarted meanwhile is connected to anew.
        pool: dict[str, Any] = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": -1, "pool_pre_ping": True}
        if url.get_backend_name() in ("postgresql", "postgres"):
            driver = url.drivername if "+" in url.drivername else "postgresql+psycopg"
            url, connect = url.set(drivername=driver), {"connect_timeout": _CONNECT_S}
        name = url.set(query={}).render_as_string(hide_password=True)  # a query may hold a password too
        engine = create_engine(url, connect_args=connect, json_serializer=to_json, **pool)
        return engine, name


def _url(where: str) -> URL:
    try:
        return make_url(where)
    except (ArgumentError, ValueError):  # what they say may hold the password
        raise TrialError(
            f"VITRO_TRIALS begins with {where.partition('://')[0]}:// and is no URL of a database.",
            "Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE; in a password %40 for @, %3A for :, %2F for /.",
        ) from None


def _check_pages(connection: Connection, name: str) -> None:
    pages, page_bytes = (connection.exec_driver_sql(f"PRAGMA {of}").scalar_one() for of in ("page_count", "page_size"))
    if pages * page_bytes <= _CHECKED_BYTES:
        verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if verdict != "ok":
            raise sqlite_error(sqlite3.SQLITE_CORRUPT, name, str(verdict))


def _migrate(connection: Connection, revision: str, name: str) -> None:
    """Migrates in the open transaction; of a file, a copy of what it was is on disk before."""
    copy = _keep_copy(Path(name)) if connection.dialect.name == "sqlite" else None
    try:
        migrate(connection, revision)
    except BaseException:
        if copy is not None:  # nothing was changed: it would only fill the disk
            copy.unlink(missing_ok=True)
        raise


def _keep_copy(path: Path) -> Path:
    copy = free_folder(path.with_name(f"{path.name}.before-{NEWEST}"))
    partial = copy.with_name(f".{copy.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as target:
            source.backup(target)
        sync_files([partial])
        partial.rename(copy)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return copy


def _migrated_in_memory(engine: Engine, revision: str) -> Engine:
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    with closing(engine.raw_connection()) as source:
        source.driver_connection.backup(memory)  # type: ignore[union-attr]
    copy = _in_memory(memory)
    with copy.begin() as connection:
        migrate(connection, revision)
    return copy


def _in_memory(database: sqlite3.Connection) -> Engine:
    engine = create_engine("sqlite://", creator=lambda: database, poolclass=StaticPool, json_serializer=to_json)
    _begin_where_told(engine, writes=False)
    return engine


def _sqlite(path: Path, writes: bool) -> Engine:
    path.parent.mkdir(parents=True, exist_ok=True)
    _check_file(path)
    # Without a folder to write to, SQLite can keep no index of a write-ahead log: it is read as it lies there.
    read_only = {} if writes else {"mode": "ro", "immutable": "1", "uri": "true"}
    # One connection stays open: with the last, SQLite ends its write-ahead log, at several times a commit's cost.
    engine = create_engine(
        URL.create("sqlite", database=str(path) if writes else path.absolute().as_uri(), query=read_only),
        connect_args={"timeout": BUSY_S, "check_same_thread": False},
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=-1,
        json_serializer=to_json,
    )
    _begin_where_told(engine, writes)
    return engine


def _begin_where_told(engine: Engine, writes: bool) -> None:
    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where `_begin` says, not before
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        # Taking the write lock first: a reader that turns writer halfway could not wait for it.
        options = connection.get_execution_options()
        is_read, waits = options.get("is_read", not writes), options.get("waits", True)
        try:
            if not waits:
                connection.exec_driver_sql("PRAGMA busy_timeout = 0")
            connection.exec_driver_sql("BEGIN" if is_read else "BEGIN IMMEDIATE")
        finally:
            if not waits:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(1000 * BUSY_S)}")


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
    """Refuses what SQLite would take for a new database and overwrite, and what it cannot open."""
    if path.is_dir():
        raise StorageError(
            f"The trial log {path} is a folder.", f"Move it aside: mv {quote(str(path))} {quote(f'{path}.aside')}"
        )
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
