"""Where the tests find what they read."""

import os
from pathlib import Path

#: The repository.
ROOT = Path(__file__).parents[2]
MAIN = ROOT / "main.py"
CELLS = ROOT / "app" / "cells"
DATA = ROOT / "tests" / "data"
#: Captures and golden vectors that do not ship: tests that need them skip where they are absent.
SHARED = Path(os.environ.get("VITRO_SHARED") or ROOT.parent / "shared")
