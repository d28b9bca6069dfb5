"""GraspNet rows: reading, writing, geometry and suppression."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.errors import PerceptionError, StorageError
from grasping.grasp_set import (
    ROTATION,
    ROW,
    SCORE,
    TRANSLATION,
    T_camera_tcp,
    check_rows,
    fingertips,
    local_maxima,
    rotation,
    write_grasps,
)


def random_rows(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = np.zeros((count, ROW))
    rows[:, SCORE] = rng.random(count)
    rows[:, 1:4] = rng.uniform(0.01, 0.08, (count, 3))
    rows[:, ROTATION] = Rotation.random(count, rng=rng).as_matrix().reshape(count, 9)
    rows[:, TRANSLATION] = rng.uniform(-0.2, 0.2, (count, 3)) + np.array([0, 0, 0.7])
    return rows


def turned(row: np.ndarray, axis: int, degrees: float) -> np.ndarray:
    """The row turned about one of its own axes at its fingertips."""
    R = rotation(row) @ Rotation.from_rotvec(np.deg2rad(degrees) * np.eye(3)[axis]).as_matrix()
    other = row.copy()
    other[ROTATION] = R.ravel()
    other[TRANSLATION] = fingertips(row[None])[0] - row[3] * R[:, 0]
    return other


def test_rows_come_back_from_a_file_as_they_were(tmp_path):
    rows = random_rows(7)
    write_grasps(tmp_path / "grasps.npy", rows)
    np.testing.assert_array_equal(np.load(tmp_path / "grasps.npy", allow_pickle=False), rows)


def test_no_grasps_are_a_file_too(tmp_path):
    write_grasps(tmp_path / "none.npy", np.zeros((0, ROW)))
    assert check_rows(np.load(tmp_path / "none.npy")).shape == (0, ROW)


def test_graspnet_groups_and_single_grasps_are_accepted():
    class GraspGroup:
        grasp_group_array = random_rows(3)

    class Grasp:
        grasp_array = random_rows(1)[0]

    np.testing.assert_array_equal(check_rows(GraspGroup()), GraspGroup.grasp_group_array)
    np.testing.assert_array_equal(check_rows(Grasp()), Grasp.grasp_array[None])


def broken(change):
    rows = random_rows(4)
    return change(rows)


def with_nan(rows):
    rows[2, 14] = np.nan
    return rows


def mirrored(rows):
    rows[1, ROTATION] *= -1
    return rows


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        (random_rows(4)[:, :16], r"\(4, 16\)"),
        (random_rows(4)[None], "shape"),
        (broken(with_nan), "finite"),
        (broken(mirrored), "row 1"),
        ([["a"] * ROW], "numbers"),
    ],
    ids=["short rows", "one axis too many", "nan", "left-handed", "words"],
)
def test_what_is_no_grasp_is_refused_with_the_reason(rows, cause):
    with pytest.raises(PerceptionError, match=cause):
        check_rows(rows)


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(StorageError, match="nowhere"):
        write_grasps(tmp_path / "nowhere" / "grasps.npy", random_rows(1))


def test_the_tool_pose_is_right_handed_and_sits_at_the_fingertips():
    for row in random_rows(20):
        T = T_camera_tcp(row)
        np.testing.assert_allclose(T[:3, :3].T @ T[:3, :3], np.eye(3), atol=1e-9)
        assert np.linalg.det(T[:3, :3]) == pytest.approx(1.0)
        np.testing.assert_allclose(T[:3, 2], rotation(row)[:, 0])
        np.testing.assert_allclose(T[:3, 1], rotation(row)[:, 1])
        np.testing.assert_allclose(T[:3, 3], row[TRANSLATION] + row[3] * rotation(row)[:, 0])


def test_suppression_keeps_the_best_of_near_grasps_and_all_distant_ones():
    row = random_rows(1)[0]
    row[SCORE] = 0.9
    near, turned_away, shifted = turned(row, 1, 20.0), turned(row, 1, 45.0), row.copy()
    shifted[TRANSLATION] += [0.04, 0, 0]
    for other, score in ((near, 0.8), (turned_away, 0.7), (shifted, 0.6)):
        other[SCORE] = score
    rows = np.stack([shifted, near, row, turned_away])
    kept = rows[local_maxima(rows, 1.0)]
    np.testing.assert_array_equal(kept, np.stack([row, turned_away, shifted]))


def test_a_gripper_turned_half_round_its_approach_is_the_same_grasp():
    row = random_rows(1)[0]
    assert len(local_maxima(np.stack([row, turned(row, 0, 180.0)]), 1.0)) == 1
    assert len(local_maxima(np.stack([row, turned(row, 0, 90.0)]), 1.0)) == 2


def test_suppression_sorts_and_changes_nothing_the_second_time():
    rows = random_rows(300)
    kept = rows[local_maxima(rows, 1.0)]
    assert (np.diff(kept[:, SCORE]) <= 0).all()
    np.testing.assert_array_equal(kept[local_maxima(kept, 1.0)], kept)
    assert len(local_maxima(np.zeros((0, ROW)), 1.0)) == 0
