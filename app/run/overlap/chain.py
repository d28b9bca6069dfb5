"""Picks one after the other from one picture: each arm reaches while the other carries, for as long as that is safe."""

from collections.abc import Callable

from app.run.overlap.overlapped_trial import OverlappedTrial
from core.errors import ArmError


def pick_in_turn(begin: Callable[[], OverlappedTrial], end: Callable[[OverlappedTrial], None]) -> None:
    """Picks once, and on while the other arm finds something that may be reached for meanwhile.

    begin: a trial whose row is on disk. end: completes its row, however it ended; called once for each, in order.

    Raises:
        VitroError, KeyboardInterrupt: as a trial's `run` tells, after every row is complete; both arms hold.
    """
    open_trials = [begin()]
    try:
        fatal = open_trials[0].run()
        while fatal is None and open_trials[-1].is_lifted:
            fatal = _carry_on(open_trials, begin, end)
    except BaseException as error:
        for trial in open_trials:
            trial.crash(error)
        raise
    finally:
        _end_all(open_trials, end)
    if fatal is not None:
        raise fatal


def _carry_on(
    open_trials: list[OverlappedTrial], begin: Callable[[], OverlappedTrial], end: Callable[[OverlappedTrial], None]
) -> BaseException | None:
    """Carries the last trial's object away, and lifts the next meanwhile where that may be; the error that ends the
    session, if one did."""
    (carrying,) = open_trials
    overlap = carrying.find_next()
    if overlap is None:
        return carrying.clear()
    open_trials.append(begin())
    reaching = open_trials[-1]
    fatal = reaching.lift_beside(carrying, overlap)
    if carrying.is_lifted and not isinstance(fatal, ArmError):  # refused before anything moved: it carries alone
        return carrying.clear() or fatal
    if fatal is not None:
        carrying.break_off(fatal)
        return fatal
    end(open_trials.pop(0))
    return reaching.judge()


def _end_all(open_trials: list[OverlappedTrial], end: Callable[[OverlappedTrial], None]) -> None:
    """Each, whatever becomes of another."""
    if open_trials:
        try:
            end(open_trials.pop(0))
        finally:
            _end_all(open_trials, end)
