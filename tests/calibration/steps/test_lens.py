"""The camera's lens by the boards: left as it is stated where that holds, else refined, and a bent one is refused."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.closed_form import closed_forms
from calibration.hand_eye import HandEyeModel
from calibration.result import LensFit
from calibration.steps.lens import ArmViews, fit_lens, lens_findings, with_lens_doubt
from core.cell import load_cell
from tests.support.board_views import K, drawn_truth, drawn_views
from tests.support.calibrations import calibration_of
from tests.support.paths import CELLS

CELL = load_cell(CELLS / "sim.yaml")


def arm_seen(focal: float, centre_px: float, bend: float, is_noisy: bool = True) -> ArmViews:
    """Views through a lens that is not the one stated."""
    views = []
    for view in drawn_views(drawn_truth(2), count=14, seed=2, is_noisy=is_noisy):
        off = (view.corners_px - [K.cx, K.cy]) / K.fx
        off = off * (1 + bend * np.sum(off**2, axis=1, keepdims=True))
        views.append(replace(view, corners_px=off * K.fx * focal + [K.cx + centre_px, K.cy]))
    start = closed_forms(views, K, "new")["shah"]
    return ArmViews(views, HandEyeModel(K, "new").fit(views, start), "new")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("focal", "centre_px", "bend", "kind", "told"),
    [
        (1.0, 0.0, 0.0, "factory", []),
        (1.006, 0.0, 0.0, "focal", ["intrinsics"]),
        (1.0, 6.0, 0.0, "centre", ["intrinsics"]),
        (1.0, 0.0, 0.03, "bend", ["distortion"]),
    ],
)
def test_a_lens_is_refined_only_where_views_left_out_say_so(
    focal: float, centre_px: float, bend: float, kind: str, told: list[str]
) -> None:
    lens = fit_lens([arm_seen(focal, centre_px, bend)], K)
    findings = lens_findings(lens, K)
    assert lens.kind == kind and [finding.kind for finding in findings] == told
    assert lens.intrinsics.fx / K.fx == pytest.approx(focal, abs=0.002)
    assert lens.intrinsics.cx - K.cx == pytest.approx(centre_px, abs=1.0)
    assert lens.bend == pytest.approx(bend, abs=0.005)
    assert all(finding.fatal == (kind == "bend") for finding in findings)
    assert lens.holdout_px <= lens.factory_px


@pytest.mark.slow
def test_a_bend_too_small_to_refuse_changes_neither_focal_length_nor_centre() -> None:
    """It shows in views without noise, and nothing unbends a picture."""
    lens = fit_lens([arm_seen(1.0, 0.0, 0.002, is_noisy=False)], K)
    assert lens.kind != "bend" and lens.bend == 0.0
    assert lens.holdout_px <= lens.factory_px < 0.5


@pytest.mark.parametrize("changed", [{"fx": 1.05 * K.fx, "fy": 1.05 * K.fy}, {"cx": K.cx + 80.0}])
def test_a_lens_that_no_camera_has_is_refused(changed: dict[str, float]) -> None:
    (finding,) = lens_findings(LensFit("centre", replace(K, **changed), 0.0, (0.0,) * 4, 9.0, 0.3), K)  # type: ignore[arg-type]
    assert finding.fatal and "No camera" in finding.cause


def test_how_sure_a_refined_lens_is_enters_what_is_said_of_the_arm() -> None:
    """As far as the base truly moves with a lens that is off by one standard deviation."""
    seen, sigma = arm_seen(1.0, 0.0, 0.0), 0.002
    bases = [
        HandEyeModel(replace(K, fx=fx, fy=fx), "new").refine(seen.views, seen.fit).T_camera_base
        for fx in (K.fx, K.fx * np.exp(sigma))
    ]
    certain = calibration_of(CELL, 0).arms["left"]
    lens = LensFit("focal", K, 0.0, (sigma, np.nan, np.nan, np.nan), 0.3, 0.3)
    doubted = with_lens_doubt(certain, seen, lens)
    added_mm = np.sqrt(doubted.sigma_mm**2 - certain.sigma_mm**2)
    np.testing.assert_allclose(added_mm, np.abs(1000 * (bases[1] - bases[0])[:3, 3]), rtol=0.1, atol=0.05)
    assert added_mm.max() > 0.5 and (doubted.sigma_deg >= certain.sigma_deg).all()
