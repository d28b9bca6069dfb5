"""librealsense in a process of its own: what hangs or crashes there is killed, and takes nothing along."""

import fcntl
import os
import select
import signal
import subprocess
import sys
import threading
import time
import weakref
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]


class ChildLost(Exception):  # noqa: N818 - its owner says what it means
    """The process answers no more: it `hangs` or `crashes`, as its message says."""


class Child:
    """`python -m MODULE ARGUMENTS FD`: it and its owner exchange pickled messages over the connection FD.

    It ends with its owner, however that ends.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self.connection, sending = Pipe()
        with sending:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments, str(sending.fileno())],
                pass_fds=[sending.fileno()],
                stdin=subprocess.PIPE,  # its end tells the child that this process is gone
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # librealsense complains there of what is raised
                env=os.environ | {"PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path])},
                start_new_session=True,
            )
        self._end = weakref.finalize(self, _end, self.connection, self.process)

    @property
    def is_open(self) -> bool:
        return self._end.alive

    def receive(self, timeout_s: float) -> Any:
        """The next message.

        Raises:
            ChildLost: there is none within `timeout_s`, or the process has ended.
        """
        watch = threading.Timer(timeout_s, self.process.kill)
        watch.daemon = True
        started_s = time.monotonic()
        watch.start()
        try:
            return self.connection.recv()
        except (EOFError, OSError) as error:
            raise ChildLost("hangs" if time.monotonic() - started_s >= timeout_s else "crashes") from error
        finally:
            watch.cancel()

    def close(self) -> None:
        """Kills it. Idempotent."""
        self._end()


def _end(connection: Connection, process: "subprocess.Popen[bytes]") -> None:
    connection.close()
    process.kill()
    process.wait()
    if process.stdin:
        process.stdin.close()


def connect_to_owner() -> Connection:
    """Called by the child's main function first: ends this process with its owner, whatever librealsense is doing.

    The kernel does it: where librealsense hangs, no thread of Python runs any more.
    """
    flags = fcntl.fcntl(sys.stdin, fcntl.F_GETFL)
    fcntl.fcntl(sys.stdin, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(sys.stdin, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(sys.stdin, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([sys.stdin], [], [], 0)[0]:  # it was gone before
        os._exit(0)
    return Connection(int(sys.argv[-1]))
