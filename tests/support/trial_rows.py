"""Rows for the log's tests, light to import: the tests kill the processes that write them."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import StorageError, TrialError
from tests.support.paths import ROOT
from trials.label import Label, LabelValue
from trials.record import Outcome, TrialRecord
from trials.store import TrialStore

__all__ = [
    "Label",
    "LabelValue",
    "StorageError",
    "TrialError",
    "TrialStore",
    "begin",
    "child",
    "finish",
    "intact",
    "note",
    "row",
    "sql",
]


def row(**values: Any) -> TrialRecord:
    """A trial that was not begun yet."""
    given = {"surface": "reflective", "estimator": "raw", "detector": "antipodal", "planner": "ompl"}
    return TrialRecord(**(given | {"cell": "sim", "world": "sim", "seed": 7} | values))


def begin(store: TrialStore, surface: str = "reflective", **notes: object) -> int:
    return store.begin(row(surface=surface, notes=notes)).id


def note(store: TrialStore, trial: int, **notes: object) -> None:
    known = store.get(trial)
    store.update(replace(known, notes={**known.notes, **notes}))


def finish(store: TrialStore, trial: int, outcome: Outcome = Outcome.SUCCESS) -> TrialRecord:
    return store.update(replace(store.get(trial), outcome=outcome, verified=True, simulator_verdict=True))


def child(code: str, *args: object) -> subprocess.Popen:
    """A Python process with `begin` and `finish` at hand and the arguments as `args`."""
    prelude = "import os, signal, sys, time\nfrom tests.support.trial_rows import *\nargs = sys.argv[1:]\n"
    command = [sys.executable, "-c", prelude + code, *map(str, args)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def intact(path: Path) -> bool:
    return sql(path, "PRAGMA integrity_check") == [("ok",)]


def sql(log: Path | str, statement: str, *values: object) -> list[tuple]:
    """What another program reads or changes in the database; `?` stands for a value."""
    if "://" in str(log):
        import psycopg

        with psycopg.connect(str(log)) as server:
            done = server.execute(statement.replace("?", "%s"), values)
            return done.fetchall() if done.description else []
    with closing(sqlite3.connect(log)) as connection, connection:
        return connection.execute(statement, values).fetchall()
