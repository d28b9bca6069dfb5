"""Metrics against values computed by hand, and what must not change them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.image import Intrinsics
from perception.depth_types import RelativeDepth
from perception.learning.datasets.base import DatasetFrame
from perception.learning.evaluation.alignment import LineSums, aligned_m, comparable, fit_to_sensor, pairs, target
from perception.learning.evaluation.evaluate import confidence_metrics
from perception.learning.evaluation.metrics import (
    ConfidenceMetrics,
    DepthMetrics,
    JitterMeter,
    JitterMetrics,
    NormalMetrics,
)
from perception.learning.evaluation.report import ranks, summarise
from perception.learning.evaluation.store import pack, unpack

NAN = np.float32(np.nan)


def depth_metrics(depth_m: list[float], truth_m: list[float]) -> dict[str, float]:
    d, t = np.array([depth_m], np.float32), np.array([truth_m], np.float32)
    return DepthMetrics.of(d, t, np.ones(t.shape, bool)).compute()


def test_depth_metrics_are_those_computed_by_hand() -> None:
    # Ratios 1.04, 1.08, 1.2 and 1.3; the fifth pixel is a hole, the sixth has no truth.
    told = depth_metrics([1.04, 1.08, 1.2, 1.3, NAN, 1.0], [1.0, 1.0, 1.0, 1.0, 1.0, NAN])
    assert told["rel"] == pytest.approx((0.04 + 0.08 + 0.2 + 0.3) / 4, abs=1e-6)
    assert told["rmse_cm"] == pytest.approx(100 * np.sqrt((0.04**2 + 0.08**2 + 0.2**2 + 0.3**2) / 4), abs=1e-4)
    assert (told["delta_1.05"], told["delta_1.10"], told["delta_1.25"]) == pytest.approx((0.2, 0.4, 0.6))
    assert told["coverage"] == pytest.approx(0.8)


def test_the_median_is_within_a_bin_of_the_true_one() -> None:
    rng = np.random.default_rng(0)
    error_m = rng.exponential(0.01, 5000).astype(np.float32)
    truth_m = np.full((1, 5000), 0.7, np.float32)
    told = DepthMetrics.of(truth_m + error_m, truth_m, np.ones((1, 5000), bool)).compute()
    assert told["median_mm"] == pytest.approx(1000 * float(np.median(error_m)), rel=0.02)


def test_delta_takes_too_near_and_too_far_alike() -> None:
    for share in ("delta_1.05", "delta_1.10", "delta_1.25"):
        assert depth_metrics([1.06, 1.2], [1.0, 1.0])[share] == depth_metrics([1 / 1.06, 1 / 1.2], [1.0, 1.0])[share]


def test_normal_metrics_are_those_computed_by_hand() -> None:
    angles = np.radians([0.0, 11.0, 20.0, 29.0, 60.0])
    normals = np.stack([np.sin(angles), 0 * angles, -np.cos(angles)], -1)[None]
    truth = np.broadcast_to([0.0, 0.0, -1.0], normals.shape)
    told = NormalMetrics.of(normals, truth, np.ones((1, 5), bool)).compute()
    assert told["mean_deg"] == pytest.approx(24.0, abs=1e-6)
    assert told["median_deg"] == pytest.approx(20.0, abs=0.1)
    assert (told["within_11.25"], told["within_22.5"], told["within_30"]) == pytest.approx((0.4, 0.6, 0.8))


def test_a_missing_normal_counts_as_wrong() -> None:
    normals = np.full((1, 2, 3), np.nan)
    normals[0, 0] = (0, 0, -1)
    told = NormalMetrics.of(normals, np.broadcast_to([0.0, 0.0, -1.0], (1, 2, 3)), np.ones((1, 2), bool)).compute()
    assert told["within_30"] == 0.5 and told["mean_deg"] == pytest.approx(90.0)


def test_metrics_add_up_to_those_of_all_pixels_and_survive_storage() -> None:
    depth_m, truth_m = scene(1)
    everything = np.ones(truth_m.shape, bool)
    left = np.arange(truth_m.shape[1]) < 20
    whole = DepthMetrics.of(depth_m, truth_m, everything)
    parts = DepthMetrics.of(depth_m, truth_m, everything & left) + DepthMetrics.of(depth_m, truth_m, everything & ~left)
    np.testing.assert_allclose(parts.values, whole.values)
    np.testing.assert_array_equal(unpack(pack(whole)).values, whole.values)


def scene(seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    truth_m = rng.uniform(0.4, 1.2, (30, 40)).astype(np.float32)
    return (truth_m * rng.uniform(0.9, 1.1, truth_m.shape)).astype(np.float32), truth_m


def aligned_metrics(values: NDArray[np.float32], kind: str, truth_m: NDArray[np.float32]) -> dict[str, float]:
    everything, sums = np.ones(truth_m.shape, bool), LineSums()
    x = comparable(values, kind)
    # In two goes, as frames come.
    sums.add(*pairs(x[:11], target(truth_m[:11], kind), everything[:11], kind))
    sums.add(*pairs(x[11:], target(truth_m[11:], kind), everything[11:], kind))
    return DepthMetrics.of(aligned_m(x, kind, sums.line()), truth_m, everything).compute()


@pytest.mark.parametrize("kind", ["disparity", "depth"])
def test_aligned_metrics_do_not_know_the_answers_scale_and_shift(kind: str) -> None:
    depth_m, truth_m = scene(2)
    answer = depth_m if kind == "depth" else 1 / depth_m
    plain = aligned_metrics(answer, kind, truth_m)
    changed = aligned_metrics((3.7 * answer + 0.9).astype(np.float32), kind, truth_m)
    assert changed == pytest.approx(plain, rel=2e-3)
    assert plain["rel"] > 0.01


def test_truth_up_to_scale_and_shift_of_disparity_has_no_error() -> None:
    _, truth_m = scene(3)
    told = aligned_metrics((0.2 / truth_m + 0.1).astype(np.float32), "disparity", truth_m)
    assert told["rel"] < 1e-5 and told["delta_1.05"] == 1.0


def test_an_answer_of_zero_is_not_fitted_to_and_yet_judged() -> None:
    _, truth_m = scene(3)
    answer = (1 / truth_m - 1 / truth_m.max()).astype(np.float32)
    assert (answer == 0).any()
    assert aligned_metrics(answer, "disparity", truth_m)["coverage"] == 1.0


def test_the_line_is_that_of_least_squares() -> None:
    depth_m, truth_m = scene(4)
    x, y = 1 / depth_m.astype(float).ravel(), 1 / truth_m.astype(float).ravel()
    sums = LineSums()
    for part in np.array_split(np.arange(len(x)), 7):
        sums.add(x[part], y[part])
    line = np.linalg.lstsq(np.stack([x, np.ones_like(x)], 1), y, rcond=None)[0]
    assert sums.line() == pytest.approx(tuple(line), rel=1e-9)


def test_gross_disagreement_does_not_move_the_fit_to_the_sensor() -> None:
    _, truth_m = scene(5)
    answer = RelativeDepth((0.5 / truth_m - 0.1).astype(np.float32), "disparity", "test")
    sensor_m = truth_m.copy()
    sensor_m[:, :8] = 3.0
    line = fit_to_sensor(answer, sensor_m, np.isfinite(sensor_m))
    assert line == pytest.approx((2.0, 0.2), rel=1e-3)


def test_ranks_are_means_over_metrics_with_ties_shared() -> None:
    rows = [
        {"rel": 0.1, "rmse_cm": 5.0, "delta_1.05": 0.5},
        {"rel": 0.2, "rmse_cm": 4.0, "delta_1.05": 0.5},
        {"rel": 0.3, "delta_1.05": 0.9},
    ]
    # REL 1 2 3; RMSE 2 1 3 (missing: last); delta 2.5 2.5 1.
    assert ranks(rows, ("rel", "rmse_cm", "delta_1.05")) == pytest.approx([5.5 / 3, 5.5 / 3, 7 / 3])


def test_intervals_hold_the_value_and_widen_with_the_spread_of_clips() -> None:
    def clip(hits: int) -> DepthMetrics:
        truth_m = np.ones((1, 100), np.float32)
        depth_m = np.where(np.arange(100) < hits, 1.0, 1.5).astype(np.float32)[None]
        return DepthMetrics.of(depth_m, truth_m, np.ones((1, 100), bool))

    alike = summarise([clip(50)] * 8, pooled=True, seed=0)["delta_1.05"]
    spread = summarise([clip(hits) for hits in range(0, 101, 10)], pooled=True, seed=0)["delta_1.05"]
    assert alike == pytest.approx((0.5, 0.5, 0.5))
    assert spread[0] == pytest.approx(0.5) and spread[1] < 0.4 < 0.6 < spread[2]
    assert np.isnan(summarise([clip(50)], pooled=True, seed=0)["delta_1.05"][1])


def test_clips_count_alike_unless_their_pixels_are_pooled() -> None:
    ones = np.ones((1, 300), np.float32)
    small = DepthMetrics.of(ones[:, :100], ones[:, :100], np.ones((1, 100), bool))
    large = DepthMetrics.of(2 * ones, ones, np.ones((1, 300), bool))
    assert summarise([small, large], pooled=False, seed=0)["delta_1.05"][0] == pytest.approx(0.5)
    assert summarise([small, large], pooled=True, seed=0)["delta_1.05"][0] == pytest.approx(0.25)


def still_frame(**changed) -> DatasetFrame:
    """A camera at rest over an object on the left half of 4x6 pixels."""
    ids = np.zeros((4, 6), np.int32)
    ids[:, :3] = 1
    values = {"instance_ids": ids, "T_world_camera": np.eye(4), "depth_m": np.full((4, 6), 0.7, np.float32)} | changed
    color = np.zeros((4, 6, 3), np.uint8)
    return DatasetFrame(color=color, intrinsics=Intrinsics(6, 4, 5.0, 5.0, 2.5, 1.5), **values)


def watched(frames: list[DatasetFrame], depths_m: list[NDArray[np.float32]]) -> dict[str, JitterMetrics]:
    meter = JitterMeter()
    for frame, depth_m in zip(frames, depths_m, strict=True):
        meter.add(frame, depth_m)
    return meter.metrics()


def test_jitter_is_the_deviation_over_frames_on_objects_whatever_the_rest_does() -> None:
    offsets_m = [0.001, -0.002, 0.004, 0.0]
    answers = [np.full((4, 6), 0.7, np.float32) + np.float32(off) for off in offsets_m]
    for number, answer in enumerate(answers):
        answer[:, 3:] += number  # bare table, which does not count
    answers[1][0, 0] = np.nan
    told = watched([still_frame()] * 4, answers)
    expected_mm = 1000 * np.std(offsets_m, ddof=1)
    assert told["objects"].pixels == 12
    assert told["objects"].compute()["jitter_mm"] == pytest.approx(expected_mm, rel=0.025)
    np.testing.assert_array_equal(unpack(pack(told["objects"])).values, told["objects"].values)


def test_an_answer_that_is_wrong_and_steady_has_no_jitter() -> None:
    told = watched([still_frame()] * 3, [np.full((4, 6), 2.0, np.float32)] * 3)
    assert told["objects"].compute()["jitter_mm"] < 0.011


def test_jitter_is_of_clips_in_which_nothing_moves() -> None:
    answers = [np.full((4, 6), 0.7, np.float32)] * 2
    moved, slid = np.eye(4), np.full((4, 6), 0.7, np.float32)
    moved[0, 3], slid[1, 1] = 0.001, 0.69
    for other in ({"T_world_camera": moved}, {"T_world_camera": None}, {"depth_m": slid}):
        assert watched([still_frame(), still_frame(**other)], answers) == {}
    assert watched([still_frame()], answers[:1]) == {}, "one frame tells nothing"


def words(said: list[float], held: list[bool], times: int = 1) -> ConfidenceMetrics:
    p, h = np.array([said * times], np.float32), np.array([held * times])
    return ConfidenceMetrics.of(p, h, np.ones(p.shape, bool))


def test_a_word_that_is_exact_has_no_calibration_error_and_lies_on_its_bins() -> None:
    whole = ConfidenceMetrics.empty()
    middles = [(k + 0.5) / 10 for k in range(10)]
    for middle in middles:
        whole += words([middle] * 20, [number < round(20 * middle) for number in range(20)])
    told = whole.compute()
    assert told["calibration_error"] == pytest.approx(0, abs=1e-7)
    for k, middle in enumerate(middles):
        assert (told[f"said_{k}"], told[f"true_{k}"]) == pytest.approx((middle, middle))
        assert told[f"share_{k}"] == pytest.approx(0.1)


def test_one_who_is_always_sure_is_off_by_the_share_that_is_wrong() -> None:
    told = words([1.0] * 4, [True, False, False, False]).compute()
    assert (told["said"], told["true"], told["calibration_error"]) == (1.0, 0.25, 0.75)
    assert told["share_9"] == 1.0 and np.isnan(told["true_0"])


def test_too_sure_here_and_too_careful_there_do_not_make_up_for_each_other() -> None:
    told = words([0.9, 0.1], [False, True]).compute()
    assert told["said"] == pytest.approx(told["true"]) and told["calibration_error"] == pytest.approx(0.9)


def test_words_add_up_are_stored_whole_and_silence_is_none() -> None:
    whole = words([0.9, 0.1, 0.4], [False, True, True])
    parts = words([0.9, np.nan], [False, True]) + words([0.1, 0.4], [True, True])
    np.testing.assert_array_equal(parts.values, whole.values)
    assert whole.pixels == 3
    np.testing.assert_array_equal(unpack(pack(whole)).values, whole.values)


def test_confidence_is_judged_on_objects_and_on_glass_where_no_others_are_told_of() -> None:
    frame = still_frame()
    depth_m = frame.depth_m + np.where(np.arange(6) < 1, 0.03, 0.01).astype(np.float32)
    depth_m[0, 1] = np.nan
    (found,) = confidence_metrics(frame, depth_m, np.full((4, 6), 0.5, np.float32)).items()
    assert found[0] == "objects" and found[1].pixels == 11
    assert found[1].compute()["true"] == pytest.approx(7 / 11)
    glass = np.zeros((4, 6), bool)
    glass[:, 5] = True
    (found,) = confidence_metrics(still_frame(instance_ids=None, transparent=glass), depth_m, depth_m).items()
    assert found[0] == "transparent" and found[1].pixels == 4
    assert confidence_metrics(still_frame(instance_ids=None), depth_m, depth_m) == {}
