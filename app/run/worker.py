"""Work that must end in time: what hangs in foreign code cannot be stopped, but nobody waits for it, or moves on it."""

import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from traceback import extract_tb
from typing import Any, ParamSpec, TypeVar

from core.errors import DeadlineError, PerceptionError, PlanningError, VitroError

P = ParamSpec("P")
R = TypeVar("R")

#: Longest a stage may take [s]; `estimate` takes what its specification says, `capture` this for each frame (a
#: path-traced one takes seconds on a CPU). Planning begins no candidate after 8 s: the rest is for the last one
#: and the gate. `prepare`, before any trial, may compile.
DEADLINES_S = {"prepare": 600.0, "capture": 120.0, "locate": 30.0, "scale": 60.0, "detect": 60.0, "plan": 20.0}
#: What may help against a stage that gives no answer in time.
_REMEDIES = {
    "capture": "The digital cell draws its pictures there; a real camera: python main.py doctor.",
    "estimate": "Depth that takes this long on purpose: raise --estimate-deadline.",
    "detect": "If it does not help, try another --detector.",
    "plan": "If it does not help, try another --planner.",
    "prepare": "If it does not help, try another --planner.",
}
#: How often the waiting thread looks up, so that Ctrl-C is heard [s]: a library may let a wait go on after a signal.
_LOOK_UP_S = 0.1
#: How long closing waits for the thread [s].
_CLOSE_PATIENCE_S = 1.0


#: How many workers compute at this moment: what one of them is in cannot be ended but with the process.
_busy = 0


def is_any_busy() -> bool:
    return _busy > 0


class Worker:
    """A thread beside the main one, which does one piece of work after the other, and ends when nobody has it."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._finish = weakref.finalize(self, self._queue.put, None)
        self._thread: threading.Thread | None = None
        self._given_up = ""

    def run(self, stage: str, limit_s: float, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What the function returns.

        Raises:
            PerceptionError, PlanningError: no answer within `limit_s` [s], or an error of the function's that is none
                of ours, a defect of the part that runs in this stage.
            DeadlineError: what was given up before runs still, and this could not begin.
            VitroError: the function's own.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=_serve, args=(self._queue,), name="stages", daemon=True)
            self._thread.start()
        answers: SimpleQueue[tuple[R | None, BaseException | None]] = SimpleQueue()
        is_awaited, began = threading.Event(), threading.Event()
        is_awaited.set()

        def work() -> None:
            if not is_awaited.is_set():
                return
            began.set()
            try:
                answers.put((function(*args, **kwargs), None))
            except BaseException as error:  # SystemExit of a lab's own part too
                answers.put((None, error))

        self._queue.put(work)
        try:
            answer, error = _await(answers, limit_s)
        except Empty:
            if not began.is_set():
                raise _stuck(self._given_up) from None
            self._given_up = stage
            raise _overrun(stage, limit_s) from None
        finally:
            is_awaited.clear()
        if error is not None:
            raise error if isinstance(error, VitroError) else _failure(stage, error) from error
        return answer  # type: ignore[return-value]

    def close(self) -> None:
        """Ends the thread, and with it those that libraries computed with beside it; nothing may be run any more.

        One in which a stage that was given up computes still is not waited for.
        """
        self._finish()
        if self._thread is not None:
            self._thread.join(_CLOSE_PATIENCE_S)


def _serve(queue: "SimpleQueue[Callable[[], None] | None]") -> None:
    """Holds neither who asks nor, while it waits, what it last worked on: models and pictures."""
    global _busy
    while (work := queue.get()) is not None:
        _busy += 1
        work()
        _busy -= 1
        del work


def _await(answers: "SimpleQueue[Any]", limit_s: float) -> Any:
    """The answer. Raises Empty where none comes in time; Ctrl-C is heard."""
    deadline_s = time.monotonic() + limit_s
    while True:
        left_s = deadline_s - time.monotonic()
        try:
            return answers.get(timeout=min(max(left_s, 0.0), _LOOK_UP_S))
        except Empty:
            if left_s <= 0:
                raise


def _kind(stage: str) -> type[VitroError]:
    return PlanningError if stage in ("prepare", "plan") else PerceptionError


def _overrun(stage: str, limit_s: float) -> VitroError:
    return _kind(stage)(
        f"The stage {stage} gave no answer within {limit_s:g} s; whatever it still says is not used.",
        f"See what else the machine computes. {_REMEDIES.get(stage, '')}".strip(),
    )


def _stuck(stage: str) -> DeadlineError:
    return DeadlineError(
        f"The stage {stage}, given up in an earlier trial, runs still, and nothing can be computed beside it.",
        "Start again; if it hangs again, choose another --estimator, --detector or --planner.",
    )


def _failure(stage: str, error: BaseException) -> VitroError:
    where = extract_tb(error.__traceback__)[-1]
    said = " ".join(str(error).split())[:300]
    return _kind(stage)(
        f"The stage {stage} failed: {type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
        f"{f': {said}' if said else ''}.",
        "Mend it there if the part is your own; else report it with this trial's folder, and try another part.",
    )
