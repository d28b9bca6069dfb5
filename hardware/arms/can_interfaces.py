"""The machine's CAN adapters, as the kernel shows them."""

import json
import subprocess
from pathlib import Path

from core.errors import ArmError
from hardware.arms.can_protocol import BITRATE

_NETWORK = Path("/sys/class/net")
_ARPHRD_CAN = "280"  # linux/if_arp.h


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
    bitrate = _bitrate(channel)
    if bitrate is not None and bitrate != BITRATE:
        raise ArmError(
            f"The CAN interface {channel} runs at {bitrate} bit/s; the PiPER needs {BITRATE}.",
            f"Run: sudo ip link set {channel} down && sudo ip link set {channel} up type can bitrate {BITRATE}.",
        )


def _can_interfaces() -> list[str]:
    if not _NETWORK.is_dir():
        return []
    return sorted(path.name for path in _NETWORK.iterdir() if _read(path / "type") == _ARPHRD_CAN)


def _is_up(channel: str) -> bool:
    """By the administrative flag: CAN interfaces report the operational state `unknown` on old kernels."""
    return bool(int(_read(_NETWORK / channel / "flags") or "0", 16) & 1)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _bitrate(channel: str) -> int | None:
    """None where it cannot be told: virtual CAN, or no `ip` command."""
    try:
        command = ["ip", "-details", "-json", "link", "show", channel]
        answer = subprocess.run(command, capture_output=True, check=True, timeout=5)
        return int(json.loads(answer.stdout)[0]["linkinfo"]["info_data"]["bittiming"]["bitrate"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, IndexError, TypeError):
        return None
