"""One process per real arm: a lock on the CAN channel that names who holds it."""

import fcntl
import os
from pathlib import Path

from core.errors import ArmError

#: One place for all users and environments of the machine, or two processes would not meet.
_FOLDER = Path("/tmp")


class ChannelLock:
    """An advisory file lock; the system frees it when its process dies, however it dies."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._path = _FOLDER / f"vitro-arm-{channel}.lock"
        self._file: int | None = None

    def acquire(self) -> None:
        """Raises ArmError, with the holder's process id, when another process drives this arm."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            cause = f"The arm's lock {self._path} cannot be opened ({error.strerror}): another user made it."
            raise ArmError(cause, f"See that nobody drives the arm, then remove it: sudo rm {self._path}.") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(file, 32).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise ArmError(
                f"The arm on {self._channel} is driven by another process (PID {holder}).",
                f"End that process first: kill -INT {holder}.",
            ) from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file

    def release(self) -> None:
        """Idempotent. The file stays: removing it would let two processes lock two files of one name."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
