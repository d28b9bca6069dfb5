"""Rows for the log's tests, light to import: the tests kill the processes that write them."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from core.errors import TrialError
from tests.support.paths import ROOT
from trials.outcome import Outcome
from trials.record import TrialRecord
from trials.store import TrialStore

__all__ = ["TrialError", "TrialStore", "begin", "child", "finish", "intact", "sql"]


def begin(store: TrialStore, surface: str = "reflective", **notes: object) -> int:
    return store.begin(surface, "raw", "antipodal", "ompl", cell="sim", world="sim", seed=7, scene={}, **notes)


def finish(store: TrialStore, trial: int, outcome: Outcome = Outcome.SUCCESS) -> TrialRecord:
    return store.finish(trial, outcome, verified=True, simulator_verdict=True)


def child(code: str, *args: object) -> subprocess.Popen:
    """A Python process with `begin` and `finish` at hand and the arguments as `args`."""
    prelude = "import os, signal, sys, time\nfrom tests.support.trial_rows import *\nargs = sys.argv[1:]\n"
    command = [sys.executable, "-c", prelude + code, *map(str, args)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def intact(path: Path) -> bool:
    return sql(path, "PRAGMA integrity_check") == [("ok",)]


def sql(path: Path, statement: str, *values: object) -> list[tuple]:
    """What another program reads or changes in the database."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()
