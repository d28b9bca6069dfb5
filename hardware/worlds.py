"""Which world there is on this machine, and opening it."""

from pathlib import Path

from core.cell import Cell
from core.errors import ArmError, CameraError, ConfigurationError
from hardware.world import World


def choose_world(camera: str, arms: str) -> tuple[str, str]:
    """Resolves `auto`: the pair (camera, arms) to open, the digital cell where no hardware is found.

    Raises:
        ConfigurationError: a mixed pair; a simulated eye must never guide a real arm, or the reverse.
        CameraError, ArmError: half of the real cell is missing.
    """
    if camera == "auto" and arms == "auto":
        camera, arms = _found_camera(), _found_arms()
        if (camera, arms) == ("d435", "sim"):
            raise ArmError(
                "A RealSense is attached, but no CAN interface is up.",
                "Bring the arms up (ip link set can0 up type can bitrate 1000000), "
                "or add --camera sim for the digital cell.",
            )
        if (camera, arms) == ("sim", "piper"):
            raise CameraError(
                "CAN interfaces are up, but no RealSense is found.",
                "Plug the camera into a USB 3 port, or add --arms sim for the digital cell.",
            )
    elif camera == "auto":
        camera = "sim" if arms == "sim" else "d435"
    elif arms == "auto":
        arms = "sim" if camera == "sim" else "piper"
    kind = camera.partition(":")[0]
    if kind not in ("sim", "d435"):
        remedy = "Choose auto, sim, d435 or d435:SERIAL."
        if Path(camera).exists():
            raise ConfigurationError(
                f"Nothing may move on a recording ({camera}).", f"Use: python main.py dry-run {camera}"
            )
        raise ConfigurationError(f"There is no camera called {camera!r}.", remedy)
    if arms not in ("sim", "piper"):
        raise ConfigurationError(f"There are no arms called {arms!r}.", "Choose auto, sim or piper.")
    if (kind == "sim") != (arms == "sim"):
        raise ConfigurationError(
            f"Camera {camera!r} and arms {arms!r} are not of one world.",
            "Use --camera sim --arms sim, or --camera d435 --arms piper.",
        )
    return camera, arms


def open_world(cell: Cell, camera: str, seed: int) -> World:
    """Opens the digital cell for camera `sim`, else the real one."""
    if camera == "sim":
        from hardware.simulation.digital_cell import DigitalCell

        return DigitalCell(cell, seed)
    from hardware.real_cell import RealCell

    return RealCell(cell, serial=camera.partition(":")[2] or cell.camera.serial)


def _found_camera() -> str:
    from hardware.cameras.realsense import find_cameras

    return "d435" if find_cameras() else "sim"


def _found_arms() -> str:
    from hardware.arms.can_interfaces import find_can_interfaces

    return "piper" if find_can_interfaces() else "sim"
