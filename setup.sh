#!/usr/bin/env bash
# Makes what Vitro needs: system libraries, .venv and the pinned packages. Safe to run again at any time.
#   ./setup.sh          to run Vitro
#   ./setup.sh --dev    and what the tests and checks need
# PYTHON=/path/to/python3 chooses the interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

# Shared libraries that the packages load but do not bring, and Debian's packages for them.
libraries=(
    "libusb-1.0.so.0 libusb-1.0-0"
    "libudev.so.1 libudev1"
    "libatomic.so.1 libatomic1"
    "libgomp.so.1 libgomp1"
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
        grep -q "${entry% *} " <<<"$cache" || echo "${entry#* }"
    done
    has_module "$python" ensurepip || "$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
}

has_llvm() { loader_cache | grep -qE "$llvm_pattern"; }

llvm_package() {
    local package
    for package in "${llvm_packages[@]}"; do
        if [ -n "$(apt-cache show "$package" 2>/dev/null)" ]; then
            echo "$package"
            return
        fi
    done
}

install_system_libraries() {
    local missing wanted root=()
    mapfile -t missing < <(missing_packages)
    if [ ${#missing[@]} -eq 0 ] && has_llvm; then return; fi
    if ! command -v apt-get >/dev/null; then
        [ ${#missing[@]} -eq 0 ] || fail "These libraries are missing: ${missing[*]} (Debian's names)." \
            "Install them with your system's package manager, then run ./setup.sh again."
        say "LLVM 17 or newer is missing: the digital cell will use the scalar renderer, about 4x slower."
        return
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            root=(sudo)
        else
            wanted=("${missing[@]}")
            has_llvm || wanted+=("$(llvm_package)")
            tell_what_to_install "${wanted[@]}"
            [ ${#missing[@]} -eq 0 ] || exit 1
            return
        fi
    fi
    say "system libraries: ${missing[*]:-} (apt-get)"
    "${root[@]}" apt-get -qq update
    wanted=("${missing[@]}")
    has_llvm || wanted+=("$(llvm_package)")
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends ${wanted[*]} >/dev/null ||
        fail "apt-get could not install: ${wanted[*]}." "Run apt-get install ${wanted[*]} by hand to see why."
    has_llvm || say "no LLVM 17 or newer here: the digital cell will use the scalar renderer, about 4x slower."
}

tell_what_to_install() {
    say "System libraries are missing, and this user may not install them. Run:" >&2
    echo "    sudo apt-get update && sudo apt-get install -y $*" >&2
    say "then ./setup.sh again." >&2
}

make_environment() {
    if [ -x .venv/bin/python ] && has_module .venv/bin/python pip && fits .venv/bin/python; then return; fi
    say "Python environment: .venv with $("$python" --version)"
    "$python" -m venv --clear .venv || fail ".venv could not be made with $python." \
        "Check that the disk has room (df -h .) and that $python -m venv works, then run ./setup.sh again."
}

# install NAME FILE...: installs the requirement files unless exactly these are installed already.
install_packages() {
    local name=$1 stamp=".venv/vitro-$1.sha256" want quiet=() files=() file
    shift
    want=$({ .venv/bin/python --version && cat constraints.txt "$@"; } | sha256sum)
    if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then return; fi
    [ -t 1 ] || quiet=(--quiet)
    for file in "$@"; do files+=(-r "$file"); done
    say "Python packages ($name): about 3.6 GB unpacked the first time, a few minutes"
    .venv/bin/python -m pip install --disable-pip-version-check "${quiet[@]}" -c constraints.txt "${files[@]}" ||
        fail "The Python packages could not be installed; pip says why above." \
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
