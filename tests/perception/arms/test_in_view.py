"""Arms between the camera and the table, told from their joints alone."""

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from core.cell import Cell
from core.transforms import invert
from hardware.robot.description import PARK_JOINTS
from hardware.simulation.sim_camera import cell_intrinsics
from perception.arms.in_view import arms_in_view
from perception.depth_types import TableView
from perception.objects.masks import arms_depth
from perception.table.pose import plane_of
from perception.table.tags import detect_tags
from tests.support.drawn_cell import CELL
from tests.support.quick_cell import QuickCell

LENS = cell_intrinsics(CELL)
PARKED = dict.fromkeys(CELL.arms, PARK_JOINTS)
#: Over the middle of the table; out to the side of it; upright over its foot.
OVER_RAD = np.array([-0.5, 2.0, -1.6, 0.0, 0.9, 0.0])
ASIDE_RAD = np.array([1.2, 1.2, -1.0, 0.0, 0.5, 0.0])
UPRIGHT_RAD = np.array([0.0, 1.0, -1.0, 0.0, 0.0, 0.0])


def facing_cell(x_m: float) -> Cell:
    """The cell with its arms on the camera's side of the table, looking away from it."""
    arms = {
        name: mount.model_copy(update={"base_m": (x_m, mount.base_m[1] / 2, 0.0), "yaw_rad": np.pi})
        for name, mount in CELL.arms.items()
    }
    return CELL.model_copy(update={"arms": arms})


@pytest.mark.parametrize("joints_rad", [PARK_JOINTS, ASIDE_RAD, UPRIGHT_RAD], ids=["parked", "aside", "upright"])
def test_an_arm_that_hides_nothing_is_not_in_the_way_parked_or_not(joints_rad: np.ndarray) -> None:
    assert arms_in_view(CELL, LENS, PARKED | {"left": joints_rad}) == ()


def test_arms_near_their_parked_pose_are_not_in_the_way() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        near = {name: PARK_JOINTS + np.deg2rad(rng.uniform(-10.0, 10.0, 6)) for name in CELL.arms}
        assert arms_in_view(CELL, LENS, near) == ()


def test_of_two_arms_over_the_table_each_is_told_and_of_one_that_one_alone() -> None:
    mirrored_rad = OVER_RAD * [-1, 1, 1, 1, 1, 1]
    (left,) = arms_in_view(CELL, LENS, PARKED | {"left": OVER_RAD})
    both = arms_in_view(CELL, LENS, {"left": OVER_RAD, "right": mirrored_rad})
    assert (left.arm, [one.arm for one in both]) == ("left", ["left", "right"])
    assert left == both[0] and left.space == pytest.approx(both[1].space, abs=0.01)
    assert left.space > 0.2 and str(left).startswith("the left arm hides 2")


def test_what_a_parked_arm_hides_is_the_cells_own() -> None:
    cell = facing_cell(0.30)
    T = invert(cell.camera.T_world_camera)
    parked_m = arms_depth(TableView("tags", plane_of(T), T, (), 0.0, 0.0), cell, LENS, PARKED)
    assert np.isfinite(parked_m).mean() > 0.1  # they stand in the picture, before the table
    assert arms_in_view(cell, LENS, PARKED) == ()
    assert [one.arm for one in arms_in_view(cell, LENS, PARKED | {"left": OVER_RAD})] == ["left"]


@pytest.fixture(scope="module")
def world() -> Iterator[QuickCell]:
    with closing(QuickCell()) as world:
        world.drawn.draws_arms = True
        yield world


def test_no_tag_goes_unseen_behind_an_arm_that_is_not_told(world: QuickCell) -> None:
    rng, told, unseen = np.random.default_rng(3), set[tuple[int, int]](), set[tuple[int, int]]()
    for number in range(12):
        joints_rad = np.array([*rng.uniform([-1.0, 1.4, -1.6], [1.0, 2.6, -0.4]), 0.0, rng.uniform(-0.5, 1.2), 0.0])
        world._physics.load((), joints_rad={"left": joints_rad})
        seen = {tag.id for tag in detect_tags(world.drawn.read().color, CELL.tags)}
        unseen |= {(number, tag.id) for tag in CELL.tags if tag.id not in seen}
        drawn_rad = world._physics._arms["left"].joints_rad()  # while the picture was taken it moved on
        for one in arms_in_view(CELL, LENS, PARKED | {"left": drawn_rad}):
            told |= {(number, id) for id in one.tags}
    assert unseen and unseen <= told
