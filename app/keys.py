"""Single keys from the terminal, with the terminal restored whatever happens."""

import sys
import termios
import tty

from errors import ConfigurationError


def read_key() -> str:
    """One key press in lower case.

    Raises:
        ConfigurationError: standard input is not a terminal, so nobody can press a key.
    """
    if not sys.stdin.isatty():
        raise ConfigurationError(
            "A key is needed before anything moves, but standard input is not a terminal.",
            "Run in a terminal, or add --yes to approve every motion that the gate passes.",
        )
    descriptor = sys.stdin.fileno()
    saved = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        return sys.stdin.read(1).lower()
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, saved)
