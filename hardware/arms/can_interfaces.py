"""The machine's CAN adapters, as the kernel shows them, and the lock that gives one process an arm."""

import fcntl
import json
import os
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ArmError
from core.files import open_lock, user_folder
from hardware.arms.can_protocol import BITRATE, Command, Feedback, Version, parse_version

if TYPE_CHECKING:
    from can import BusABC

#: What mends a channel that went silent; the bus is off until it has been taken down.
BUS_REMEDY = (
    "Check the CAN cable, its adapter and the arm's power; then sudo ip link set {channel} down && "
    f"sudo ip link set {{channel}} up type can bitrate {BITRATE}, and start again."
)

#: What the kernel tells of its network interfaces.
NETWORK = Path("/sys/class/net")
_ARPHRD_CAN = "280"  # linux/if_arp.h
#: A controller answers at once.
_ANSWER_S = 0.5
#: Asks for the firmware. Source: `SearchPiperFirmwareVersion` of piper_sdk.
_ENQUIRY = bytes([1, 0, 0, 0, 0, 0, 0, 0])


def find_can_interfaces() -> tuple[str, ...]:
    """Names of the CAN interfaces that are up, sorted; empty on machines without."""
    return tuple(name for name in _can_interfaces() if _is_up(name))


def check_can_interface(channel: str) -> None:
    """Raises ArmError when the channel does not exist, is down, or runs at another bit rate than the PiPER."""
    remedy = f"Bring it up: sudo ip link set {channel} up type can bitrate {BITRATE}."
    known = _can_interfaces()
    if channel not in known:
        others = f" This machine has {', '.join(known)}." if known else " This machine has no CAN interface."
        raise ArmError(f"There is no CAN interface {channel}.{others}", f"Plug in the CAN adapter. {remedy}")
    if not _is_up(channel):
        raise ArmError(f"The CAN interface {channel} is down.", remedy)
    try:
        command = ["ip", "-details", "-json", "link", "show", channel]
        answer = subprocess.run(command, capture_output=True, check=True, timeout=5)
        bitrate = int(json.loads(answer.stdout)[0]["linkinfo"]["info_data"]["bittiming"]["bitrate"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, IndexError, TypeError):
        return  # it cannot be told: virtual CAN, or no `ip` command
    if bitrate != BITRATE:
        raise ArmError(
            f"The CAN interface {channel} runs at {bitrate} bit/s; the PiPER needs {BITRATE}.",
            f"Run: sudo ip link set {channel} down && sudo ip link set {channel} up type can bitrate {BITRATE}.",
        )


def why_silent(channel: str) -> str:
    """What the system knows of a channel that went silent, to be said after that; empty where it knows nothing."""
    if channel not in _can_interfaces():
        return ""
    if not _is_up(channel):
        return ": the interface is down"
    # can_bus_off() of the kernel takes the carrier away.
    return ": the bus is off (BUS-OFF)" if _read(NETWORK / channel / "carrier") == "0" else ""


def _can_interfaces() -> list[str]:
    if not NETWORK.is_dir():
        return []
    return sorted(path.name for path in NETWORK.iterdir() if _read(path / "type") == _ARPHRD_CAN)


def _is_up(channel: str) -> bool:
    """By the administrative flag: CAN interfaces report the operational state `unknown` on old kernels."""
    return bool(int(_read(NETWORK / channel / "flags") or "0", 16) & 1)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


class ChannelLock:
    """A lock that names who holds a channel; the system frees it when its process dies, however it dies.

    A file of the user's own says who; a name in the kernel, where nobody can plant a link, keeps other users out.
    """

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._file: int | None = None
        self._name = socket.socket()

    def acquire(self) -> None:
        """Raises ArmError, with the holder's process id, when another process drives this arm."""
        try:
            file = open_lock(user_folder() / f"arm-{self._channel}.lock")
        except OSError as error:
            cause = f"The lock of the arm on {self._channel} cannot be opened ({error.strerror or error})."
            raise ArmError(cause, "See that XDG_RUNTIME_DIR, else ~/.cache, is a folder of your own.") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _holder(file)
            os.close(file)
            raise ArmError(
                f"The arm on {self._channel} is driven by another process (PID {holder or 'unknown'}).",
                f"End that process first: kill -INT {holder}." if holder else "End that process first, then try again.",
            ) from error
        self._name = socket.socket(socket.AF_UNIX)
        try:
            self._name.bind(f"\0vitro-arm-{self._channel}")
        except OSError as error:
            os.close(file)
            cause = f"The arm on {self._channel} is driven by another user's process."
            raise ArmError(cause, "Find and end it: sudo ss -xp | grep vitro-arm.") from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file

    def release(self) -> None:
        """Idempotent. The file stays: removing it would let two processes lock two files of one name."""
        if self._file is not None:
            self._name.close()
            with suppress(OSError):  # what is written is only told where the kernel tells nothing
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


def _holder(file: int) -> str:
    """The process id of who holds a lock, as the kernel says: what is written in the file may still be of one before,
    whose number another process has by now. Where the kernel does not say, what is written."""
    status = os.fstat(file)
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for line in _read(Path("/proc/locks")).splitlines():
        match line.split():
            case [_, "FLOCK", _, _, pid, of, *_] if of == place and int(pid) > 0:
                return pid
    return os.read(file, 32).decode(errors="replace").strip()


def ask_version(bus: "BusABC") -> Version | None:
    """Asks the controller on an open bus, which moves nothing; None where it does not answer in half a second."""
    from can import Message

    bus.send(Message(arbitration_id=Command.FIRMWARE, data=_ENQUIRY, is_extended_id=False))
    text, deadline_s = b"", time.monotonic() + _ANSWER_S
    while (left_s := deadline_s - time.monotonic()) > 0:
        message = bus.recv(timeout=left_s)
        if message is not None and message.arbitration_id == Feedback.FIRMWARE:
            text += bytes(message.data)
            if version := parse_version(text.decode("ascii", errors="replace")):
                return version
    return None
