"""What stands in a cell and never moves: the fixtures that its file tells, and a pedestal under each raised arm."""

import numpy as np

from core.cell import Cell
from core.cell_parts import ArmMount, Fixture
from core.transforms import rotation_z
from hardware.robot.description import SHAPES

#: A base lower than this stands on the table itself, as far as a calibration tells [m].
LEAST_PEDESTAL_M = 0.01


def fixtures_of(cell: Cell) -> tuple[Fixture, ...]:
    """Everything of a cell, but its table and its bin, that an arm must not meet wherever the arms are."""
    raised = {name: mount for name, mount in cell.arms.items() if mount.base_m[2] >= LEAST_PEDESTAL_M}
    return (*cell.fixtures, *(_pedestal(name, mount) for name, mount in raised.items()))


def _pedestal(arm: str, mount: ArmMount) -> Fixture:
    """From the table up to a base, as wide and as deep as all that the arm has there."""
    shapes = [(one.T_link_shape[:2, 3], one.half_extents_m[:2]) for one in SHAPES["base_link"]]
    low = np.min([middle - half for middle, half in shapes], axis=0)
    high = np.max([middle + half for middle, half in shapes], axis=0)
    middle_m = rotation_z(mount.yaw_rad)[:2, :2] @ (low + high) / 2 + mount.base_m[:2]
    return Fixture(
        name=f"pedestal of the {arm} arm",
        center_m=tuple(middle_m.tolist()),
        size_m=(*(high - low).tolist(), mount.base_m[2]),
        yaw_rad=mount.yaw_rad,
    )
