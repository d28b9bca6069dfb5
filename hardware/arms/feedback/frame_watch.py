"""When which CAN frame arrived. The SDK keeps returning its last numbers when a bus goes silent, and zeros before."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.clock import Clock
from hardware.arms import can_protocol as protocol
from hardware.arms.can_interfaces import BUS_REMEDY, why_silent
from hardware.arms.feedback.feedback_guard import FeedbackError, FeedbackGuard

_FRAME_BYTES = 8
#: Once feedback looks stale, one pause for a reader thread that was only starved [s].
_GRACE_S = 0.02
#: Frames a reading is made of. All must be fresh for any of it to count.
FEEDBACK = (protocol.Feedback.STATUS, *protocol.JOINT_FEEDBACK, protocol.Feedback.GRIPPER, *protocol.MOTOR_SLOW)


class FrameWatch:
    """Notes when each frame arrived, by the arm's clock, shows joints and motors to the guard, and passes on what is
    read through the SDK.

    Stands between the bus reader and the SDK's parser; runs in the reader's thread. A frame that either cannot
    take does not count as arrived: the feedback is lost then, for the reason in `trouble`.
    """

    def __init__(
        self,
        forward: Callable[[Any], None],
        clock: Clock,
        guard: FeedbackGuard,
        zero_offset_rad: NDArray[np.float64],
        overruled: Callable[[], None],
    ) -> None:
        """zero_offset_rad (6,): to be added to the joints that come in. overruled: called with each frame by which
        somebody else moves the arm."""
        self.trouble = ""
        #: A frame that commands the arm and came over the bus: what is sent here does not come back. Of those that move
        #: it the first, else the last.
        self.foreign_command: int | None = None
        self._forward, self._overruled = forward, overruled
        self._clock = clock
        self._guard = guard
        self._zero_offset_rad = zero_offset_rad.tolist()
        self._arrived_s: dict[int, float] = {}
        self._passed_on: dict[int, bytes] = {}

    def __call__(self, message: Any) -> None:
        # The adapter's own word, no PiPER's, and a question without data.
        if message.is_error_frame or message.is_extended_id or message.is_remote_frame:
            return
        identifier, data = message.arbitration_id, bytes(message.data)
        now_s = self._clock.now_s()
        if identifier in protocol.COMMANDING:
            self._see_command(identifier)
        try:
            if identifier in FEEDBACK and len(data) != _FRAME_BYTES:
                raise ValueError(f"{len(data)} bytes")
            self._pass_on(identifier, data, message)
            self._show(identifier, data, now_s)
        except Exception as error:  # raised further, it would vanish in the SDK's reader
            self.trouble = f"0x{identifier:X} cannot be read ({type(error).__name__}: {error})"
            return
        self._arrived_s[identifier] = now_s

    def _see_command(self, identifier: int) -> None:
        if self.foreign_command not in protocol.MOVING:
            self.foreign_command = identifier
        if identifier in protocol.MOVING:
            try:
                self._overruled()
            except Exception as error:  # as below; the next frame is the next chance
                self.trouble = f"0x{identifier:X} could not be answered ({type(error).__name__}: {error})"

    def _pass_on(self, identifier: int, data: bytes, message: Any) -> None:
        """To the SDK, which takes 50 microseconds over a frame and keeps what it read: not what nobody asks it for,
        and not the same bytes again."""
        if identifier not in protocol.MOTOR_FAST and data != self._passed_on.get(identifier):
            self._forward(message)
            self._passed_on[identifier] = data

    def saw(self, identifiers: Iterable[int]) -> bool:
        """Whether all of these frames have arrived since the bus was opened."""
        return all(identifier in self._arrived_s for identifier in identifiers)

    def saw_any(self) -> bool:
        return bool(self._arrived_s)

    def oldest_s(self, identifiers: Iterable[int]) -> tuple[int, float]:
        """The frame that arrived longest ago, and when (-inf: never)."""
        stamps = {identifier: self._arrived_s.get(identifier, -np.inf) for identifier in identifiers}
        oldest = min(stamps, key=lambda identifier: stamps[identifier])
        return oldest, stamps[oldest]

    def require_fresh(self, max_age_s: float, arm: str, channel: str) -> None:
        """Raises FeedbackError where a frame of `FEEDBACK` is older than this, and why as far as that is known."""
        if self._clock.now_s() - self.oldest_s(FEEDBACK)[1] <= max_age_s:
            return
        self._clock.sleep(_GRACE_S)
        identifier, arrived_s = self.oldest_s(FEEDBACK)
        age_s = self._clock.now_s() - arrived_s
        if age_s <= max_age_s:
            return
        since = f"last came {age_s * 1000:.0f} ms ago" if np.isfinite(age_s) else "never came"
        why = f": {self.trouble}" if self.trouble else why_silent(channel)
        raise FeedbackError(
            f"The {arm} arm's feedback is lost: frame 0x{identifier:X} {since} on {channel}{why}.",
            BUS_REMEDY.format(channel=channel),
        )

    def _show(self, identifier: int, data: bytes, now_s: float) -> None:
        if identifier in protocol.JOINT_FEEDBACK:
            first = 2 * (identifier - protocol.JOINT_FEEDBACK[0])
            for number, millidegrees in enumerate(protocol.PAIR.unpack(data), first):
                angle_rad = math.radians(millidegrees / 1000.0) + self._zero_offset_rad[number]
                self._guard.see_joint(number, angle_rad, now_s)
        elif identifier in protocol.MOTOR_FAST:
            number = identifier - protocol.MOTOR_FAST[0]
            speed, current, position = protocol.MOTOR_FAST_LAYOUT.unpack(data)
            torque_nm = current / 1000 * protocol.MOTOR_NM_PER_A[number]
            self._guard.see_motor(number, position / 1000, speed / 1000, torque_nm, now_s)
