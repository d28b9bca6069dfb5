"""Grasps only on what a mask shows, and from where they are asked to come, of every detector."""

import numpy as np
import pytest

from core.errors import PerceptionError
from grasping.detection.detector import DetectorInput
from grasping.detection.registry import create_detector
from grasping.detection.steering import Steering
from grasping.grasp_set import OBJECT, ROTATION, SCORE
from tests.support.paths import ROOT
from tests.support.scenes.tabletop import CELL, EVERYWHERE, INTRINSICS, Tabletop, drawn, lay

DOWN = CELL.camera.T_world_camera[:3, :3].T @ [0.0, 0.0, -1.0]
OWN = str(ROOT / "examples" / "own_detector.py")


@pytest.fixture(scope="module")
def scene() -> Tabletop:
    return lay(drawn("can", seed=1, xy=(0.03, -0.10)), drawn("mug", seed=2, xy=(0.05, 0.10)))


def detect(scene: Tabletop, detector: str = "antipodal", **steering):
    given = DetectorInput(scene.depth_m, INTRINSICS, scene.plane, EVERYWHERE, steering=Steering(**steering))
    return create_detector(detector, 0.10).detect(given)


def mask_of(scene: Tabletop, y_m: tuple[float, float]) -> np.ndarray:
    """Pixels that stand on the table between two y of the world."""
    points = INTRINSICS.rays() * np.nan_to_num(scene.depth_m)[..., None]
    y = (points @ scene.T_world_camera[:3, :3].T + scene.T_world_camera[:3, 3])[..., 1]
    return (scene.plane.height(points) > 0.01) & (y > y_m[0]) & (y < y_m[1])


@pytest.mark.slow
def test_a_mask_leaves_the_grasps_of_its_object_and_no_other(scene: Tabletop) -> None:
    everything = detect(scene)
    assert len(np.unique(everything.rows[:, OBJECT])) == 2
    for y_m in ((-0.2, 0.0), (0.0, 0.2)):
        masked = detect(scene, mask=mask_of(scene, y_m))
        (label,) = np.unique(masked.rows[:, OBJECT])
        y = scene.T_world_camera[1, :3] @ masked.cloud_m[masked.labels == label].T + scene.T_world_camera[1, 3]
        assert (y > y_m[0]).all() and (y < y_m[1]).all()
        # What is not meant stays in the way.
        assert len(np.unique(masked.labels)) == 2


def test_a_mask_on_a_part_of_an_object_means_it_and_one_beside_all_none(scene: Tabletop) -> None:
    part = mask_of(scene, (-0.2, 0.0))
    rows = np.flatnonzero(part.any(axis=1))
    part[rows[len(rows) // 4] :] = False
    assert len(np.unique(detect(scene, mask=part).rows[:, OBJECT])) == 1
    nowhere = np.zeros_like(part)
    nowhere[:4, :4] = True
    none = detect(scene, mask=nowhere)
    assert len(none) == 0 and "lies in the mask" in none.note


@pytest.mark.parametrize("detector", ["antipodal", OWN])
def test_within_a_cone_the_nearest_to_the_wanted_direction_come_first(scene: Tabletop, detector: str) -> None:
    cone = np.deg2rad(30.0)
    steered = detect(scene, detector, approach=DOWN, cone_rad=cone)
    away = np.arccos(steered.rows[:, ROTATION].reshape(-1, 3, 3)[:, :, 0] @ DOWN)
    assert len(steered) and (away <= cone + 1e-6).all()
    assert (np.diff(steered.rows[:, SCORE]) <= 0).all()
    free = detect(scene, detector)
    assert np.arccos(free.rows[:, ROTATION].reshape(-1, 3, 3)[:, :, 0] @ DOWN).max() > cone


def test_a_cone_that_nothing_comes_from_says_so(scene: Tabletop) -> None:
    none = detect(scene, approach=-DOWN, cone_rad=np.deg2rad(10.0))
    assert len(none) == 0 and "within 10 degrees" in none.note


def test_a_direction_alone_prefers_and_forbids_nothing() -> None:
    rows = np.zeros((3, 17))
    rows[:, SCORE] = 0.5
    rows[:, ROTATION] = np.array([np.eye(3), np.diag([-1.0, -1.0, 1.0]), np.eye(3)[:, [1, 2, 0]]]).reshape(3, 9)
    steered, kept = Steering(approach=np.array([1.0, 0.0, 0.0])).steered(rows)
    assert kept.tolist() == [0, 2] and steered[:, SCORE].tolist() == [0.5, 0.25]
    assert (rows[:, SCORE] == 0.5).all()


def test_a_mask_of_another_size_is_refused(scene: Tabletop) -> None:
    with pytest.raises(PerceptionError, match="mask is"):
        detect(scene, mask=np.ones((10, 10), bool))
