"""The digital cell with a camera that draws instead of path tracing: physics, arms and bus are the real ones."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.clock import Clock
from core.errors import CameraError
from core.image import Intrinsics
from hardware.arms.emulated_faults import EmulatedFaults
from hardware.cameras.frame import RgbdFrame
from hardware.simulation.catalogue.cell_scene import CellState, cell_scene
from hardware.simulation.digital_cell import DigitalCell
from hardware.simulation.rendering.raycast import RayCaster
from tests.support.drawn_cell import CELL, draw_frame, intrinsics_of


class DrawnCamera:
    """Tags by homography, depth by ray casting; `fail` makes the next reads raise."""

    name = "drawn"
    is_live = True

    def __init__(self, cell: Cell, snapshot: Callable[[], CellState], clock: Clock) -> None:
        self._cell, self._snapshot, self._clock = cell, snapshot, clock
        self._number = 0
        self._depth_m: NDArray[np.float32] = np.zeros((1, 1), np.float32)
        self.fail: CameraError | None = None
        self.blind_to_tags = False

    @property
    def intrinsics(self) -> Intrinsics:
        return intrinsics_of(self._cell)

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        if self.fail is not None:
            raise self.fail
        self._clock.sleep(0.033)
        state = self._snapshot()
        self._number += 1
        drawn = draw_frame(self._cell, state.T_world_camera)
        self._depth_m = (
            RayCaster(cell_scene(self._cell, state).parts()).truth(self.intrinsics, state.T_world_camera).depth_m
        )
        color = np.full_like(drawn.color, 90) if self.blind_to_tags else drawn.color
        return replace(drawn, color=color, depth_m=self._depth_m, number=self._number, stamp_s=self._clock.now_s())

    def truth(self, number: int) -> NDArray[np.float32]:
        return self._depth_m

    def close(self) -> None:
        pass

    def __enter__(self) -> "DrawnCamera":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class QuickCell(DigitalCell):
    """A whole cell whose frames cost a tenth of a second."""

    def __init__(self, cell: Cell = CELL, seed: int = 0, faults: Mapping[str, EmulatedFaults] | None = None) -> None:
        super().__init__(cell, seed, faults)
        self.camera = DrawnCamera(cell, self._snapshot, self.clock)  # type: ignore[assignment]
        self.truth = self.camera.truth

    def faults(self, arm: str):
        """The emulated controller's faults, to be switched on."""
        return self.emulators[arm].faults
