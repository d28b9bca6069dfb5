"""The detectors: what they grasp, what they refuse, and what they believe about the unseen side."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from core.errors import ConfigurationError, PerceptionError
from core.transforms import apply
from grasping.detection.completion import complete
from grasping.detection.detector import SPACING, DetectorInput
from grasping.detection.point_cloud import FreeSpace, observed_surface
from grasping.detection.registry import create_detector
from grasping.detection.segmentation import object_points, table_frame
from grasping.detection.steering import Steering
from grasping.grasp_set import (
    DEPTH,
    FEATURES,
    OBJECT,
    ROW,
    SCORE,
    WIDTH,
    T_camera_tcp,
    check_rows,
    fingertips,
    local_maxima,
)
from grasping.success import load_success_model
from tests.support.scenes.tabletop import EVERYWHERE, INTRINSICS, Tabletop, cuboid, drawn, lay

STANDING = ("tumbler", "wine glass", "bottle", "jar", "bowl", "mug", "flask", "can", "box", "ball", "shaker", "spoon")


def grasps_on(scene: Tabletop, opening_m: float = 0.10, region: np.ndarray = EVERYWHERE):
    return create_detector("antipodal", opening_m).detect(DetectorInput(scene.depth_m, INTRINSICS, scene.plane, region))


def completed(scene: Tabletop):
    """The one object of the scene, completed, as points in the world, and the view it was seen in."""
    points, weight = object_points(DetectorInput(scene.depth_m, INTRINSICS, scene.plane, EVERYWHERE))
    T_camera_table = table_frame(scene.plane)
    view = FreeSpace.of(scene.depth_m, INTRINSICS, T_camera_table)
    surface = complete(observed_surface(points, weight, T_camera_table), view).surface
    return surface, apply(scene.T_world_camera @ T_camera_table, surface.points_m), view


@pytest.mark.parametrize("family", STANDING)
def test_the_best_grasps_close_on_opposite_sides_and_hit_nothing(family):
    scene = lay(drawn(family, seed=3))
    grasps = grasps_on(scene)
    good = [row for row in grasps.rows[:5] if row[SCORE] > grasps.rows[0, SCORE] / 2]
    verdicts = [scene.judge(row) for row in good]
    assert verdicts[0] == "holds"
    assert verdicts.count("holds") >= 0.6 * len(verdicts)


@pytest.mark.parametrize("family", ["tumbler", "bottle", "jar", "can", "shaker"])
def test_what_lies_on_its_side_is_grasped_too(family):
    scene = lay(drawn(family, seed=5, lying=True))
    assert scene.judge(grasps_on(scene).rows[0]) == "holds"


@pytest.mark.parametrize("bias_m", [-0.010, 0.010])
def test_a_centimetre_of_depth_error_is_survived(bias_m):
    for family in ("tumbler", "can"):
        scene = lay(drawn(family, seed=3), bias_m=bias_m)
        row = grasps_on(scene).rows[0]
        T = scene.T_world_camera @ T_camera_tcp(row)
        local = (scene.points_m - T[:3, 3]) @ T[:3, :3]
        between = (np.abs(local[:, 0]) < 0.011) & (np.abs(local[:, 1]) < row[WIDTH] / 2 + 0.006) & (local[:, 2] < 0)
        assert between.sum() > 50


@pytest.mark.parametrize("family", ["can", "ball", "box", "shaker"])
def test_the_unseen_side_is_put_where_it_truly_is(family):
    scene = lay(drawn(family, seed=3))
    surface, points, _ = completed(scene)
    added = points[surface.seen == 0]
    off = cKDTree(scene.points_m).query(added)[0]
    back = scene.points_m[scene.normals @ scene.T_world_camera[:3, 2] > 0.5]
    covered = cKDTree(added).query(back[back[:, 2] > 0.01])[0] < 0.008
    assert np.median(off) < 0.005
    assert np.percentile(off, 95) < 0.010
    assert covered.mean() > 0.8


@pytest.mark.slow
def test_nothing_is_believed_where_the_camera_looked_through():
    for family in STANDING:
        surface, _, view = completed(lay(drawn(family, seed=3)))
        assert not view.contains(surface.points_m[surface.seen == 0]).any()


def test_rows_are_sorted_valid_apart_from_each_other_and_within_the_gripper():
    scene = lay(drawn("bottle", seed=1))
    grasps = grasps_on(scene, 0.07)
    rows = check_rows(grasps.rows)
    assert len(rows) >= 20
    assert (np.diff(rows[:, SCORE]) <= 0).all()
    assert ((rows[:, SCORE] > 0) & (rows[:, SCORE] <= 1)).all()
    assert (rows[:, WIDTH] <= 0.07 - 0.006).all()
    assert (rows[:, DEPTH] > 0).all()
    assert (scene.plane.height(fingertips(rows)) > 0.004).all()
    assert len(local_maxima(rows, SPACING)) == len(rows)
    approach = rows[:, 4:13].reshape(-1, 3, 3)[:, :, 0] @ scene.plane.normal
    assert approach.min() < -0.9 and approach.max() > -0.3


def test_the_same_image_gives_the_same_grasps():
    scene = lay(drawn("mug", seed=1))
    np.testing.assert_array_equal(grasps_on(scene).rows, grasps_on(scene).rows)


def test_thin_glass_is_taken_by_its_body_before_its_rim():
    scene = lay(drawn("tumbler", seed=3))
    assert (grasps_on(scene).rows[:10, WIDTH] > 0.03).all()


def test_a_bowl_wider_than_the_gripper_is_pinched_at_its_rim():
    scene = lay(drawn("bowl", seed=3))
    row = grasps_on(scene, 0.06).rows[0]
    assert row[WIDTH] < 0.02
    assert scene.judge(row, 0.06) == "holds"


def test_neighbours_are_told_apart_and_no_finger_goes_into_the_other():
    scene = lay(drawn("can", seed=1, xy=(0.03, -0.04)), drawn("box", seed=2, xy=(0.03, 0.04)))
    grasps = grasps_on(scene)
    assert set(np.unique(grasps.labels)) == {0, 1}
    assert len(np.unique(grasps.rows[:, OBJECT])) == 2
    assert [scene.judge(row) for row in grasps.rows[:10]].count("holds") >= 9


def test_labels_name_the_object_that_a_grasp_is_on():
    scene = lay(drawn("can", seed=1, xy=(0.03, -0.15)), drawn("ball", seed=2, xy=(0.03, 0.15)))
    grasps = grasps_on(scene)
    for row in grasps.rows:
        own = grasps.cloud_m[grasps.labels == row[OBJECT]]
        assert np.linalg.norm(own - fingertips(row[None]), axis=1).min() < 0.06


def test_what_is_outside_the_region_is_left_alone():
    scene = lay(drawn("can", seed=1, xy=(0.03, -0.15)), drawn("ball", seed=2, xy=(0.03, 0.15)))
    region = EVERYWHERE.copy()
    region[:, : region.shape[1] // 2] = False
    grasps = grasps_on(scene, region=region)
    assert len(grasps)
    assert (INTRINSICS.project(fingertips(grasps.rows))[:, 0] > region.shape[1] / 2 - 30).all()


def test_a_wall_is_no_object():
    scene = lay(cuboid((0.02, 0.60, 0.30), xy=(-0.30, 0.0)), drawn("can", seed=1, xy=(0.05, 0.0)))
    grasps = grasps_on(scene)
    T_rows = [scene.T_world_camera @ T_camera_tcp(row) for row in grasps.rows]
    assert len(T_rows)
    assert min(T[0, 3] for T in T_rows) > -0.10


def detect_with(scene: Tabletop, confidence: np.ndarray):
    return create_detector("antipodal", 0.10).detect(
        DetectorInput(scene.depth_m, INTRINSICS, scene.plane, EVERYWHERE, confidence.astype(np.float32))
    )


def test_unsure_pixels_weigh_less():
    scene = lay(drawn("can", seed=1))
    doubtful = detect_with(scene, np.full(scene.depth_m.shape, 0.5))
    assert 0 < doubtful.rows[0, SCORE] < 0.6 * grasps_on(scene).rows[0, SCORE]


def test_the_same_grasp_ranks_lower_on_depth_that_is_less_sure():
    scene = lay(drawn("can", seed=1, xy=(0.03, -0.15)), drawn("can", seed=1, xy=(0.03, 0.15)))
    on_left = np.arange(848)[None] < 424
    for doubted, side in ((on_left, 0), (~on_left, 1)):
        rows = detect_with(scene, np.where(doubted, 0.6, 1.0) * np.ones((480, 1))).rows
        is_right = INTRINSICS.project(fingertips(rows))[:, 0] >= 424
        best = [rows[is_right == right, SCORE].max() for right in (False, True)]
        assert best[side] < 0.8 * best[1 - side]
        assert is_right[0] == (side == 0)


def test_an_object_of_which_the_estimator_is_unsure_comes_last_and_is_told():
    scene = lay(drawn("can", seed=1, xy=(0.03, -0.05)), drawn("box", seed=2, xy=(0.03, 0.05)))
    both, height = grasps_on(scene), scene.plane.height(INTRINSICS.rays() * scene.depth_m[..., None])
    owner = fingertips(both.rows)[both.rows[:, OBJECT] == both.rows[0, OBJECT]]
    near = np.linalg.norm(INTRINSICS.rays() * scene.depth_m[..., None] - owner.mean(0), axis=2) < 0.07
    grasps = load_success_model().rank(detect_with(scene, np.where(near & (height > 0.004), 0.1, 1.0)))
    assert "unsure of 1 of 2 objects" in grasps.note
    assert np.linalg.norm(fingertips(grasps.rows) - owner.mean(0), axis=1)[0] > 0.04


@pytest.mark.parametrize("confidence", [0.2, 0.0, np.nan])
def test_an_estimator_out_of_its_depth_lowers_the_chance_and_says_so(confidence: float):
    scene, model = lay(drawn("can", seed=1)), load_success_model()
    grasps, sure = (
        model.rank(detect_with(scene, np.full(scene.depth_m.shape, confidence))),
        model.rank(grasps_on(scene)),
    )
    assert len(grasps) and grasps.rows[0, SCORE] < sure.rows[0, SCORE]
    assert "unsure of 1 of 1 object: of 100% of their area" in grasps.note
    bare = lay()
    told = detect_with(bare, np.where(np.arange(848) < 200, 0.1, 1.0) * np.ones((480, 1))).note
    assert "nothing stands" in told and "unsure of 24%" in told


def test_features_are_shares_and_a_neighbour_takes_from_the_distance():
    alone, crowded = (
        grasps_on(lay(drawn("can", seed=1, xy=(0.03, 0.0)), *others))
        for others in ((), (drawn("box", seed=2, xy=(0.03, 0.12)), drawn("box", seed=2, xy=(0.03, -0.12))))
    )
    for grasps in (alone, crowded):
        assert grasps.features.shape == (len(grasps), len(FEATURES))
        assert ((grasps.features >= 0) & (grasps.features <= 1)).all()
    clearance = FEATURES.index("clearance")
    assert alone.features[:, clearance].min() == 1
    assert crowded.features[:, clearance].min() < 1


def test_an_empty_table_gives_an_empty_set_that_says_so():
    grasps = grasps_on(lay())
    assert grasps.rows.shape == (0, ROW)
    assert "nothing stands" in grasps.note


def test_what_is_too_wide_gives_an_empty_set_that_says_so():
    grasps = grasps_on(lay(cuboid((0.12, 0.12, 0.12))), 0.07)
    assert grasps.rows.shape == (0, ROW)
    assert "wide" in grasps.note
    assert len(grasps.cloud_m) == len(grasps.labels) > 100


def test_depth_noise_of_the_table_is_no_object():
    assert len(grasps_on(lay(noise_m=0.003))) == 0


@pytest.mark.parametrize("depth", [np.full((480, 848), np.nan, np.float32), np.zeros((480, 848), np.float32)])
def test_depth_without_a_pixel_is_an_error(depth):
    scene = lay()
    with pytest.raises(PerceptionError, match="No pixel"):
        create_detector("antipodal", 0.1).detect(DetectorInput(depth, INTRINSICS, scene.plane, EVERYWHERE))


def test_images_of_different_sizes_are_an_error():
    scene = lay()
    detector = create_detector("antipodal", 0.1)
    with pytest.raises(PerceptionError, match="region"):
        detector.detect(DetectorInput(scene.depth_m, INTRINSICS, scene.plane, EVERYWHERE[:100]))
    with pytest.raises(PerceptionError, match="depth"):
        detector.detect(DetectorInput(scene.depth_m[:100], INTRINSICS, scene.plane, EVERYWHERE))


def test_unknown_detectors_and_impossible_grippers_are_refused():
    with pytest.raises(ConfigurationError, match="antipodal, anygrasp"):
        create_detector("magic")
    with pytest.raises(ConfigurationError, match="gripper_stroke_m"):
        create_detector("antipodal", 0.0)


def test_anygrasp_without_its_sdk_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "gsnet", None)
    with pytest.raises(ConfigurationError, match="--detector antipodal"):
        create_detector("anygrasp", 0.07)


def sdk_of(api: str, answer: list):
    """A stand-in for `gsnet` that records what it is given, with one of its two APIs."""

    class AnyGrasp:
        def __init__(self, settings):
            answer.append(settings)

        def load_net(self):
            answer.append("loaded")

        def get_grasp(self, points, second, **options):
            answer.append((points, second, options))
            # A grasp straight down the camera's axis onto the middle of the points it was given.
            row = np.zeros((1, ROW))
            row[0, :4] = 0.5, 0.05, 0.02, 0.02
            row[0, 4:13] = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]]).ravel()
            row[0, 13:16] = points.mean(0) - [0, 0, 0.02]
            group = type("GraspGroup", (), {"grasp_group_array": row, "__len__": lambda self: 1})()
            return (group, "cloud") if api == "class" else group

    if api == "class":
        return SimpleNamespace(AnyGrasp=AnyGrasp)
    return SimpleNamespace(create_detector=AnyGrasp)


@pytest.mark.parametrize("api", ["class", "factory"])
def test_anygrasp_is_driven_through_either_of_its_apis(api, monkeypatch, tmp_path):
    import torch

    calls: list = []
    checkpoint = tmp_path / "checkpoint.tar"
    checkpoint.write_bytes(b"weights")
    monkeypatch.setitem(sys.modules, "gsnet", sdk_of(api, calls))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("ANYGRASP_CHECKPOINT", str(checkpoint))
    scene = lay(drawn("can", seed=1))
    grasps = create_detector("anygrasp", 0.07).detect(DetectorInput(scene.depth_m, INTRINSICS, scene.plane, EVERYWHERE))
    assert calls[0].checkpoint_path == str(checkpoint)
    assert calls[0].max_gripper_width == 0.07
    points = calls[-1][0]
    assert points.dtype == np.float32 and points.shape[1] == 3
    assert (scene.plane.height(points) > 0.005).all()
    assert len(grasps) == 1 and grasps.detector == "anygrasp"
    assert grasps.rows[0, OBJECT] == 0


@pytest.fixture
def licensed(monkeypatch, tmp_path):
    """A machine with a GPU and AnyGrasp's checkpoint."""
    import torch

    (tmp_path / "checkpoint.tar").write_bytes(b"weights")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("ANYGRASP_CHECKPOINT", str(tmp_path / "checkpoint.tar"))
    return monkeypatch


