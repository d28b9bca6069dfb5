#!/usr/bin/env bash
# Sets up what is missing and runs the tests; options go to pytest (./test.sh -k trials).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
./setup.sh --dev
exec .venv/bin/python -m pytest -q "$@"
