"""Which RealSense cameras are attached."""

from dataclasses import dataclass
from typing import Any

from core.errors import CameraError


@dataclass(frozen=True)
class CameraInfo:
    """An attached camera. usb is the speed it was plugged in at (`3.2`; below 3 is too slow)."""

    serial: str
    name: str
    firmware: str
    usb: str

    def __str__(self) -> str:
        return f"{self.name} {self.serial} (firmware {self.firmware}, USB {self.usb})"


def find_cameras() -> tuple[str, ...]:
    """Serials of the attached RealSense cameras; none where librealsense is missing."""
    try:
        return tuple(info.serial for info in describe_cameras())
    except CameraError:
        return ()


def describe_cameras() -> tuple[CameraInfo, ...]:
    """The attached RealSense cameras.

    Raises:
        CameraError: librealsense or the system library it needs is missing.
    """
    return describe(load_librealsense().context())


def describe(context: Any) -> tuple[CameraInfo, ...]:
    """The cameras of a librealsense context."""
    import pyrealsense2 as rs

    fields = rs.camera_info

    def text(device: Any, field: Any) -> str:
        return device.get_info(field) if device.supports(field) else "unknown"

    return tuple(
        CameraInfo(
            serial=text(device, fields.serial_number),
            name=text(device, fields.name),
            firmware=text(device, fields.firmware_version),
            usb=text(device, fields.usb_type_descriptor),
        )
        for device in context.query_devices()
    )


def load_librealsense() -> Any:
    """The pyrealsense2 module, or a CameraError that says how to get it."""
    try:
        import pyrealsense2 as rs
    except ImportError as error:  # also where the system library libusb is missing
        raise CameraError(
            f"librealsense cannot be loaded ({error}).", "Run the set-up script again: it installs libusb-1.0-0."
        ) from error
    return rs


def no_camera() -> CameraError:
    return CameraError(
        "No RealSense camera is attached.", "Plug the D435 into a USB 3 port, then run `python main.py doctor`."
    )


def choose(serial: str | None, attached: tuple[CameraInfo, ...]) -> CameraInfo:
    """The camera of a serial, or the only one; a CameraError where there is none or a choice."""
    if not attached:
        raise no_camera()
    serials = ", ".join(info.serial for info in attached)
    if serial is None and len(attached) > 1:
        raise CameraError(f"{len(attached)} cameras are attached.", f"Name one serial of {serials}.")
    for info in attached:
        if serial in (None, info.serial):
            return info
    raise CameraError(f"No RealSense camera {serial} is attached.", f"Plug it in, or name one of {serials}.")
