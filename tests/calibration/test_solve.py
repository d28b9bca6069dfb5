"""An arm's calibration: right within what it says, and whatever is planted in its views is named."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from calibration.board import Board
from calibration.closed_form import closed_forms
from calibration.hand_eye import BoardView, HandEyeModel
from calibration.joint_errors import SeenErrors
from calibration.solve import poses_apart, solve_arm
from core.errors import CalibrationError
from tests.support.board_views import K, Truth, drawn_truth, drawn_views

BOARD = Board()


def solved(views, truth: Truth, board: Board = BOARD):
    return solve_arm(views, K, "new", board, truth.T_world_camera)


@lru_cache
def solved_noisy(seed: int):
    """An arm solved from noisy views: two tests ask about the same."""
    truth = drawn_truth(seed)
    return solved(drawn_views(truth, seed=seed), truth)


@pytest.mark.parametrize("seed", range(4))
def test_noisy_views_give_the_base_well_within_a_millimetre_and_say_how_sure_that_is(seed: int) -> None:
    truth, arm = drawn_truth(seed), solved_noisy(seed)
    mm, deg = poses_apart(arm.T_camera_base, truth.T_camera_base)
    assert mm < 1.0 and deg < 0.1
    off = (arm.T_camera_base - truth.T_camera_base)[:3, 3] * 1000
    assert (np.abs(off) < 4 * arm.sigma_mm).all() and (arm.sigma_mm < 1.0).all()
    assert arm.holdout_mm < 2.0 and not arm.findings and not arm.dropped
    # What joints are read wrong by at one angle tells of views from like angles that the fit has not seen.
    assert arm.holdout_px < 0.85 * arm.driven_px and arm.joint_error_deg[0] > 2 * arm.joint_error_deg[1]


@pytest.mark.slow
def test_noise_that_is_new_in_each_view_is_not_taken_for_a_function_of_the_angle() -> None:
    truth, rng = drawn_truth(1), np.random.default_rng(1)
    views = drawn_views(truth, is_noisy=False)
    views = [replace(view, joints_rad=view.joints_rad + rng.normal(0.0, np.deg2rad(0.07), 6)) for view in views]
    smooth_deg, rough_deg = solved(views, truth).joint_error_deg
    assert rough_deg >= 0.05 > smooth_deg


@pytest.mark.slow
def test_perfect_views_give_the_base_exactly_whichever_closed_form_begins() -> None:
    truth = drawn_truth(1)
    views = drawn_views(truth, is_noisy=False)
    for name, start in closed_forms(views, K, "new").items():
        assert poses_apart(start.T_camera_base, truth.T_camera_base)[0] < 0.01, name
    assert poses_apart(solved(views, truth).T_camera_base, truth.T_camera_base)[0] < 0.01


def test_two_views_from_one_pose_break_no_closed_form() -> None:
    truth = drawn_truth(1)
    views = drawn_views(truth, is_noisy=False)
    forms = closed_forms([*views, views[0]], K, "new")
    assert len(forms) == 7
    assert all(poses_apart(one.T_camera_base, truth.T_camera_base)[0] < 0.01 for one in forms.values())
    still = closed_forms([views[0]] * 8, K, "new")  # some guess, none breaks
    assert all(np.isfinite(one.T_camera_base).all() for one in still.values())


def test_views_left_out_that_are_missed_more_make_it_less_sure_and_fewer_misses_no_surer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    views = drawn_views(drawn_truth(1), count=8)
    model = HandEyeModel(K, "new")
    fit, sigma = model.fit(views, closed_forms(views, K, "new")["shah"]), []
    for chi in (1.0, 0.5, 2.0):
        monkeypatch.setattr(SeenErrors, "left_out_chi", lambda *_, chi=chi: chi)
        sigma.append(model.refine(views, fit, rounds=1).sigma)
    np.testing.assert_allclose(sigma[1:], [sigma[0], 2.0 * sigma[0]])


@pytest.mark.slow
def test_it_is_at_least_twice_as_near_as_closed_forms() -> None:
    ours, theirs = [], []
    for seed in range(5):
        truth = drawn_truth(seed)
        views = drawn_views(truth, seed=seed)
        ours.append(poses_apart(solved_noisy(seed).T_camera_base, truth.T_camera_base)[0])
        forms = closed_forms(views, K, "new").values()
        theirs.append(min(poses_apart(form.T_camera_base, truth.T_camera_base)[0] for form in forms))
    assert np.median(ours) < 0.5 * np.median(theirs)


@pytest.mark.slow
@pytest.mark.parametrize("joint", [2, 3, 4, 5])
def test_a_joint_whose_zero_is_off_by_two_degrees_is_named_and_corrected(joint: int) -> None:
    truth = drawn_truth(2, tuple(2.0 * (k == joint - 1) for k in range(6)))
    arm = solved(drawn_views(truth, seed=2), truth)
    told = [finding for finding in arm.findings if finding.kind == "joint-offset"]
    assert len(told) == 1 and f"Joint {joint} " in told[0].cause and not told[0].fatal
    np.testing.assert_allclose(np.rad2deg(arm.offsets_rad - truth.offsets_rad), 0.0, atol=0.2)
    assert poses_apart(arm.T_camera_base, truth.T_camera_base)[0] < 1.5


@pytest.mark.parametrize(
    ("joint", "off_deg"),
    [(2, 10.0), *(pytest.param(*forced, marks=pytest.mark.slow) for forced in ((3, -10.0), (4, 10.0), (5, -10.0)))],
)
def test_a_forced_joint_is_named_and_nothing_may_be_stored(joint: int, off_deg: float) -> None:
    """It reads its command all along: only the pictures tell."""
    truth = drawn_truth(6, tuple(off_deg * (k == joint - 1) for k in range(6)))
    arm = solved(drawn_views(truth, seed=6), truth)
    forced = [finding for finding in arm.findings if finding.kind == "forced-joint"]
    assert len(forced) == 1 and forced[0].fatal
    assert f"Joint {joint} " in forced[0].cause
    assert np.rad2deg(arm.offsets_rad[joint - 1]) == pytest.approx(off_deg, abs=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("planted", [{3}, {0, 11}])
def test_views_that_do_not_belong_are_dropped_and_named(planted: set[int]) -> None:
    truth = drawn_truth(3)
    views = drawn_views(truth, seed=3)
    for i in planted:
        views[i] = replace(views[i], joints_rad=views[i].joints_rad + np.deg2rad([0, 3.0, 0, 0, 0, 0]))
    arm = solved(views, truth)
    assert set(arm.dropped) == planted
    assert poses_apart(arm.T_camera_base, truth.T_camera_base)[0] < 1.0
    assert [finding.kind for finding in arm.findings] == ["bad-view"]


@pytest.mark.slow
def test_views_of_which_half_contradict_the_rest_are_refused() -> None:
    truth = drawn_truth(4)
    views = drawn_views(truth, seed=4)
    rng = np.random.default_rng(0)
    for i in range(0, 20, 2):
        views[i] = replace(views[i], joints_rad=views[i].joints_rad + rng.normal(0.0, 0.1, 6))
    with pytest.raises(CalibrationError, match="contradict the rest"):
        solved(views, truth)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scale", "kind", "says"),
    [(38 / 40, "wrong-size", "32.3 mm"), (1.06, "wrong-size", "36."), (0.97, "printed-97", "97%")],
)
def test_a_board_of_another_size_than_stated_is_named_with_its_size(scale: float, kind: str, says: str) -> None:
    truth = drawn_truth(5)
    arm = solved(drawn_views(truth, seed=5, scale=scale), truth)
    assert [finding.kind for finding in arm.findings if finding.fatal] == [kind]
    assert says in arm.findings[0].cause


@pytest.mark.slow
def test_a_board_that_is_printed_a_hundredth_too_large_is_allowed_for() -> None:
    truth = drawn_truth(6)
    arm = solved(drawn_views(truth, seed=6, scale=1.009), truth)
    assert not arm.findings and abs(arm.board_scale - 1.009) < 0.003


@pytest.mark.slow
def test_white_that_spills_over_black_is_told_from_a_smaller_board() -> None:
    truth = drawn_truth(6)
    views = [_spilled(view, 0.3) for view in drawn_views(truth, seed=6)]
    arm = solved(views, truth)
    assert arm.inset_px == pytest.approx(0.3, abs=0.1)
    assert abs(arm.board_scale - 1.0) < 3 * arm.board_sigma < 0.3 / 40 / 2  # of squares some 40 px large


def _spilled(view: BoardView, inset_px: float) -> BoardView:
    tags = view.corners_px.reshape(-1, 4, 2)
    inward = tags.mean(axis=1, keepdims=True) - tags
    inward /= np.linalg.norm(inward, axis=2, keepdims=True)
    return replace(view, corners_px=(tags + inset_px * inward).reshape(-1, 2))


def test_too_little_rotation_is_refused_with_advice() -> None:
    truth = drawn_truth(7)
    arm = solved(drawn_views(truth, seed=7, turn_rad=np.deg2rad(6.0)), truth)
    told = [finding for finding in arm.findings if finding.kind == "too-little-rotation"]
    assert told and told[0].fatal and "axes" in told[0].remedy


def test_fewer_views_than_can_be_proven_are_refused() -> None:
    truth = drawn_truth(8)
    with pytest.raises(CalibrationError, match="7 views"):
        solved(drawn_views(truth, count=7), truth)
