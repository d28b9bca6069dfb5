"""What is fixed in a cell is what its file tells, and what its arms must be standing on."""

import numpy as np
import pytest

from core.cell import load_cell
from core.transforms import apply, invert
from hardware.robot.fixtures import LEAST_PEDESTAL_M, fixtures_of
from tests.support.paths import CELLS
from tests.support.robot import link_bounds
from tests.support.scenes.fixtures import HEIGHT_M, LAMP, STAND, furnished


@pytest.mark.parametrize("yaw_rad", [0.0, 0.7, -2.0])
def test_a_raised_arm_stands_on_a_box_as_wide_and_deep_as_its_base(yaw_rad: float) -> None:
    cell = furnished(height_m=HEIGHT_M, yaw_rad=yaw_rad)
    low, high = link_bounds("base_link")
    for mount, pedestal in zip(cell.arms.values(), fixtures_of(cell), strict=True):
        corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * pedestal.half_m
        at_base = apply(invert(mount.T_world_base) @ pedestal.T_world_box, corners)
        np.testing.assert_allclose(at_base.min(axis=0), [*low[:2], -HEIGHT_M], atol=1e-12)
        np.testing.assert_allclose(at_base.max(axis=0), [*high[:2], 0.0], atol=1e-12)


def test_the_cells_own_fixtures_come_with_the_pedestals() -> None:
    names = [one.name for one in fixtures_of(furnished(STAND, LAMP, height_m=HEIGHT_M))]
    assert names == ["camera stand", "lamp", "pedestal of the left arm", "pedestal of the right arm"]


@pytest.mark.parametrize("height_m", [-0.05, 0.0, LEAST_PEDESTAL_M / 2])
def test_nothing_is_under_an_arm_that_stands_on_the_table(height_m: float) -> None:
    assert fixtures_of(furnished(height_m=height_m)) == ()


def test_the_digital_cells_arms_stand_on_pedestals_and_nothing_else_is_there() -> None:
    found = fixtures_of(load_cell(CELLS / "sim.yaml"))
    assert [one.name for one in found] == ["pedestal of the left arm", "pedestal of the right arm"]
