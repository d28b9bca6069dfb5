"""Cameras on USB, CAN adapters and the rules that name them, as the kernel tells of them."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from app.doctor.finding import Finding, Machine
from core.cell import Cell
from core.errors import ArmError
from hardware.arms.adapters import RULES, adapter_serial
from hardware.arms.can_interfaces import check_can_interface
from hardware.arms.can_protocol import BITRATE

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
        yield _channel(machine, arm, mount.channel, there)
    for other in sorted(there - {mount.channel for mount in cell.arms.values()}):
        yield Finding(
            "CAN",
            "warn",
            f"{other} is of no arm of the cell {cell.name}",
            "Write it into the cell's YAML where it is an arm's.",
        )


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
