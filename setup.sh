#!/usr/bin/env bash
# Makes what Vitro needs: system libraries, .venv and the pinned packages. Safe to run again at any time.
#   ./setup.sh          to run Vitro
#   ./setup.sh --dev    and what the tests and checks need
# PYTHON=/path/to/python3 chooses the interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$1" >&2
    printf '    %s\n' "${@:2}" >&2
    exit 1
}

# Shared libraries that the packages load but do not bring, and Debian's packages for them.
libraries=(
    "libusb-1.0.so.0 libusb-1.0-0"
    "libudev.so.1 libudev1"
    "libatomic.so.1 libatomic1"
    "libGL.so.1 libgl1"
    "libEGL.so.1 libegl1"
    "libX11.so.6 libx11-6"
)
# Mitsuba compiles its kernels with LLVM 17 or newer and falls back to its scalar renderer without one.
llvm_pattern='libLLVM[-.](so\.)?(1[7-9]|[2-9][0-9])'
llvm_packages=(libllvm19 libllvm20 libllvm18 libllvm17)

loader_cache() { PATH="$PATH:/sbin:/usr/sbin" ldconfig -p; }

has_module() { "$1" -c "import $2" >/dev/null 2>&1; }

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' >/dev/null 2>&1; }

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.11 python3.12 python3.13; do
        if command -v "$candidate" >/dev/null && fits "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11, 3.12 or 3.13 is needed and none was found." \
        "Install one (Debian 12, Ubuntu 24.04: sudo apt-get install -y python3 python3-venv), then run ./setup.sh again."
}

# Prints the packages of the libraries that are missing, one a line.
missing_packages() {
    local cache entry
    cache=$(loader_cache)
    for entry in "${libraries[@]}"; do
        grep -qF "${entry% *} " <<<"$cache" || echo "${entry#* }"
    done
    has_module "$python" ensurepip || "$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
}

has_llvm() { grep -qE "$llvm_pattern" <<<"$(loader_cache)"; }

llvm_package() {
    local package
    for package in "${llvm_packages[@]}"; do
        if [ -n "$(apt-cache show "$package" 2>/dev/null)" ]; then
            echo "$package"
            return
        fi
    done
}

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }

install_system_libraries() {
    local missing llvm=()
    mapfile -t missing < <(missing_packages)
    if [ ${#missing[@]} -eq 0 ] && has_llvm; then return; fi
    if command -v apt-get >/dev/null && as_root true 2>/dev/null; then
        say "system libraries, with apt-get"
        as_root apt-get -qq update || say "apt-get update failed; trying with the lists there are"
        has_llvm || mapfile -t llvm < <(llvm_package)
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get -qq install -y --no-install-recommends "${missing[@]}" "${llvm[@]}" >/dev/null ||
            fail "apt-get could not install ${missing[*]} ${llvm[*]}; it says why above." "Mend that, then run ./setup.sh again."
    elif [ ${#missing[@]} -gt 0 ]; then
        fail "System libraries are missing and this user may not install them. Run" \
            "sudo apt-get update && sudo apt-get install -y ${missing[*]} ${llvm_packages[0]}" \
            "(elsewhere than on Debian and Ubuntu: what these packages hold), then ./setup.sh again."
    fi
    has_llvm || say "no LLVM 17 or newer: the digital cell uses the scalar renderer, about 4x slower." \
        "To mend it: sudo apt-get install -y ${llvm_packages[0]}"
}

make_environment() {
    if [ -x .venv/bin/python ] && has_module .venv/bin/python pip && fits .venv/bin/python; then return; fi
    say "Python environment: .venv with $("$python" --version)"
    "$python" -m venv --clear .venv || fail ".venv could not be made with $python." \
        "Check that the disk has room (df -h .) and that $python -m venv works, then run ./setup.sh again."
}

# At a terminal pip shows its progress; elsewhere only the end of what it said, and only if it failed.
pip_install() {
    local pip=(.venv/bin/python -m pip install --disable-pip-version-check)
    if [ -t 1 ]; then
        "${pip[@]}" "$@"
    elif ! "${pip[@]}" "$@" >.venv/pip.log 2>&1; then
        tail -n 25 .venv/pip.log >&2
        return 1
    fi
}

# install_packages NAME FILE...: installs the requirement files unless exactly these are installed already.
install_packages() {
    local stamp=".venv/vitro-$1.sha256" want files=() file
    shift
    want=$({ .venv/bin/python --version && cat constraints.txt "$@"; } | sha256sum)
    if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then return; fi
    for file in "$@"; do files+=(-r "$file"); done
    say "Python packages of $* (a fresh install unpacks 3.7 GB: some minutes)"
    pip_install -c constraints.txt "${files[@]}" ||
        fail "The Python packages could not be installed; pip says why above (all of it: .venv/pip.log)." \
            "Check the network and the disk (df -h .), then run ./setup.sh again: it goes on where it stopped."
    .venv/bin/python -m pip check >/dev/null || fail "The installed packages contradict each other." \
        "Remove .venv and run ./setup.sh again."
    echo "$want" >"$stamp"
}

case "${1:-}" in
    "" | --dev) ;;
    *) fail "Unknown option $1." "Use ./setup.sh, or ./setup.sh --dev for the tests' tools too." ;;
esac
python=$(find_python)
install_system_libraries
make_environment
install_packages run requirements.txt
[ "${1:-}" != --dev ] || install_packages dev requirements.txt requirements-dev.txt
say "ready: .venv/bin/python main.py --surface reflective"
