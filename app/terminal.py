"""rich's console as Vitro uses it: few styles, all other brackets text, and a reader that goes away ends nothing."""

import os
import re
import sys
from typing import TextIO

from rich.console import Console as RichConsole
from rich.text import Text

#: What may stand in brackets before text and `[/]`; paths and names may hold any other.
STYLES = ("bold", "dim", "red", "green", "yellow", "bold red")
_STYLED = re.compile(rf"\[({'|'.join(STYLES)})\](.*?)\[/\]", re.DOTALL)


class Terminal(RichConsole):
    """Says nothing more once nobody reads it (`| head`): what an arm does depends on no reader."""

    def _check_buffer(self) -> None:
        try:
            super()._check_buffer()
        except OSError:  # a terminal whose line was dropped (EIO); rich knows closed pipes alone
            self.on_broken_pipe()

    def on_broken_pipe(self) -> None:
        self.quiet = True
        write_nowhere(sys.stderr if self.stderr else sys.stdout)


def styled(text: str) -> Text:
    """The text with its styles."""
    whole, at = Text(), 0
    for match in _STYLED.finditer(text):
        whole.append(text[at : match.start()]).append(match[2], match[1])
        at = match.end()
    return whole.append(text[at:])


def write_nowhere(stream: TextIO) -> None:
    """What is still to be written, at the interpreter's end too, is dropped."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def write_what_it_can() -> None:
    """Terminals that know no ✓, as Latin-1's, get a question mark in its place."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
