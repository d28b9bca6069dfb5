"""What a failed grasp makes less likely, and what it says nothing of."""

import numpy as np
import pytest

from core.transforms import rotation_z
from grasping.experience import FailedGrasp
from grasping.grasp_set import DEPTH, ROTATION, ROW, SCORE, TRANSLATION, WIDTH, GraspSet

THING_M = np.random.default_rng(0).uniform(-0.03, 0.03, (400, 3)).astype(np.float32) + np.float32([0, 0, 0.7])


def row(x_m: float = 0.0, turn_rad: float = 0.0, width_m: float = 0.05, score: float = 0.8) -> np.ndarray:
    """A grasp along the camera's z that closes along its x, moved along x and turned about z."""
    grasp = np.zeros(ROW)
    closes_along_x = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    grasp[SCORE], grasp[WIDTH], grasp[DEPTH] = score, width_m, 0.02
    grasp[ROTATION] = (rotation_z(turn_rad) @ closes_along_x).ravel()
    grasp[TRANSLATION] = (x_m, 0.0, 0.7)
    return grasp


def found(*rows: np.ndarray, cloud_m: np.ndarray = THING_M) -> GraspSet:
    return GraspSet(np.array(rows), cloud_m, np.zeros(len(cloud_m), np.int32), "test")


def failed(closed_m: float = 0.0) -> FailedGrasp:
    return FailedGrasp(row(), THING_M, closed_m)


def test_a_grasp_like_one_that_closed_on_nothing_comes_last() -> None:
    ranked = failed().doubt(found(row(score=0.8), row(0.2, score=0.4), row(0.3, score=0.3)))
    assert list(ranked.rows[:, TRANSLATION][:, 0]) == [0.2, 0.3, 0.0]
    assert ranked.rows[-1, SCORE] < 0.8 / 4


def test_the_same_place_from_another_side_is_doubted_only_where_the_fingers_swept() -> None:
    across = row(turn_rad=np.pi / 2)
    assert failed().doubt(found(across)).rows[0, SCORE] < across[SCORE]  # the fingers met right there
    assert failed(closed_m=0.05).doubt(found(across)).rows[0, SCORE] == across[SCORE]


def test_nothing_is_doubted_where_the_thing_has_moved() -> None:
    moved = THING_M + np.float32([0.1, 0, 0])
    assert failed().doubt(found(row(), cloud_m=moved)).rows[0, SCORE] == row()[SCORE]
    assert len(failed().doubt(found(cloud_m=moved))) == 0


@pytest.mark.parametrize("closed_m", [0.02, 0.04])
def test_a_lost_one_tells_its_width(closed_m: float) -> None:
    as_felt, otherwise = row(width_m=closed_m), row(0.01, width_m=closed_m + 0.02)
    ranked = failed(closed_m).doubt(found(otherwise, as_felt))
    assert ranked.rows[0, WIDTH] == closed_m
    assert ranked.rows[1, SCORE] < ranked.rows[0, SCORE] < as_felt[SCORE]
