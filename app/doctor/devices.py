"""Cameras on USB, CAN adapters and the rules that name them, as the kernel tells of them."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from app.doctor.finding import Finding, Machine
from core.cell import Cell
from core.cell_parts import ArmMount
from core.errors import ArmError
from hardware.arms.adapters import RULES, adapter_serial
from hardware.arms.can_interfaces import ask_version, check_can_interface
from hardware.arms.can_protocol import BITRATE, family, known_fault, version_name

if TYPE_CHECKING:
    from can import BusABC

_NETWORK = "sys/class/net"
_CAN, _UP = "280", 1  # linux/if_arp.h, linux/if.h
_INTEL, _REALSENSE = "8086", "realsense"
#: USB 3 and above [Mbit/s]; at 480 a D435 has no colour and depth at 30 Hz.
_USB_3 = 5000


def cameras(machine: Machine, cell: Cell) -> Iterator[Finding]:
    """Every RealSense on USB: its speed, its serial beside the cell's, its firmware."""
    found = [
        device
        for device in machine.folders("sys/bus/usb/devices")
        if machine.read(device / "idVendor") == _INTEL and _REALSENSE in machine.read(device / "product").lower()
    ]
    if not found:
        yield Finding("camera", "warn", "no RealSense: the digital cell is used", "Plug a D435 into a USB 3 port.")
    for device in found:
        serial, firmware = machine.read(device / "serial"), machine.read(device / "bcdDevice")
        name = f"{machine.read(device / 'product')} {serial} (device release {firmware or 'unknown'})"
        speed = machine.read(device / "speed")
        if not (speed.isdecimal() and int(speed) >= _USB_3):
            yield Finding("camera", "fail", f"{name}: {speed or 'unknown'} Mbit/s", "Use a USB 3 port and its cable.")
        else:
            yield Finding("camera", "pass", f"{name}: {speed} Mbit/s")


def udev(machine: Machine) -> Finding:
    """Whether everybody may open cameras, and adapters keep their names."""
    rules = [
        path.name for path in machine.folders("etc/udev/rules.d") if "vitro" in path.name or "realsense" in path.name
    ]
    rules += [path.name for path in machine.folders("lib/udev/rules.d") if "realsense" in path.name]
    if rules:
        return Finding("udev", "pass", ", ".join(rules))
    return Finding(
        "udev", "warn", f"no {RULES}: names may swap when replugged", "It is written by: python main.py bringup"
    )


def can(machine: Machine, cell: Cell) -> Iterator[Finding]:
    """For every arm of the cell the interface that it is reached by: there, up, at its rate, with frames coming in."""
    there = {path.name for path in machine.folders(_NETWORK) if machine.read(path / "type") == _CAN}
    if not there:
        yield Finding("CAN", "warn", "no CAN interface: the digital cell is used", "Plug in the arms' adapters.")
        return
    for arm, mount in cell.arms.items():
        finding = _channel(machine, arm, mount.channel, there)
        yield finding
        if machine.is_this and finding.state != "fail":
            yield _ask_arm(arm, mount)
    for other in sorted(there - {mount.channel for mount in cell.arms.values()}):
        yield Finding(
            "CAN",
            "warn",
            f"{other} is of no arm of the cell {cell.name}",
            "Write it into the cell's YAML where it is an arm's.",
        )


def _ask_arm(arm: str, mount: ArmMount) -> Finding:
    from can import Bus, CanError

    try:
        with Bus(channel=mount.channel, interface="socketcan") as bus:
            return arm_firmware(arm, mount, bus)
    except (CanError, OSError) as error:
        remedy = "Check the CAN cable and the arm's power, then ask again."
        return Finding(f"arm {arm}", "fail", f"cannot be asked on {mount.channel} ({error})", remedy)


def arm_firmware(arm: str, mount: ArmMount, bus: "BusABC") -> Finding:
    """The version that the arm on an open bus tells: of the cell's family, and nothing known against it."""
    subject, version = f"arm {arm}", ask_version(bus)
    if version is None:
        return Finding(subject, "warn", "does not tell its firmware", "Switch the arm off and on, then ask again.")
    name = f"firmware {version_name(version)}"
    if family(version) != mount.firmware:
        remedy = f"Write firmware: {family(version)} under arms.{arm} in the cell file."
        return Finding(subject, "fail", f"{name}, while the cell says `{mount.firmware}`: 1 cm at the tool", remedy)
    if fault := known_fault(version):
        return Finding(subject, "warn", f"{name}: {fault}", "Ask AgileX for another firmware; touch-test often.")
    return Finding(subject, "pass", name)


def _channel(machine: Machine, arm: str, channel: str, there: set[str]) -> Finding:
    subject, folder = f"CAN {arm}", Path(_NETWORK) / channel
    up = f"sudo ip link set {quote(channel)} up type can bitrate {BITRATE}"
    again = f"sudo ip link set {quote(channel)} down && {up}"
    if channel not in there:
        remedy = f"Plug in its adapter, or write the channel's name ({', '.join(sorted(there))}) into the cell's YAML."
        return Finding(subject, "fail", f"there is no {channel}", remedy)
    if not int(machine.read(folder / "flags") or "0", 16) & _UP:
        return Finding(subject, "fail", f"{channel} is down", "Bring it up.", up)
    if machine.read(folder / "carrier") == "0":
        return Finding(
            subject, "fail", f"{channel} is off the bus (BUS-OFF)", "Check the cable; then start it anew.", again
        )
    if machine.is_this:
        try:
            check_can_interface(channel)
        except ArmError as error:
            return Finding(subject, "fail", error.cause, error.remedy, again)
    serial = adapter_serial(channel, machine.root / _NETWORK)
    name = f"{channel}, adapter {serial or 'without a serial number'}"
    frames, errors = (machine.read(folder / "statistics" / one) or "0" for one in ("rx_packets", "rx_errors"))
    if frames == "0":
        remedy = "Switch the arm on and look at its cable; an arm in master mode sends none: set it to slave mode."
        return Finding(subject, "fail", f"{name}: no frame has come in", remedy)
    if errors != "0":
        return Finding(subject, "warn", f"{name}: {frames} frames, {errors} errors", "Check the cable and its ends.")
    return Finding(subject, "pass", f"{name}: {frames} frames")
