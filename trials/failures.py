"""What a database's error means for the person at the table, and what to do about it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from core.errors import DamageError, StorageError, TrialError, VitroError
from core.files import storage_remedy

_ELSEWHERE = "or set VITRO_HOME to a folder that can be written."
_NOT_WRITABLE = (
    StorageError,
    "cannot be written by this user",
    f"Run: chmod u+w {{file}} {{folder}}, {_ELSEWHERE}",
)

#: Primary SQLite result code: (what to raise, what is wrong with {file}, what to do).
_SQLITE: dict[int, tuple[type[VitroError], str, str]] = {
    sqlite3.SQLITE_NOTADB: (
        TrialError,
        "is not a database",
        "Move it aside: mv {file} {file}.damaged; the next run starts a new log.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        DamageError,
        "is damaged",
        "Save what is left: sqlite3 {file} .recover | sqlite3 {file}.saved; then move {file} aside.",
    ),
    sqlite3.SQLITE_READONLY: _NOT_WRITABLE,
    sqlite3.SQLITE_PERM: _NOT_WRITABLE,
    sqlite3.SQLITE_CANTOPEN: (
        StorageError,
        "cannot be opened",
        f"Check that {{folder}} is a folder this user may write (ls -ld {{folder}}), {_ELSEWHERE}",
    ),
    sqlite3.SQLITE_FULL: (
        StorageError,
        "cannot grow: the disk is full",
        "Free space (df -h {folder}), then run again; earlier rows are kept.",
    ),
    sqlite3.SQLITE_IOERR: (
        StorageError,
        "cannot be written: the disk is full, over quota or failing",
        "Look at df -h {folder} and dmesg, then run again; earlier rows are kept.",
    ),
    sqlite3.SQLITE_BUSY: (
        TrialError,
        "is locked by another process",
        "See who holds it: fuser {file}; then run again.",
    ),
}

#: PostgreSQL's SQLSTATE: (what to raise, what is wrong, what to do).
_POSTGRES: dict[str, tuple[type[VitroError], str, str]] = {
    "53100": (StorageError, "cannot grow: the server's disk is full", "Free space there; earlier rows are kept."),
    "42501": (
        StorageError,
        "forbids this to its user",
        "Let its owner grant it, or be another user in its URL.",
    ),
    "25006": (StorageError, "takes no writes", "Name the server that writes: this is a read-only one."),
}


def sqlite_error(code: int, where: str, detail: str) -> VitroError:
    """The error for a primary SQLite result code."""
    kind, wrong, remedy = _SQLITE[code]
    remedy = remedy.format(file=quote(where), folder=quote(str(Path(where).parent)))
    return kind(f"The trial log {where} {wrong} ({detail}).", remedy)


@contextmanager
def database_errors(where: str) -> Iterator[None]:
    """Names the database `where` that failed, and what to do.

    Raises:
        StorageError: the disk or the folder takes no more.
        TrialError: anything else that the body met.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError, ImportError, ValueError) as error:
        original = getattr(error, "orig", None) or error
        code = getattr(original, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in _SQLITE:
            raise sqlite_error(code & 0xFF, where, str(original)) from error
        if isinstance(original, OSError) and "://" not in where:
            wrong = f"The trial log {where} cannot be opened ({original.strerror})."
            raise StorageError(wrong, storage_remedy(original)) from error
        name = where.partition("://")[0]
        if isinstance(error, ImportError | NoSuchModuleError) and not name.startswith("postgres"):
            raise TrialError(
                f"The trial log cannot be kept in a database of the kind {name!r}: nothing here speaks to one.",
                "Name a file, or a PostgreSQL server: postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
            ) from error
        cause = str(original).split("\n", 1)[0].rstrip(".")
        state = getattr(original, "sqlstate", None) or ""
        if state in _POSTGRES:
            kind, wrong, remedy = _POSTGRES[state]
            raise kind(f"The trial log {where} {wrong} ({cause}).", remedy) from error
        raise TrialError(
            f"The trial log {where} cannot be used: {cause}.",
            "Check its name, whether its server runs (pg_isready) and its driver, then run again.",
        ) from error
