"""Single keys from the terminal, with the terminal restored whatever happens."""

import os
import select
import sys
import termios
import tty
from contextlib import suppress

from core.errors import ConfigurationError


def require_terminal() -> None:
    """Refuses to go on where nobody can press a key.

    Raises:
        ConfigurationError: standard input is not a terminal.
    """
    if not sys.stdin.isatty():
        raise ConfigurationError(
            "A key is needed before anything moves, but standard input is not a terminal.",
            "Run in a terminal, or (digital cell) add --yes to approve every motion that the gate passes.",
        )


def read_key() -> str:
    """The next key press in lower case; keys pressed before the question was asked do not count.

    Raises:
        ConfigurationError: standard input is not a terminal, or it was closed.
    """
    require_terminal()
    descriptor = sys.stdin.fileno()
    saved = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        termios.tcflush(descriptor, termios.TCIFLUSH)
        # Rendering leaves Ctrl-C restarting system calls: it would be heard at the next key. No select is restarted.
        select.select([descriptor], [], [])
        # Not sys.stdin.read: its buffer would keep a second press as the answer to the next question.
        key = os.read(descriptor, 1)
        termios.tcflush(descriptor, termios.TCIFLUSH)
    finally:
        with suppress(termios.error):  # the terminal is gone; what ends the wait says so
            termios.tcsetattr(descriptor, termios.TCSADRAIN, saved)
    if not key:
        raise ConfigurationError("The terminal was closed while a key was awaited.", "Start again in a terminal.")
    return key.decode(errors="replace").lower()
