"""Depth in metres is right, or corrected by the tags, or refused by the name of what it is: whatever made it."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import ContradictionError
from perception.depth_types import RelativeDepth
from perception.table.locate import locate_table
from perception.table.metric_factor import corrected
from perception.table.metric_scale import fit_metric
from tests.support.drawn_cell import CELL, draw_frame

_BOX = (slice(200, 300), slice(330, 400))


@pytest.fixture(scope="module")
def frame():
    """A box 10 cm nearer than the table, and a sensor's noise."""
    bare = draw_frame(CELL)
    depth_m = bare.depth_m + np.random.default_rng(0).normal(0, 0.002, bare.depth_m.shape).astype(np.float32)
    depth_m[_BOX] -= 0.1
    return replace(bare, depth_m=depth_m)


def _error_mm(depth_m: np.ndarray, frame) -> float:
    return 1000 * float(np.nanmedian(np.abs(depth_m - frame.depth_m)[_BOX]))


@pytest.mark.parametrize("factor", [0.91, 0.95, 0.98, 0.99, 0.995, 1.005, 1.01, 1.02, 1.05, 1.09])
@pytest.mark.parametrize("is_sensor", [True, False])
def test_a_small_factor_is_taken_out_and_told(frame, factor: float, is_sensor: bool) -> None:
    wrong = replace(frame, depth_m=frame.depth_m / np.float32(factor))
    view = locate_table(wrong, CELL)
    assert view.sensor_factor == pytest.approx(factor, abs=0.002)
    assert _error_mm(corrected([wrong], view)[0].depth_m, frame) < 2
    metric = fit_metric(RelativeDepth(wrong.depth_m, "metric", "own", is_sensor=is_sensor), view, frame)
    assert metric.scale == pytest.approx(factor, abs=0.002)
    assert _error_mm(metric.depth_m, frame) < 3


@pytest.mark.parametrize("factor", [0.998, 0.999, 1.0, 1.001, 1.002])
def test_what_is_right_is_left_alone(frame, factor: float) -> None:
    view = locate_table(replace(frame, depth_m=frame.depth_m * np.float32(factor)), CELL)
    assert view.sensor_factor == 1.0


CONTRADICTIONS = {
    "millimetres": (lambda z: z * 1000, "are millimetres"),
    "tenths of a millimetre": (lambda z: z * 10000, "tenths of a millimetre"),
    "quarters": (lambda z: z * 4000, "quarters of a millimetre"),
    "halves": (lambda z: z * 2000, "half millimetres"),
    "centimetres": (lambda z: z * 100, "centimetres"),
    "inches": (lambda z: z / 0.0254, "inches"),
    "tenths read as thousandths": (lambda z: z * 10, "tenths of a millimetre"),
    "quarters read as thousandths": (lambda z: z * 4, "quarters of a millimetre"),
    "half of it": (lambda z: z * 0.5, "a factor of 2"),
    "twice": (lambda z: z * 2, "a factor of 0.5"),
    "a fifth more": (lambda z: z * 1.2, "a factor of 0.8"),
    "disparity": (lambda z: 1 / z, "disparity"),
    "upside down": (lambda z: z[::-1], "upside down"),
    "normalised": (lambda z: (z - z.min()) / np.ptp(z), "normalised"),
    "another camera's": (lambda z: np.roll(z * np.linspace(0.8, 1.2, 848, dtype=np.float32), 30, 1), "no factor"),
}


def test_distances_along_rays_are_refused_as_such(frame) -> None:
    lengths = np.linalg.norm(frame.intrinsics.rays(), axis=2)
    with pytest.raises(ContradictionError, match="along each pixel's ray"):
        locate_table(replace(frame, depth_m=frame.depth_m * lengths), CELL)


@pytest.mark.parametrize("rows", [20, -20, 30])
def test_depth_that_lies_rows_off_colour_is_refused_as_such_not_corrected(frame, rows: int) -> None:
    with pytest.raises(ContradictionError, match=f"{abs(rows)} rows {'below' if rows > 0 else 'above'} colour"):
        locate_table(replace(frame, depth_m=np.roll(frame.depth_m, rows, axis=0)), CELL)


@pytest.mark.parametrize(("share", "is_noise"), [(0.005, False), (0.05, True)])
def test_noise_that_is_right_in_the_median_alone_is_refused(frame, share: float, is_noise: bool) -> None:
    noise = np.random.default_rng(1).normal(1, share, frame.depth_m.shape).astype(np.float32)
    noisy = replace(frame, depth_m=frame.depth_m * noise)
    if not is_noise:
        assert locate_table(noisy, CELL).sensor_factor == 1.0
        return
    with pytest.raises(ContradictionError, match="it is noise"):
        locate_table(noisy, CELL)


def test_a_sensor_that_a_factor_mends_at_most_tags_only_is_refused(frame) -> None:
    tag = locate_table(frame, CELL).tags[0]
    (u, v), depth_m = tag.corners_px.mean(axis=0).astype(int), 0.97 * frame.depth_m
    depth_m[v - 40 : v + 40, u - 40 : u + 40] += 0.015
    with pytest.raises(ContradictionError, match="no factor"):
        locate_table(replace(frame, depth_m=depth_m), CELL)


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_what_is_no_metre_is_refused_by_name_whatever_the_estimator(frame, case: str) -> None:
    spoil, told = CONTRADICTIONS[case]
    wrong = spoil(frame.depth_m).astype(np.float32)
    with pytest.raises(ContradictionError, match=told):
        locate_table(replace(frame, depth_m=wrong), CELL)
    with pytest.raises(ContradictionError, match=told):
        fit_metric(RelativeDepth(wrong, "metric", "own"), locate_table(frame, CELL), frame)
