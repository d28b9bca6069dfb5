#!/usr/bin/env bash
# Sets up what is missing and runs the tests, in one process more than there are cores, as some wait, eight at most;
# the files that take longest first (tests/conftest.py).
# Without options all but those marked slow; options go to pytest (./test.sh -m slow: those; ./test.sh -k trials,
# ./test.sh tests/trials: all of a subject; ./test.sh -n0: all, in one process).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
./setup.sh --dev
processes=$(($(nproc) + 1))
if [ $# -eq 0 ]; then
    echo "All tests but the slow: some eight minutes on two idle cores, far longer on busy ones (the longest first, so that the percentage begins slowly); ./test.sh -m slow runs those, ./test.sh tests/trials, or -k WORD, some."
    set -- -m "not slow"
fi
exec .venv/bin/python -m pytest -q -rs --disable-warnings -n "$((processes < 8 ? processes : 8))" --dist loadfile --no-loadscope-reorder "$@"
