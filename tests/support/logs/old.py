"""Logs as earlier Vitros made them."""

import sqlite3
from contextlib import closing
from pathlib import Path

FIRST = """
CREATE TABLE vitro_schema (version INTEGER NOT NULL);
INSERT INTO vitro_schema VALUES (1);
CREATE TABLE trials (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, surface VARCHAR NOT NULL, estimator VARCHAR NOT NULL,
    detector VARCHAR NOT NULL, planner VARCHAR NOT NULL, cell VARCHAR NOT NULL, world VARCHAR NOT NULL,
    seed INTEGER NOT NULL, scene JSON NOT NULL, begun DATETIME NOT NULL, finished DATETIME, outcome VARCHAR,
    reason VARCHAR NOT NULL, detail VARCHAR NOT NULL, verified BOOLEAN, simulator_verdict BOOLEAN,
    stages_s JSON NOT NULL, metric JSON NOT NULL, notes JSON NOT NULL, pid INTEGER NOT NULL,
    process_started_s FLOAT NOT NULL, host VARCHAR NOT NULL);
"""
_ROW = """INSERT INTO trials (id, surface, estimator, detector, planner, cell, world, seed, scene, begun, finished,
    outcome, reason, detail, verified, simulator_verdict, stages_s, metric, notes, pid, process_started_s, host)
    VALUES (?, 'diffuse', 'raw', 'antipodal', 'ompl', 'sim', 'digital cell', 9, '{"objects": []}',
    '2026-11-01 10:00:00.000000', '2026-11-01 10:00:09.500000', ?, ?, 'lost', ?, ?, '{"capture": 0.5}', '{}',
    '{"table": {"tags": 6}}', 12, 3.5, 'lab')"""
#: Outcome, reason, what the gripper and what the simulator said.
ROWS = [
    ("failure", "slip", 0, None),
    ("success", "", 1, 1),
    ("success", "", 1, 0),
    ("interrupted", "operator", None, 0),
    ("interrupted", "tracking", None, 0),
]
#: The columns that came to it, in this order, empty in the rows there were.
LATER = {
    "objects": "INTEGER",
    "pick": "INTEGER",
    "expected": "FLOAT",
    "attempts": "INTEGER",
    "first_outcome": "VARCHAR",
    "first_simulator_verdict": "BOOLEAN",
    "uuid": "VARCHAR",
    "campaign": "INTEGER",
}


def write_old_log(path: Path, columns: int = 0) -> Path:
    """The first log with `ROWS`, as it was when it had been given so many of `LATER`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(FIRST)
        connection.execute("PRAGMA journal_mode=WAL")
        for name in list(LATER)[:columns]:
            connection.execute(f"ALTER TABLE trials ADD COLUMN {name} {LATER[name]}")
        connection.executemany(_ROW, [(id_, *row) for id_, row in enumerate(ROWS, start=4)])
    return path
