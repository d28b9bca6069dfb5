#!/usr/bin/env bash
# Sets up what is missing and runs the tests, in as many processes as there are cores, eight at most.
# Options go to pytest (./test.sh -k trials; ./test.sh -n0: in one process).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
./setup.sh --dev
exec .venv/bin/python -m pytest -q -n logical --maxprocesses 8 --dist loadfile "$@"
