"""How every example is called: with the words behind its name; what it raises is told as main.py tells it."""

import sys
from collections.abc import Callable
from inspect import signature
from pathlib import Path

from app.options import exit_code
from core.errors import ConfigurationError


def run_example(main: Callable[..., None]) -> None:
    """Ends the process: 0 done, 1 failed, 2 wrong usage, each failure with its cause and what to do."""
    name, words = Path(sys.argv[0]).stem, sys.argv[1:]

    def work() -> int:
        parameters = signature(main).parameters.values()
        if not sum(one.default is one.empty for one in parameters) <= len(words) <= len(parameters):
            takes = " ".join(one.name if one.default is one.empty else f"[{one.name}]" for one in parameters)
            raise ConfigurationError(f"{name} takes {takes}; {len(words)} words were given.", "See its first lines.")
        main(*words)
        return 0

    sys.exit(exit_code(work))
