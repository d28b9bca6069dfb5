"""Vitro's command line: `python main.py --surface reflective`; see `python main.py --help`."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

#: One package of each kind that ./setup.sh installs: who lacks one is not the environment it made. Where that
#: environment was never made, a command runs on what it needs itself, and names what it does not find.
COMMAND_LINE = ("typer", "rich", "pydantic")
NEEDED = (*COMMAND_LINE, "sqlalchemy", "mujoco", "mitsuba", "pyrealsense2", "piper_sdk")


def use_the_environment(missing: list[str]) -> None:
    """Starts again in the environment of ./setup.sh, so that it need not be activated; else says what to run."""
    environment = Path(__file__).resolve().parent / ".venv"
    python = environment / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != environment.resolve():
        os.execv(python, [str(python), *sys.argv])
    if set(missing) & set(COMMAND_LINE):
        sys.exit(
            f"Vitro's dependencies are not installed for {sys.executable}: {', '.join(missing)}.\n"
            "Run ./setup.sh once, then: python3 main.py --surface reflective"
        )


if __name__ == "__main__":
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        use_the_environment(missing)
    try:
        from app.cli import main

        main(sys.argv[1:])
    except KeyboardInterrupt:  # while the command was being imported
        sys.exit(130)
