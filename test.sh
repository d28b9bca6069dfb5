#!/usr/bin/env bash
# Sets up what is missing and runs the tests, in one process more than there are cores, as some wait, eight at most;
# the files that take longest first (tests/conftest.py).
# Without options all but those marked slow. Options go to pytest, and what they choose runs with its slow ones:
# ./test.sh -m slow, ./test.sh -k trials, ./test.sh tests/trials, ./test.sh -n0 (all, in one process).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
./setup.sh --dev
processes=$(($(nproc) + 1))
if [ $# -eq 0 ]; then
    echo "All but the slow tests: some nine minutes on two idle cores, far longer on busy ones; the longest begin, so the percentage is slow at first."
    echo "./test.sh -m slow runs the others; ./test.sh tests/trials, or -k WORD, some."
    set -- -m "not slow"
fi
exec .venv/bin/python -m pytest -q -rs --disable-warnings -n "$((processes < 8 ? processes : 8))" --dist loadfile --no-loadscope-reorder "$@"