def test_anygrasps_newer_api_is_steered_and_its_older_one_is_shown_a_smaller_box(licensed):
    scene = lay(drawn("can", seed=1, xy=(0.03, -0.10)), drawn("can", seed=2, xy=(0.05, 0.10)))
    points = INTRINSICS.rays() * np.nan_to_num(scene.depth_m)[..., None]
    mask = (points @ scene.T_world_camera[1, :3] + scene.T_world_camera[1, 3]) < 0.0
    steering = Steering(mask, np.array([0.0, 0.0, 1.0]), 0.5)
    given = DetectorInput(scene.depth_m, INTRINSICS, scene.plane, EVERYWHERE, steering=steering)
    calls: list = []
    licensed.setitem(sys.modules, "gsnet", sdk_of("factory", calls))
    create_detector("anygrasp", 0.07).detect(given)
    cloud, options, _ = calls[-1]
    is_left = cloud @ scene.T_world_camera[1, :3] + scene.T_world_camera[1, 3] < 0.0
    assert np.array_equal(options["region_steering"], is_left) and 0 < is_left.sum() < len(is_left)
    assert np.array_equal(options["approach_steering"], [0.0, 0.0, 1.0]) and options["approach_thresh"] == 0.5
    licensed.setitem(sys.modules, "gsnet", sdk_of("class", calls))
    create_detector("anygrasp", 0.07).detect(given)
    cloud, _, options = calls[-1]
    limits = np.array(options["lims"]).reshape(3, 2)
    inside = ((cloud >= limits[:, 0]) & (cloud <= limits[:, 1])).all(axis=1)
    assert inside[is_left].all() and not inside.all()


def test_a_licence_that_anygrasp_refuses_is_told_for_what_it_is(licensed):
    licensed.setitem(sys.modules, "gsnet", SimpleNamespace(create_detector=lambda settings: None))
    with pytest.raises(ConfigurationError, match="licence is not of this machine"):
        create_detector("anygrasp")


def test_anygrasp_that_answers_none_found_none(licensed):
    scene = lay(drawn("can", seed=1))
    silent = SimpleNamespace(get_grasp=lambda points, options: None)
    licensed.setitem(sys.modules, "gsnet", SimpleNamespace(create_detector=lambda settings: silent))
    none = create_detector("anygrasp").detect(DetectorInput(scene.depth_m, INTRINSICS, scene.plane, EVERYWHERE))
    assert len(none) == 0 and "found none" in none.note


def test_anygrasp_without_cuda_or_checkpoint_says_what_to_do(monkeypatch):
    import torch

    monkeypatch.setitem(sys.modules, "gsnet", sdk_of("class", []))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigurationError, match="CUDA"):
        create_detector("anygrasp")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("ANYGRASP_CHECKPOINT", "")
    with pytest.raises(ConfigurationError, match="ANYGRASP_CHECKPOINT"):
        create_detector("anygrasp")
