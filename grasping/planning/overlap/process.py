"""Planning while arms move, in a process of its own: here it would keep the loop that feeds them from its ticks."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from core.errors import PlanningError
from core.threads import set_blas_threads
from grasping.planning.grasp_plan import GraspPlan
from grasping.planning.overlap.plan import OverlapPlan, plan_overlap

_log = logging.getLogger(__name__)


class PlanningProcess:
    """One `plan_overlap` at a time. The process ends with the one that started it, or as soon as it is done."""

    def __init__(self) -> None:
        """Starts it: it takes seconds to be ready.

        Raises:
            OSError: the machine starts no further process.
        """
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), name="planning", daemon=True)
        with _ctrl_c_held_back():
            self._process.start()
        theirs.close()
        #: The seal of the plan beside which something is planned; '' where nothing is.
        self._asked, self._is_ready = "", False

    def begin(self, carrying: GraspPlan, *args: Any, **kwargs: Any) -> None:
        """Has `plan_overlap` called with these; does nothing where the process is not ready, or at something else."""
        try:
            if self._connection.poll():  # what is ready, or was not asked for: its trial went another way
                self._connection.recv()
                self._is_ready, self._asked = True, ""
            if self._is_ready and not self._asked:
                self._connection.send(((carrying, *args), kwargs))
                self._asked = carrying.gate.seal
        except Exception as error:
            self._tell("cannot be asked", error)

    def answer(self, carrying: GraspPlan, limit_s: float) -> OverlapPlan | None:
        """What was begun beside this plan, waited for so long [s] at most; None where nothing was, or it is given up.

        Raises:
            PlanningError: there is none.
        """
        if not self._asked or self._asked != carrying.gate.seal:
            return None
        self._asked, answer = "", None
        try:
            answer = self._connection.recv() if self._connection.poll(max(limit_s, 0.0)) else None
        except Exception as error:
            self._tell("gives no answer", error)
        if answer is None:
            self.close()
        if isinstance(answer, PlanningError):
            raise answer
        return answer

    def _tell(self, what: str, error: Exception) -> None:
        """It died, or what a lab's own part made cannot be sent: whoever asks plans here."""
        _log.warning(
            "The planning process %s (%s: %s); it is planned once the arm has lifted", what, type(error).__name__, error
        )

    def close(self) -> None:
        """Ends it, whatever it is at."""
        self._process.kill()
        self._process.join()
        self._connection.close()


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """What is started meanwhile never hears a Ctrl-C, not even before it can say so itself; this process does after."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that moves arms
    set_blas_threads(1)
    connection.send(True)
    with suppress(OSError, EOFError):
        while True:
            args, kwargs = connection.recv()
            try:
                answer: OverlapPlan | PlanningError = plan_overlap(*args, **kwargs)
            except PlanningError as error:
                answer = error
            except Exception as error:  # a lab's own planner: told as an answer, the process goes on
                answer = PlanningError(f"planning failed: {type(error).__name__}: {error}", "See the planner.")
            connection.send(answer)
