"""The digital cell with its arms on pedestals and things that stand and hang about it."""

from typing import Any

from core.cell import Cell, load_cell
from core.cell_parts import Fixture
from tests.support.paths import CELLS

#: Beside the table's middle, behind the tags, turned; over the way from the arms to the objects.
STAND = Fixture(name="camera stand", center_m=(0.40, 0.0), size_m=(0.05, 0.04, 0.40), yaw_rad=0.5)
LAMP = Fixture(name="lamp", center_m=(-0.14, 0.12), size_m=(0.06, 0.10, 0.05), bottom_m=0.42)
HEIGHT_M = 0.12


def furnished(*fixtures: Fixture, height_m: float = 0.0, **arm: Any) -> Cell:
    """sim.yaml with fixtures, its arms' bases so high above the table, and of each arm what else is given."""
    fields = load_cell(CELLS / "sim.yaml").model_dump()
    fields["fixtures"] = [one.model_dump() for one in fixtures]
    for mount in fields["arms"].values():
        mount |= arm | {"base_m": (*mount["base_m"][:2], height_m)}
    return Cell.model_validate(fields)


RAISED = furnished(STAND, LAMP, height_m=HEIGHT_M)
