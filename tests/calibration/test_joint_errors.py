"""Errors that follow a joint's angle: learnt, and what is stated of them held against views left out."""

import numpy as np
import pytest

from calibration.joint_errors import JointErrors, SeenErrors

ERRORS, CORNER_PX = JointErrors(1e-3, 1e-5, 0.3), 0.1


def seen(times: float, seed: int = 0, count: int = 40) -> SeenErrors:
    """Of views whose joints err as `ERRORS` has it, `times` as much, and a solution of three numbers that is right."""
    rng = np.random.default_rng(seed)
    read = rng.uniform(-1.0, 1.0, (count, 6))
    motion = [rng.normal(0.0, 500.0, (16, 6)) for _ in range(count)]
    wrong = np.linalg.cholesky(ERRORS.covariance(read) + 1e-12 * np.eye(6 * count)) @ rng.normal(size=6 * count)
    corners = [M @ w + rng.normal(0.0, CORNER_PX, 16) for M, w in zip(motion, wrong.reshape(-1, 6), strict=True)]
    slope = [rng.normal(size=(16, 3)) for _ in range(count)]
    return SeenErrors.split(read, [times * one for one in corners], slope, motion)


def test_views_left_out_tell_how_far_stated_uncertainties_hold() -> None:
    nothing = np.zeros((3, 3))
    for times in (0.5, 1.0, 3.0):
        views = seen(times)
        change, _ = views.step(ERRORS, CORNER_PX, nothing, np.zeros(3))
        at = SeenErrors(
            views.read_rad,
            views.motion,
            views.error_px + views.slope @ change,
            views.slope,
            views.rest_px + views.rest_slope @ change,
            views.rest_slope,
        )
        assert at.left_out_chi(ERRORS, CORNER_PX, nothing) == pytest.approx(times, rel=0.2)


def test_what_is_learnt_tells_of_like_angles_and_of_no_others() -> None:
    views = seen(1.0)
    learnt = views.learnt(ERRORS, CORNER_PX)
    truth = np.array([np.linalg.solve(M, y) for M, y in zip(views.motion, views.error_px.reshape(-1, 6), strict=True)])
    near = learnt.at(views.read_rad)
    assert np.abs(near + truth).mean() < 0.3 * np.abs(truth).mean()
    np.testing.assert_allclose(learnt.at(np.full(6, 9.0)), 0.0, atol=1e-12)
