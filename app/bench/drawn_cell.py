"""Scenes of the digital cell as the planner's benches meet them: drawn, not rendered, their depth the truth."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from grasping.detection.detector import Detector, DetectorInput
from grasping.grasp_set import GraspSet
from hardware.arms.arm import measured_joints
from hardware.simulation.digital_cell import DigitalCell
from hardware.simulation.drawn_camera import DrawnCamera
from hardware.world import World
from hardware.worlds import open_world
from perception.depth_types import TableView
from perception.objects.masks import object_region
from perception.table.locate import locate_table


@dataclass(frozen=True)
class DetectedScene:
    """What a detector proposes on a scene, where the table is, and the joints (6,) [rad] of every parked arm."""

    grasps: GraspSet
    view: TableView
    joints_rad: Mapping[str, NDArray[np.float64]]


class DrawnCell(DigitalCell):
    """The digital cell behind a camera that draws in a tenth of a second."""

    camera: DrawnCamera  # type: ignore[assignment]

    def __init__(self, cell: Cell, seed: int) -> None:
        super().__init__(cell, seed)
        self.camera = DrawnCamera(cell, self._snapshot, self.clock)
        self.camera.draws_arms = True
        self.truth = self.camera.truth

    def detect(self, detector: Detector, surface: str, seed: int, objects: int) -> DetectedScene:
        """Lays a scene, looks at it and finds grasps, as a trial on exact depth does.

        Raises:
            PerceptionError: nothing of it is seen in the workspace.
        """
        self.stage(surface, seed, objects)
        frame = self.camera.read()
        view = locate_table(frame, self.camera.cell)
        parked = measured_joints(self.arms)
        region = object_region(view, self.camera.cell, frame.intrinsics, parked, frame.depth_m)
        grasps = detector.detect(DetectorInput(frame.depth_m, frame.intrinsics, view.plane, region))
        return DetectedScene(grasps, view, parked)


def open_cell(cell: Cell, seed: int, is_drawn: bool) -> World:
    """The digital cell, its pictures drawn or path-traced."""
    return DrawnCell(cell, seed) if is_drawn else open_world(cell, "sim", seed)
