"""A process that changes a log until something ends it, and says after each change that it was acknowledged."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool

from app.bench.log.life import changes
from core.errors import VitroError
from trials.store import TrialStore

_DONE, _REFUSED = b".", b"!"
#: How a process that met anything but an error of ours ends.
_DEFECT = 70


@dataclass(frozen=True)
class Ending:
    """acknowledged: changes that were. refused: whether an error of ours ended it. is_killed: whether SIGKILL did;
    if neither, it came to its end. defect: whether it met what nobody expects."""

    acknowledged: int
    refused: bool
    is_killed: bool
    defect: bool


def live(where: str, imported: Path, prepare: Callable[[], object]) -> Ending:
    """Runs `life.changes` in a forked process, on which `prepare` is called first."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            prepare()
            _change(where, imported, writing)
            os._exit(0)
        finally:
            os._exit(_DEFECT)
    os.close(writing)
    with os.fdopen(reading, "rb") as said:
        told = said.read()
    status = os.waitpid(pid, 0)[1]
    is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return Ending(told.count(_DONE), _REFUSED in told, is_killed, not is_killed and status != 0)


def _change(where: str, imported: Path, writing: int) -> None:
    try:
        with TrialStore(where) as store:
            for change in changes(imported):
                change(store)
                os.write(writing, _DONE)
    except VitroError:
        os.write(writing, _REFUSED)


def kill_at(point: int) -> None:
    """From now on, this process dies at its `point`-th: before a statement, before a commit, after it."""
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == point:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", count)
    event.listen(Pool, "checkin", count)
