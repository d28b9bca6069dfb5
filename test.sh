#!/usr/bin/env bash
# Sets up what is missing and runs the tests, in one process more than there are cores, as some wait, eight at most;
# the files that take longest first (tests/conftest.py).
# Options go to pytest (./test.sh -k trials; ./test.sh -n0: in one process).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
./setup.sh --dev
processes=$(($(nproc) + 1))
[ $# -gt 0 ] || echo "All tests: fifteen to twenty minutes on two idle cores, far longer on busy ones (the longest first, so that the percentage begins slowly); ./test.sh tests/trials, or -k WORD, runs some."
exec .venv/bin/python -m pytest -q -rs --disable-warnings -n "$((processes < 8 ? processes : 8))" --dist loadfile --no-loadscope-reorder "$@"
