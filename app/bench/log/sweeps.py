"""Kills at every commit point, and disks that take ever more: after each the log is whole, and no row is lost."""

import resource
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from app.bench.log.child import Ending, kill_at, live
from app.bench.log.life import State, state_of, states
from app.bench.log.places import new_log
from core.errors import VitroError
from trials.exchange.content import read_content
from trials.exchange.lines import write_lines
from trials.store import TrialStore

#: A page of the database, or of its write-ahead log: how much more the disk takes each time [bytes].
STEP_BYTES = 4096


@dataclass
class Sweep:
    """points: how many were tried. failures: what was wrong after which. is_clean: whether the last was survived."""

    points: int = 0
    is_clean: bool = False
    failures: list[str] = field(default_factory=list)


def sweep_kills(folder: Path, server: str | None, points: Sequence[int] | None = None) -> Sweep:
    """Kills a process at each of its points, or at those named, and looks at what it leaves.

    Args:
        folder: where the logs are made. server: the URL of a PostgreSQL database, to make them there instead.
    """
    sweep, (imported, expected) = Sweep(), _expected(folder)
    for point in points or range(1, 100_000):
        with new_log(folder, server) as where:
            ending = live(where, imported, partial(kill_at, point))
            sweep.is_clean = not ending.is_killed
            sweep.failures += _judge(where, ending, expected, f"killed at {point}")
        sweep.points += ending.is_killed
        if sweep.is_clean:
            break
    return sweep


def sweep_writes(folder: Path, limits: Sequence[int] | None = None) -> Sweep:
    """Lets no file grow beyond a size, a page more each time, until nothing fails; or sizes that are named [bytes]."""
    sweep, (imported, expected) = Sweep(), _expected(folder)
    for limit in limits or range(0, 1 << 30, STEP_BYTES):
        with new_log(folder, None) as where:
            ending = live(where, imported, partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)))
            sweep.is_clean = not ending.refused and not ending.defect
            sweep.failures += _judge(where, ending, expected, f"no file over {limit} bytes")
        sweep.points += 1
        if sweep.is_clean:
            break
    return sweep


def _judge(where: str, ending: Ending, expected: Sequence[State], how: str) -> list[str]:
    """What is wrong: a change that was acknowledged and is not there, half a change, a row twice, a damaged file."""
    wrong = [f"{how}: it met what is no error of ours"] if ending.defect else []
    if "://" not in where:
        with suppress(FileNotFoundError), closing(sqlite3.connect(f"{Path(where).as_uri()}?mode=rw", uri=True)) as file:
            verdict = file.execute("PRAGMA integrity_check").fetchall()
            wrong += [] if verdict == [("ok",)] else [f"{how}: {verdict[0][0]}"]
    try:
        with TrialStore(where) as store:
            found = state_of(store)
    except VitroError as error:
        return [*wrong, f"{how}: {error.cause}"]
    last = ending.acknowledged + (0 if ending.refused else 1)
    if found not in expected[ending.acknowledged : last + 1]:
        wrong.append(f"{how}: not what {ending.acknowledged} acknowledged changes leave")
    return wrong


def _expected(folder: Path) -> tuple[Path, list[State]]:
    """Another lab's export, and what a log holds after each change if nothing ends it."""
    imported = folder / "other.jsonl"
    with new_log(folder, None) as where:
        imported.write_text('{"vitro_trials": {"version": 1, "campaigns": 0}}\n{"end": {"trials": 0}}\n')
        states(where, imported)
        with TrialStore(where) as store, imported.open("w") as file:
            write_lines(read_content(store), file)
    with new_log(folder, None) as where:
        return imported, states(where, imported)
