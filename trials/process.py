"""Which process runs a trial, told so that a reused process id does not pass for it."""

import socket
from dataclasses import dataclass

import psutil

#: Process start times come in ticks of 10 ms; sums of floats lose far less than this.
TICK_S = 0.05


@dataclass(frozen=True)
class ProcessStamp:
    """A process: its id, when it started [s since boot, so a clock jump changes nothing], its host: columns."""

    pid: int
    process_started_s: float
    host: str

    @staticmethod
    def own() -> "ProcessStamp":
        process = psutil.Process()
        return ProcessStamp(process.pid, _started_s(process), socket.gethostname())

    @property
    def is_here(self) -> bool:
        """Whether it ran on this host, so that its end can be seen from here."""
        return self.host == socket.gethostname()

    @property
    def is_running(self) -> bool:
        """Whether the very same process still runs; only meaningful where `is_here`."""
        try:
            process = psutil.Process(int(self.pid))  # None would be this one
            same = abs(_started_s(process) - self.process_started_s) < TICK_S
            return same and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, TypeError, ValueError, OverflowError):  # a row edited by hand may name no process
            return False


def _started_s(process: psutil.Process) -> float:
    return process.create_time() - psutil.boot_time()
