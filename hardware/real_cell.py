"""The real cell: a D435 and PiPER arms on CAN adapters."""

from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.clock import WallClock
from core.image import RgbdImage
from hardware.arms.piper_arm import PiperArm
from hardware.cameras.realsense import RealSenseCamera
from hardware.world import SceneNote, Verdict


class RealCell:
    """A `World` of hardware. The operator lays the scenes; nobody but the gripper judges a grasp."""

    name = "hardware"
    is_real = True
    truth: Callable[[RgbdImage], NDArray[np.float32]] | None = None

    def __init__(self, cell: Cell, serial: str) -> None:
        """Connects and enables everything, or nothing: what was opened is closed again on a failure.

        Raises:
            CameraError, ArmError: which part is missing and how to bring it up.
        """
        self.clock = WallClock()
        self.arms: dict[str, PiperArm] = {}
        self.camera = RealSenseCamera(serial, cell.camera.width, cell.camera.height, cell.camera.fps)
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

    def verdict(self) -> Verdict | None:
        return None

    def close(self) -> None:
        with ExitStack() as parts:
            parts.callback(self.camera.close)
            for arm in self.arms.values():
                parts.callback(arm.close)
