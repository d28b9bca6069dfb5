"""Closes or opens a gripper and decides when it has settled."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np

from core.clock import Clock
from core.errors import ArmError
from hardware.arms.arm import ArmState
from hardware.arms.can_protocol import MAX_GRIP_FORCE_N

_TICK_S = 0.02
#: The gripper has at least this long to start [s]; it has settled when its opening has moved less
#: than this [m] over this long [s]; it is given up after this long [s].
_START_S = 0.3
_STILL_M, _STILL_S = 0.0002, 0.2
_TIMEOUT_S = 5.0


class Grippable(Protocol):
    """What gripping needs of an arm."""

    name: str

    def ready(self, max_age_s: float = 0.1) -> ArmState: ...


def check_grip(width_m: float, force_n: float, stroke_m: float, arm: str) -> None:
    """Raises ArmError for a width outside 0..stroke or a force the gripper cannot give (NaN included)."""
    if not 0.0 <= width_m <= stroke_m:
        cause = f"The {arm} gripper opens from 0 to {stroke_m * 1000:.0f} mm; {width_m * 1000:.0f} mm was asked for."
        raise ArmError(cause, "Ask for a width within its stroke.")
    if not 0.0 < force_n <= MAX_GRIP_FORCE_N:
        cause = f"The {arm} gripper presses with up to {MAX_GRIP_FORCE_N:.0f} N; {force_n:.1f} N was asked for."
        raise ArmError(cause, "Ask for a force within that.")


class Gripping:
    """One motion of the gripper."""

    def __init__(self, arm: Grippable, clock: Clock, width_m: float) -> None:
        self._arm = arm
        self._clock = clock
        self._width_m = width_m

    def run(self, send: Callable[[], None]) -> ArmState:
        """Repeats `send` until the opening stands still, at the wanted width or against an object."""
        start_s = self._clock.now_s()
        widths: deque[float] = deque(maxlen=round(_STILL_S / _TICK_S))
        while True:
            send()
            self._clock.sleep(_TICK_S)
            state = self._arm.ready()
            widths.append(state.gripper_width_m)
            elapsed_s = self._clock.now_s() - start_s
            if elapsed_s > _START_S and len(widths) == widths.maxlen and np.ptp(widths) < _STILL_M:
                return state
            if elapsed_s > _TIMEOUT_S:
                cause = (
                    f"The {self._arm.name} gripper does not come to rest ({state.gripper_width_m * 1000:.1f} mm now)."
                )
                raise ArmError(cause, "See whether it slips on an object or its motor is loose, then start again.")
