"""Which CAN adapter is behind which interface, and the udev rules that give cameras and adapters lasting names."""

from collections.abc import Mapping
from pathlib import Path

from hardware.arms.can_interfaces import NETWORK

#: Where udev rules of the machine's owner lie, and what ours are called.
RULES = Path("/etc/udev/rules.d/80-vitro.rules")
_HEADER = "# Written by Vitro's bringup: a name for each arm's CAN adapter, and the RealSense cameras for every user.\n"
#: Intel's vendor id; librealsense's own rules name its products one by one.
_CAMERAS = 'SUBSYSTEMS=="usb", ATTRS{idVendor}=="8086", MODE:="0666"\n'


def adapter_serial(channel: str, network: Path = NETWORK) -> str | None:
    """The USB serial number of the adapter of a CAN interface; None where it has none, as virtual ones."""
    device = (network / channel / "device").resolve()
    for folder in (device, *device.parents):
        try:
            return (folder / "serial").read_text().strip() or None
        except OSError:
            continue
    return None


def udev_rules(names: Mapping[str, str]) -> str:
    """The rules file. names: interface name by the adapter's serial."""
    adapters = (
        f'SUBSYSTEM=="net", ACTION=="add", ATTR{{type}}=="280", ATTRS{{serial}}=="{serial}", NAME="{name}"\n'
        for serial, name in names.items()
    )
    return _HEADER + "".join(adapters) + _CAMERAS
