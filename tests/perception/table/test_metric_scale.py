"""Whatever scale and shift an estimator's answer has, the table's known depth undoes them."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import PerceptionError
from core.transforms import look_at
from perception.depth_types import RelativeDepth
from perception.estimators.registry import open_estimator
from perception.table.locate import fit_table, locate_table
from perception.table.metric_scale import MAX_RESIDUAL_MM, MIN_SPREAD_MM, fit_metric
from tests.support.drawn_cell import CELL, draw_frame, with_tags

_OBJECTS = ((200, 300, 330, 400, 0.10), (230, 330, 480, 560, 0.06), (150, 190, 420, 450, 0.15))


@pytest.fixture(scope="module")
def frame():
    """Tags in view, and three objects that stand on the table between them, in depth."""
    bare = draw_frame(CELL)
    depth_m = bare.depth_m.copy()
    for top, bottom, left, right, nearer_m in _OBJECTS:
        depth_m[top:bottom, left:right] -= nearer_m
    return replace(bare, depth_m=depth_m)


@pytest.fixture(scope="module")
def view(frame):
    return locate_table(frame, CELL)


def _relative(depth_m: np.ndarray, scale: float, shift: float, kind: str = "disparity") -> RelativeDepth:
    metric = 1 / depth_m.astype(float) if kind == "disparity" else depth_m.astype(float)
    return RelativeDepth(((metric - shift) / scale).astype(np.float32), kind, "disturbed")


def _table_error_mm(metric, frame) -> float:
    table = np.ones(frame.depth_m.shape, bool)
    for top, bottom, left, right, _ in _OBJECTS:
        table[top:bottom, left:right] = False
    return 1000 * float(np.nanmedian(np.abs(metric.depth_m - frame.depth_m)[table]))


@pytest.mark.parametrize("kind", ["disparity", "depth"])
@pytest.mark.parametrize("seed", range(4))
def test_an_unknown_scale_and_shift_are_found_again(frame, view, kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale, shift = 10 ** rng.uniform(-2, 2), rng.uniform(-1, 1)
    metric = fit_metric(_relative(frame.depth_m, scale, shift, kind), view, frame)
    assert metric.scale == pytest.approx(scale, rel=0.01)
    assert metric.shift == pytest.approx(shift, abs=0.02)
    assert _table_error_mm(metric, frame) < 0.5
    assert np.nanmax(np.abs(metric.depth_m - frame.depth_m)) < 0.01  # the objects too
    assert metric.residual_mm < 1.0 and metric.anchor_source == "tags"
    assert set(metric.tag_residuals_mm) == {tag.id for tag in CELL.tags}
    assert max(metric.tag_residuals_mm.values()) < 1.0


def test_noise_and_a_glossy_patch_move_the_table_by_less_than_two_millimetres(frame, view) -> None:
    rng = np.random.default_rng(0)
    answer = _relative(frame.depth_m, 1.3, 0.4)
    values = answer.values + rng.normal(0, 0.004, answer.values.shape).astype(np.float32)
    values[210:330, 330:560] *= 0.6  # a third of the table between the tags taken for its mirror image
    values[rng.random(values.shape) < 0.2] = np.nan
    metric = fit_metric(replace(answer, values=values), view, frame)
    table = np.ones(values.shape, bool)
    table[140:340, 320:570] = False
    bias_mm = 1000 * np.nanmedian((metric.depth_m - frame.depth_m)[table])
    assert abs(bias_mm) < 2.0


def test_tags_outvote_a_table_that_is_taken_for_its_mirror_image_but_the_fit_is_refused(frame, view) -> None:
    from perception.table.anchors import tag_pixels

    values = _relative(frame.depth_m, 1.3, 0.4).values * np.float32(0.5)
    on_tags = np.zeros(values.shape, bool)
    for tag in view.tags:
        on_tags |= tag_pixels(tag, values.shape)
    values = np.where(on_tags, 2 * values, values)
    with pytest.raises(PerceptionError, match=f"{MAX_RESIDUAL_MM:.0f} mm accepted"):
        fit_metric(RelativeDepth(values, "disparity", "fooled"), view, frame)


def test_a_tag_that_the_estimator_bends_stands_out_when_left_out(frame, view) -> None:
    from perception.table.anchors import tag_pixels

    depth_m = frame.depth_m.copy()
    bent = view.tags[3]
    depth_m[tag_pixels(bent, depth_m.shape)] += 0.03
    metric = fit_metric(_relative(depth_m, 1.3, 0.4), view, frame)
    assert metric.tag_residuals_mm.pop(bent.id) == pytest.approx(30, abs=3)
    assert max(metric.tag_residuals_mm.values()) < 5
    assert _table_error_mm(metric, frame) < 2.0


def test_a_sensors_depth_with_which_the_tags_agree_stays_as_it_is(frame, view) -> None:
    metric = fit_metric(open_estimator("raw").estimate([frame], view.plane), view, frame)
    np.testing.assert_array_equal(metric.depth_m, frame.depth_m)
    assert (metric.scale, metric.shift) == (1.0, 0.0)


def test_raw_holes_on_the_tags_are_no_residual_but_no_refusal(frame, view) -> None:
    depth_m = np.where(np.arange(480)[:, None] < 60, frame.depth_m, np.nan)
    blind = replace(frame, depth_m=depth_m)
    metric = fit_metric(open_estimator("raw").estimate([blind], view.plane), view, blind)
    assert metric.anchors == 0 and np.isnan(metric.residual_mm)
    assert set(metric.tag_residuals_mm) == {tag.id for tag in CELL.tags}
    assert np.isfinite(metric.depth_m[:60]).any()


def test_raw_without_any_depth_is_refused(frame, view) -> None:
    blind = replace(frame, depth_m=np.zeros_like(frame.depth_m))
    with pytest.raises(PerceptionError, match="no depth at all"):
        fit_metric(open_estimator("raw").estimate([blind], view.plane), view, blind)


def test_without_tags_the_sensors_table_is_the_anchor(frame) -> None:
    view = fit_table(frame)
    metric = fit_metric(_relative(frame.depth_m, 2.0, 0.3), view, frame)
    assert metric.anchor_source == "sensor" and metric.tag_residuals_mm == {}
    assert _table_error_mm(metric, frame) < 1.0


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda v: v[:-1], "shape"),
        (lambda v: np.full_like(v, np.nan), "no depth at all"),
        (lambda v: np.where(v > np.median(v), np.inf, v), "infinite depth"),
        (lambda v: np.full_like(v, 0.5), "flat"),
        (lambda v: -v, "wrong way round"),
        (lambda v: np.random.default_rng(0).random(v.shape, np.float32), "does not fit the table"),
        (lambda v: np.where(np.arange(v.shape[1]) < 800, np.nan, v), r"Only \d+ pixels"),
    ],
)
def test_an_unusable_answer_is_refused_with_its_reason(frame, view, spoil, told: str) -> None:
    answer = _relative(frame.depth_m, 1.3, 0.4)
    with pytest.raises(PerceptionError, match=told) as refusal:
        fit_metric(replace(answer, values=spoil(answer.values)), view, frame)
    assert refusal.value.remedy


def test_confidence_of_another_shape_is_refused(frame, view) -> None:
    answer = replace(_relative(frame.depth_m, 1.3, 0.4), confidence=np.ones((3, 3), np.float32))
    with pytest.raises(PerceptionError, match="confidence of shape"):
        fit_metric(answer, view, frame)


def test_a_table_seen_straight_from_above_cannot_tell_scale_from_shift() -> None:
    near = with_tags(
        CELL,
        tuple(
            t.model_copy(update={"position_m": (x, y)})
            for t, x, y in zip(
                CELL.tags, (0.15, -0.15, 0.15, -0.15, 0.0, 0.0), (0.2, 0.2, -0.2, -0.2, 0.3, -0.3), strict=True
            )
        ),
    )
    above = draw_frame(near, look_at((0.02, 0.0, 0.8), (0.0, 0.0, 0.0)))
    view = locate_table(above, near)
    with pytest.raises(PerceptionError, match=f"{MIN_SPREAD_MM:.0f} mm needed"):
        fit_metric(_relative(above.depth_m, 1.3, 0.4), view, above)
