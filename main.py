"""Vitro's command line: `python main.py --surface reflective`; see `python main.py --help`."""

import os
import sys
from pathlib import Path

try:
    from app.cli import main
except ModuleNotFoundError as error:
    environment = Path(__file__).resolve().parent / ".venv"
    python = environment / "bin" / "python"
    # `python main.py` works without activating the environment that ./setup.sh made.
    if python.exists() and Path(sys.prefix).resolve() != environment.resolve():
        os.execv(python, [str(python), *sys.argv])
    sys.exit(
        f"Vitro's dependency {error.name!r} is not installed for {sys.executable}.\n"
        "Run ./setup.sh once, then: python3 main.py --surface reflective"
    )

if __name__ == "__main__":
    main(sys.argv[1:])
