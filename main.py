"""Vitro's command line: `python main.py --surface reflective`; see `python main.py --help`."""

import sys

try:
    from app.cli import main
except ModuleNotFoundError as error:
    sys.exit(
        f"Vitro's dependency {error.name!r} is not installed for {sys.executable}.\n"
        "Run ./setup.sh once, then .venv/bin/python main.py --surface reflective"
    )

if __name__ == "__main__":
    main(sys.argv[1:])
