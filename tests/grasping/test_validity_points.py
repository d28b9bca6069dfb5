"""The judge on captured points: what it says of the seen side of a box."""

import numpy as np
import pytest

from grasping.grasp_set import ROW
from grasping.validity import Cause
from grasping.validity_points import judge_on_points

#: The front of a box, 40 mm wide and 80 mm high, half a metre before the camera.
FRONT = np.stack([*np.meshgrid(np.linspace(-0.02, 0.02, 41), np.linspace(-0.04, 0.04, 81)), np.full((81, 41), 0.5)], -1)
POINTS = FRONT.reshape(-1, 3)


def along_the_view(x_m: float, width_m: float, depth_m: float) -> np.ndarray:
    """A grasp along the optical axis that closes sideways, its fingertips so far behind the front."""
    row = np.zeros(ROW)
    row[1], row[3] = width_m, depth_m
    row[4:13] = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]).ravel()
    row[13:16] = x_m, 0.0, 0.5
    return row


@pytest.mark.parametrize(
    ("x_m", "width_m", "depth_m", "cause"),
    [
        (0.0, 0.04, 0.02, Cause.VALID),
        (0.0, 0.02, 0.02, Cause.COLLISION),
        (0.015, 0.04, 0.02, Cause.COLLISION),
        (0.0, 0.04, -0.005, Cause.OUTSIDE),
        (0.2, 0.04, 0.02, Cause.PHANTOM),
    ],
)
def test_a_grasp_on_a_front_is_judged_by_what_it_meets(
    x_m: float, width_m: float, depth_m: float, cause: Cause
) -> None:
    assert judge_on_points(along_the_view(x_m, width_m, depth_m), POINTS) is cause
