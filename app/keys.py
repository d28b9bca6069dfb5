"""Single keys from the terminal, with the terminal restored whatever happens."""

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from core.errors import ConfigurationError

_LONGEST_LINE_BYTES = 4096


def has_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def require_terminal() -> None:
    """Refuses to go on where nobody can press a key.

    Raises:
        ConfigurationError: standard input is not a terminal.
    """
    if not has_terminal():
        raise ConfigurationError(
            "A key is needed before anything moves, but standard input is not a terminal.",
            "Run in a terminal, or (digital cell) add --yes to approve every motion that the gate passes.",
        )


def read_key(wake: int | None = None) -> str:
    """The next key press in lower case; keys pressed before the question was asked do not count.

    Args:
        wake: a descriptor; once it can be read nothing is waited for any more, and the key is "". With it, no terminal
            is needed.

    Raises:
        ConfigurationError: standard input is not a terminal, or it was closed.
    """
    if wake is not None and not has_terminal():
        select.select([wake], [], [])
        return ""
    with _waiting(is_line=False) as descriptor:
        # Not sys.stdin.read: its buffer would keep a second press as the answer to the next question.
        key = os.read(descriptor, 1) if _is_typed(descriptor, wake) else None
        termios.tcflush(descriptor, termios.TCIFLUSH)
    return "" if key is None else _text(key).lower()


def read_line(wake: int | None = None) -> str:
    """The next line typed, without its end and without spaces around it; raises and wakes as `read_key`."""
    if wake is not None and not has_terminal():
        select.select([wake], [], [])
        return ""
    with _waiting(is_line=True) as descriptor:
        line = os.read(descriptor, _LONGEST_LINE_BYTES) if _is_typed(descriptor, wake) else None
        termios.tcflush(descriptor, termios.TCIFLUSH)
    return "" if line is None else _text(line).strip()


@contextmanager
def _waiting(is_line: bool) -> Iterator[int]:
    """Standard input's descriptor, set to give single keys or whole lines; what was typed before is thrown away."""
    require_terminal()
    descriptor = sys.stdin.fileno()
    saved = termios.tcgetattr(descriptor)
    try:
        if not is_line:
            tty.setcbreak(descriptor)
        termios.tcflush(descriptor, termios.TCIFLUSH)
        yield descriptor
    finally:
        with suppress(termios.error):  # the terminal is gone; what ends the wait says so
            termios.tcsetattr(descriptor, termios.TCSADRAIN, saved)


def _is_typed(descriptor: int, wake: int | None) -> bool:
    """Waits; whether something was typed, not woken."""
    # Rendering leaves Ctrl-C restarting system calls: it would be heard at the next key. No select is restarted.
    ready, _, _ = select.select([descriptor] if wake is None else [descriptor, wake], [], [])
    return wake not in ready


def _text(typed: bytes) -> str:
    if not typed:
        raise ConfigurationError("The terminal was closed while a key was awaited.", "Start again in a terminal.")
    return typed.decode(errors="replace").replace("\r", "\n")
