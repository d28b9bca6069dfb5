"""What can still be read of a damaged log, in memory: the file itself is only read."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

#: Where neither a table's rows nor its counter can be asked, so many ids are tried.
_MOST_IDS = 100_000


def salvage(path: Path) -> tuple[sqlite3.Connection, int]:
    """A database in memory with every row of an SQLite file that can be read, and how many cannot.

    Raises:
        sqlite3.Error: not even its tables can be told.
    """
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    lost = 0
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source:
        made = source.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
        for kind, name, sql in made:
            if kind == "table":
                memory.execute(sql)
                # What was counted of rows that are lost would still count them.
                lost += _copy(source, memory, name) if name != "counted_blocks" else 0
        for kind, _, sql in made:
            if kind == "index":
                with suppress(sqlite3.IntegrityError):
                    memory.execute(sql)
    memory.commit()
    return memory, lost


def _copy(source: sqlite3.Connection, memory: sqlite3.Connection, table: str) -> int:
    """Copies a table's rows, of a damaged one each by itself; how many could not be read."""
    with suppress(sqlite3.DatabaseError):
        _insert(memory, table, source.execute(f"SELECT * FROM {table}").fetchall())
        return 0
    lost = 0
    for id_ in range(1, _last_id(source, table) + 1):
        try:
            _insert(memory, table, source.execute(f"SELECT * FROM {table} WHERE rowid = ?", (id_,)).fetchall())
        except sqlite3.DatabaseError:
            lost += 1
    return lost


def _insert(memory: sqlite3.Connection, table: str, rows: list[tuple[object, ...]]) -> None:
    for row in rows:
        memory.execute(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(row))})", row)


def _last_id(source: sqlite3.Connection, table: str) -> int:
    for query in ("SELECT seq FROM sqlite_sequence WHERE name = ?", f"SELECT max(rowid) FROM {table} WHERE ? > ''"):
        with suppress(sqlite3.DatabaseError):
            found = source.execute(query, (table,)).fetchone()
            if found and isinstance(found[0], int):
                return min(found[0], _MOST_IDS)
    return _MOST_IDS
