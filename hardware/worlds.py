"""Which world there is on this machine, opening it, and the one of hardware."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from shlex import quote

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.clock import WallClock
from core.errors import ArmError, CameraError, ConfigurationError
from core.image import Intrinsics, RgbdImage
from hardware.arms.arm import Arm
from hardware.cameras.camera import Camera, CorrectedCamera
from hardware.world import SceneNote, Verdict, World


def choose_world(camera: str, arms: str) -> tuple[str, str]:
    """Resolves `auto`: the pair (camera, arms) to open, the digital cell where no hardware is found.

    Raises:
        ConfigurationError: a mixed pair; a simulated eye must never guide a real arm, or the reverse.
        CameraError, ArmError: half of the real cell is missing.
    """
    if camera == "auto" and arms == "auto":
        return _found_world()
    if camera == "auto":
        camera = "sim" if arms == "sim" else "d435"
    elif arms == "auto":
        arms = "sim" if camera == "sim" else "piper"
    kind = camera.partition(":")[0]
    if kind not in ("sim", "d435"):
        if Path(camera).exists():
            raise ConfigurationError(
                f"Nothing may move on a recording ({camera}).", f"Use: python main.py dry-run {quote(camera)}"
            )
        raise ConfigurationError(f"There is no camera called {camera!r}.", "Choose auto, sim, d435 or d435:SERIAL.")
    if arms not in ("sim", "piper"):
        raise ConfigurationError(f"There are no arms called {arms!r}.", "Choose auto, sim or piper.")
    if (kind == "sim") != (arms == "sim"):
        raise ConfigurationError(
            f"Camera {camera!r} and arms {arms!r} are not of one world.",
            "Use --camera sim --arms sim, or --camera d435 --arms piper.",
        )
    return camera, arms


def _found_world() -> tuple[str, str]:
    """By what is attached to this machine; raises as `choose_world`."""
    from hardware.arms.can_interfaces import find_can_interfaces
    from hardware.cameras.attached import find_cameras

    has_camera, has_arms = bool(find_cameras()), bool(find_can_interfaces())
    if has_camera and not has_arms:
        raise ArmError(
            "A RealSense is attached, but no CAN interface is up.",
            "Bring the arms up (ip link set can0 up type can bitrate 1000000), "
            "or add --camera sim for the digital cell.",
        )
    if has_arms and not has_camera:
        raise CameraError(
            "CAN interfaces are up, but no RealSense is found.",
            "Plug the camera into a USB 3 port, or add --arms sim for the digital cell.",
        )
    return ("d435", "piper") if has_camera else ("sim", "sim")


def open_world(cell: Cell, camera: str, seed: int) -> World:
    """Opens the digital cell for camera `sim`, else the real one."""
    if camera == "sim":
        from hardware.simulation.digital_cell import DigitalCell

        return DigitalCell(cell, seed)
    return RealCell(cell, serial=camera.partition(":")[2] or cell.camera.serial)


class RealCell:
    """A `World` of a D435 and PiPER arms. The operator lays the scenes; nobody but the gripper judges a grasp."""

    name = "hardware"
    is_real = True
    truth: Callable[[RgbdImage], NDArray[np.float32]] | None = None

    def __init__(self, cell: Cell, serial: str) -> None:
        """Connects and enables everything, or nothing: what was opened is closed again on a failure.

        Raises:
            CameraError, ArmError: which part is missing and how to bring it up.
        """
        from hardware.arms.piper_arm import PiperArm
        from hardware.cameras.live import LiveCamera
        from hardware.cameras.realsense import RealSenseConfig

        self.clock = WallClock()
        self.arms: dict[str, Arm] = {}
        live = LiveCamera(RealSenseConfig(serial, cell.camera.width, cell.camera.height, cell.camera.fps))
        self.camera: Camera = live
        if cell.camera.lens_px is not None:
            size = live.intrinsics.width, live.intrinsics.height
            self.camera = CorrectedCamera(live, Intrinsics(*size, *cell.camera.lens_px))
        try:
            for name, mount in cell.arms.items():
                arm = PiperArm(name, mount.channel, mount, self.clock)
                self.arms[name] = arm
                arm.connect()
                arm.enable()
        except BaseException:
            self.close()
            raise

    def stage(self, surface: str, seed: int, objects: int) -> SceneNote:
        """Records which table the operator laid; the objects are his."""
        return SceneNote(surface, seed)

    def objects_left(self) -> int | None:
        return None

    def begin_attempt(self, arm: str = "") -> None:
        pass

    def verdict(self, arm: str = "") -> Verdict | None:
        return None

    def close(self) -> None:
        with ExitStack() as parts:
            parts.callback(self.camera.close)
            for arm in self.arms.values():
                parts.callback(arm.close)
