"""The gate's word on what one of its checks found."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grasping.planning.grasp_plan import GateReport

_log = logging.getLogger(__name__)
#: So many violations are told, the first ones.
MOST_VIOLATIONS = 6


@dataclass
class Scan:
    """How many configurations a check has gone through so far, and the least distance [m] it saw; NaN: of none."""

    checked: int = 0
    clearance_m: float = float("nan")


def report(scan: Scan, unchecked: str, violations: Callable[[], Sequence[str]], seal: Callable[[], str]) -> GateReport:
    """Makes a check; one that cannot be made is none passed, and never raises.

    Args:
        scan: kept up to date by `violations`.
        unchecked: what to say of a check that cannot be made.
        violations: all that is wrong, in words.
        seal: of what was checked, where nothing is wrong.
    """
    begun_s, sealed = time.monotonic(), ""
    try:
        wrong = violations()
        sealed = "" if wrong else seal()
    except Exception as error:
        _log.exception("The gate: %s", unchecked)
        wrong = [f"{unchecked}: {type(error).__name__}: {error}"]
    first = tuple(wrong[:MOST_VIOLATIONS])
    return GateReport(not first, first, scan.checked, scan.clearance_m, sealed, begun_s)
