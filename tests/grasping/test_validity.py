"""A judge of grasps that knows the true shapes: what it says of boxes and a ball, whose answers are plain."""

import numpy as np
import pytest

from core.transforms import rotation_z
from grasping.detection.gripper import PRE_OPEN_MARGINS_M, TIP
from grasping.validity import Cause, TrueShapes
from hardware.simulation.scene.meshes import Primitive
from hardware.simulation.scene.triangles import box, primitive

STROKE_M = 0.07
#: 4 cm wide, 8 cm high, standing at the origin.
BOX = box((0.02, 0.02, 0.04)).corners_m + np.array([0, 0, 0.04], np.float32)


def from_above(height_m: float, turn_rad: float = 0.0, x_m: float = 0.0, y_m: float = 0.0) -> np.ndarray:
    """A tool that points straight down, its fingertips so high."""
    T = np.eye(4)
    T[:3, :3] = rotation_z(turn_rad) @ np.diag([1.0, -1.0, -1.0])
    T[:3, 3] = x_m, y_m, height_m
    return T


@pytest.mark.parametrize(
    ("T", "width_m", "cause"),
    [
        (from_above(0.055), 0.04, Cause.VALID),
        (from_above(0.055, np.pi / 2), 0.04, Cause.VALID),
        (from_above(0.055), 0.002, Cause.COLLISION),  # it opens too little
        (from_above(0.0), 0.04, Cause.COLLISION),  # the palm meets the top
        (from_above(-0.005), 0.04, Cause.COLLISION),  # and so does the table
        (from_above(0.055, y_m=0.02), 0.04, Cause.COLLISION),  # a finger comes down on it
        (from_above(0.083), 0.04, Cause.OUTSIDE),
        (from_above(0.055, x_m=0.034), 0.04, Cause.OUTSIDE),
        (from_above(0.055, x_m=0.30), 0.04, Cause.PHANTOM),
    ],
)
def test_grasps_on_a_box_are_judged_as_they_would_end(T: np.ndarray, width_m: float, cause: Cause) -> None:
    assert TrueShapes([BOX]).judge(T, width_m, STROKE_M) is cause


def test_a_ball_is_held_at_its_middle_and_slips_out_from_above_it() -> None:
    ball = primitive(Primitive("sphere", (0.025, 0.0, 0.0), np.eye(4))).corners_m + np.array([0, 0, 0.025], np.float32)
    shapes = TrueShapes([ball])
    assert shapes.judge(from_above(0.018), 0.05, STROKE_M) is Cause.VALID
    assert shapes.judge(from_above(0.043), 0.05, STROKE_M) is Cause.SLIP


def test_what_another_object_stands_in_the_way_of_is_no_grasp() -> None:
    neighbour = BOX + np.array([0, 0.050, 0], np.float32)
    assert TrueShapes([BOX, neighbour]).judge(from_above(0.055), 0.04, STROKE_M) is Cause.COLLISION
    assert TrueShapes([BOX, neighbour]).judge(from_above(0.055, np.pi / 2), 0.04, STROKE_M) is Cause.VALID


def test_between_neighbours_the_fingers_open_less() -> None:
    roomy, narrow = PRE_OPEN_MARGINS_M
    finger_m = TIP.y_outer_m - TIP.y_inner_m
    gap_m = finger_m + (roomy + narrow) / 4
    sides = [BOX + np.array([0, side * (0.04 + gap_m), 0], np.float32) for side in (-1, 1)]
    assert TrueShapes([BOX, *sides]).judge(from_above(0.055), 0.04, STROKE_M) is Cause.VALID


def test_a_verdict_does_not_depend_on_how_triangles_are_wound() -> None:
    inside_out = BOX[:, ::-1]
    assert TrueShapes([inside_out]).judge(from_above(0.055), 0.04, STROKE_M) is Cause.VALID
