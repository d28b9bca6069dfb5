"""What every command stands on: libraries, disk, clock, the page's port, the log."""

import ctypes
import shutil
import socket
import time
from pathlib import Path

from app.doctor.finding import Finding, Machine
from app.page.page_server import PORT
from app.paths import home, trial_log
from core.report.words import counted

#: Room for an evening's trials with pictures and a long recording.
DISK_NEEDED_GB = 2.0
#: What wheels load and do not bring, and Debian's package of it, as ./setup.sh lists them.
_LIBRARIES = {
    "libusb-1.0.so.0": "libusb-1.0-0",
    "libudev.so.1": "libudev1",
    "libatomic.so.1": "libatomic1",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libX11.so.6": "libx11-6",
}


def libraries() -> Finding:
    missing = [package for library, package in _LIBRARIES.items() if not _loads(library)]
    if missing:
        command = f"sudo apt-get install -y {' '.join(missing)}"
        return Finding("OS packages", "fail", f"lacks {', '.join(missing)}", "Install them:", command)
    return Finding("OS packages", "pass", ", ".join(_LIBRARIES.values()))


def _loads(library: str) -> bool:
    try:
        return bool(ctypes.CDLL(library))
    except OSError:
        return False


def disk() -> Finding:
    folder = home()
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < DISK_NEEDED_GB:
        return Finding("disk", "fail", f"{free_gb:.1f} GB free at {folder}", "Free some, or set VITRO_HOME elsewhere.")
    return Finding("disk", "pass", f"{free_gb:.0f} GB free at {folder}")


def clock(machine: Machine) -> Finding:
    """Rows and recordings carry its times; motion does not use it."""
    if time.time() < Path(__file__).stat().st_mtime:
        return Finding(
            "clock", "fail", "it is earlier than this file's change", "Set it.", "sudo timedatectl set-ntp true"
        )
    if (machine.root / "run/systemd/timesync/synchronized").exists():
        return Finding("clock", "pass", "set by NTP")
    return Finding("clock", "warn", "nobody seems to set it", "Let NTP set it.", "sudo timedatectl set-ntp true")


def page_port() -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            return Finding(
                "page", "warn", f"port {PORT} is taken: the page takes one above", f"See: ss -ltnp 'sport = {PORT}'"
            )
    return Finding("page", "pass", f"port {PORT} is free")


def log() -> Finding:
    from trials.store import TrialStore

    with TrialStore(trial_log(is_written=False), is_read=True) as store:
        return Finding("trial log", "pass", f"{counted(store.count(), 'trial')} in {store.where}")


def renderer() -> Finding:
    from hardware.simulation.rendering.backend import mitsuba

    variant = mitsuba().variant()
    if variant.startswith("scalar"):
        return Finding(
            "renderer", "warn", f"{variant}: four times slower", "Install LLVM.", "sudo apt-get install -y libllvm19"
        )
    return Finding("renderer", "pass", variant)
