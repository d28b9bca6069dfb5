"""A calibration's page: what it shows of the views is what the calibration was judged by, and it stands alone."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from calibration.board import Board
from calibration.report.page import calibration_page, residuals_by_arm
from calibration.report.plots import picture_plot
from calibration.report.residuals import ArmResiduals
from calibration.report.table_tags import tag_residuals
from calibration.result import CellCalibration
from calibration.sample_arrays import cell_arrays, stored_touch, stored_views, touch_arrays, view_arrays
from calibration.solve import solve_arm
from calibration.store import CalibrationStore
from core.cell import load_cell
from core.transforms import invert
from perception.depth_types import SeenTag
from perception.table.pose import world_corners
from tests.support.board_views import K, drawn_truth, drawn_views
from tests.support.calibrations import calibration_of
from tests.support.paths import CELLS

CELL = load_cell(CELLS / "sim.yaml")
BAD = 4
#: What the cell's file had before: joints are read with it, and the stored zeros hold it.
ZERO_RAD = np.array([0.0, 0.01, -0.02, 0.0, 0.005, 0.0])


def seen_tags(calibration: CellCalibration) -> list[SeenTag]:
    tags = [SeenTag(tag.id, tag.size_m, np.zeros((4, 2)), 50.0) for tag in CELL.tags]
    T = invert(calibration.T_world_camera)
    pixels = K.project(world_corners(tuple(tags), CELL) @ T[:3, :3].T + T[:3, 3]).reshape(-1, 4, 2)
    return [replace(tag, corners_px=seen) for tag, seen in zip(tags, pixels, strict=True)]


@pytest.fixture(scope="module")
def calibration() -> CellCalibration:
    """Of drawn views: the right arm's fifth is 3° off in a joint."""
    arms, views = {}, {}
    for seed, name in enumerate(CELL.arms):
        truth = drawn_truth(seed)
        views[name] = drawn_views(truth, 10, seed)
        if name == "right":
            nudged = views[name][BAD].joints_rad + np.deg2rad([0, 3, 0, 0, 0, 0])
            views[name][BAD] = replace(views[name][BAD], joints_rad=nudged)
        arm = solve_arm(views[name], K, "new", Board(), truth.T_world_camera)
        arms[name] = replace(arm, offsets_rad=arm.offsets_rad + ZERO_RAD)
    made = replace(calibration_of(CELL), arms=arms, intrinsics=K, firmware=dict.fromkeys(arms, "new"))
    zeros = {f"{name} zero_offset_rad": ZERO_RAD for name in arms}
    touch = touch_arrays({"left": {3: 0.6, 5: 1.25}, "right": {}})
    return replace(made, samples=view_arrays(views) | cell_arrays(CELL, seen_tags(made)) | zeros | touch)


@pytest.fixture(scope="module")
def residuals(calibration: CellCalibration) -> dict[str, ArmResiduals]:
    return residuals_by_arm(calibration, calibration.samples)


@pytest.fixture(scope="module")
def page(calibration: CellCalibration, residuals: dict[str, ArmResiduals]) -> str:
    return calibration_page("v", calibration, calibration.samples, residuals)


@pytest.mark.slow
def test_residuals_reckoned_from_the_stored_samples_are_the_stored_ones(
    calibration: CellCalibration, tmp_path: Path
) -> None:
    store = CalibrationStore(tmp_path, CELL.name)
    version = store.save(calibration)
    stored = store.load(version)
    found = residuals_by_arm(stored, store.samples(version))
    for name, arm in stored.arms.items():
        assert found[name].holdout_px == pytest.approx(arm.holdout_px, rel=1e-6)
        assert found[name].holdout_mm == pytest.approx(arm.holdout_mm, rel=1e-6)
        left_out = [view.left_out.px for view in found[name].views if view.left_out]
        corners = [len(view.corners_px) for view in found[name].views if view.left_out]
        assert np.sqrt(np.average(np.square(left_out), weights=corners)) == pytest.approx(arm.holdout_px, rel=1e-6)
    assert "not those it was stored with" not in calibration_page(version, stored, store.samples(version), found)


@pytest.mark.slow
def test_a_dropped_view_is_the_one_far_off_and_the_page_says_how_far(
    residuals: dict[str, ArmResiduals], page: str
) -> None:
    (dropped,) = residuals["right"].dropped
    assert dropped.number == BAD + 1 and not residuals["left"].dropped
    others = [view.fit.px for view in residuals["right"].views if view is not dropped]
    assert dropped.fit.px > 5 * max(others) and dropped.chi > 3
    assert f"view {BAD + 1}: {dropped.chi:.1f} times its noise" in page


@pytest.mark.slow
def test_samples_of_another_calibration_are_told_apart(calibration: CellCalibration) -> None:
    lost = {key: value for key, value in calibration.samples.items() if "zero_offset" not in key}
    left = replace(calibration, arms={"left": calibration.arms["left"]})
    found = residuals_by_arm(left, lost)
    assert "not those it was stored with" in calibration_page("v", left, lost, found)


@pytest.mark.slow
def test_the_page_stands_alone_and_shows_both_arms(calibration: CellCalibration, page: str) -> None:
    assert not re.search(r"\b(src|href)\s*=|url\(|@import|https?:", page)
    drawings = re.findall(r"<svg.*?</svg>", page)
    assert len(drawings) == 1 + 2 * (3 + 1)
    corners = sum(len(view.corners_px) for name in CELL.arms for view in stored_views(calibration.samples, name))
    marks = [part for part in ElementTree.fromstring(drawings[0]) if part.tag in ("circle", "rect")]
    assert len(marks) == corners + len(CELL.arms) + 1  # the legend, the picture's frame
    for name, arm in calibration.arms.items():
        assert (
            f"{name} arm" in page and f"± {arm.sigma_mm[0]:.2f}" in page and arm.unseen[0] in page.replace("&#39;", "'")
        )
        for finding in arm.findings:
            assert finding.cause in page and finding.remedy in page.replace("&#39;", "'")
    assert stored_touch(calibration.samples, "left") == {3: 0.6, 5: 1.25} and "1.25" in page


def test_a_name_cannot_write_into_the_page(calibration: CellCalibration, residuals: dict[str, ArmResiduals]) -> None:
    named = replace(calibration, camera_serial="<script>x</script>")
    of_arms = {f"<script>{name}": of_arm for name, of_arm in residuals.items()}
    page = calibration_page("v", named, calibration.samples, residuals) + picture_plot(of_arms, K)
    assert "<script" not in page and "&lt;script" in page


def test_a_tag_that_lies_elsewhere_stands_out_and_says_which_way(calibration: CellCalibration) -> None:
    assert max(tag.px for tag in tag_residuals(calibration, calibration.samples)) < 1e-6
    moved = dict(calibration.samples)
    moved["table corners_px"] = moved["table corners_px"].copy()
    moved["table corners_px"][1] += [3.0, -4.0]
    off = tag_residuals(calibration, moved)[1]
    assert (off.px, off.right_px, off.down_px) == pytest.approx((5.0, 3.0, -4.0))


def test_a_calibration_without_views_has_a_page_that_says_so() -> None:
    made = calibration_of(CELL)
    page = calibration_page("v", made, made.samples, residuals_by_arm(made, made.samples))
    assert "No views are stored with it" in page and "nan" not in page and "1.20, 0.80 mm" in page
