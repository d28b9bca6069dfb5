"""Low-frequency error of an estimator, read off the table and taken out.

One scale and shift leave what bends slowly over the image: a tilt, a bowl, a wave of the estimator's
answer. The table shows it, because its depth is known: what is left of the disparity at the anchors
after the fit is a smooth field seen at scattered places. It is interpolated as a Gaussian process
(simple kriging; Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, equations 2.25
and 2.26) with a squared-exponential kernel in image coordinates, and added to the disparity of all pixels.

A tilt along the table's own fall looks like another scale, and the fit has given it all to the scale; so
the scale may give a little back: a second, linear term in the disparity with a small prior, which acts on
every pixel by its own disparity.

The tags start it. Table between them joins where it agrees with what they say, so that objects and
mirror images, which are no table, stay out. Away from every anchor the field falls back to zero.

It is used only where it foretells what it has not seen: every tag in turn (parts of the table where
there are no tags) is left out with the table around it. What the table cannot show stays: an error
that looks like another scale or shift, and one that objects alone have.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception.depth_types import CorrectionNote
from perception.row_keys import row_keys
from perception.table.anchors import TABLE, Anchors

#: Anchors are pooled in cells this wide, in image widths: the field is far smoother.
_CELL = 1 / 26
#: Standard deviation of the field [m, at the median depth of the anchors] and the length over which it bends
#: [image widths]. Others of about that size make next to no difference (docs/lab/metric-depth.md).
FIELD_SIGMA_M, FIELD_LENGTH = 0.012, 0.4
#: By so much (a share, one standard deviation) the fitted scale may be wrong because of the slow error.
SCALE_SIGMA = 0.02
#: Least standard deviation of a cell's median [m]: tags are paper on the table, the table may be anything.
_TAG_SIGMA_M, _TABLE_SIGMA_M = 0.001, 0.002
#: Table joins within so many deviations of what is known, of which the field's own counts up to a limit [m].
_JOIN_SIGMAS, _JOIN_SIGMA_M, _JOIN_ROUNDS = 3.0, 0.006, 4
#: Table within this of a left-out tag's middle [image widths] is left out with it.
LEFT_OUT_REACH = 0.08
#: What is left out must come this much nearer to the truth, in the mean, and none may get worse by more.
LEAST_SHARE, LEAST_GAIN_MM, MOST_HARM_MM = 0.25, 0.7, 1.5
#: So many tags (or parts of the table) must be left out in turn, or nothing is checked and nothing done.
LEAST_FOLDS = 4
#: A field that wants more than this anywhere on the table is no low-frequency error but a failure.
LARGEST_MM = 60.0
#: The field is worked out on a grid of pixels this far apart.
_GRID_PX = 16


@dataclass(frozen=True)
class TableCorrection:
    """What was found and is told of it.

    disparity: (H, W) float32 [1/m] to add to the answer's disparity d, None where nothing is to be done; and
    scale times (d - about) is added to it. tags_mm: by id, the mean error of each tag with the
    correction when it is left out of that.
    """

    note: CorrectionNote
    tags_mm: dict[int, float]
    disparity: NDArray[np.float32] | None = None
    scale: float = 0.0
    about: float = 0.0


@dataclass(frozen=True)
class _Cells:
    """Anchors pooled: places (C, 2) [image widths]; what is left (C,), its deviation (C,) and the disparity
    over its mean (C,), all [m at the median depth]; and the tag of each (C,), -1 on the table."""

    at: NDArray[np.float64]
    residual_m: NDArray[np.float64]
    sigma_m: NDArray[np.float64]
    slope_m: NDArray[np.float64]
    tag: NDArray[np.int64]

    def covariance(self, a: NDArray, b: NDArray) -> NDArray[np.float64]:
        """(A, B) prior covariance [m^2] of the error at some cells (indices or masks) and at others."""
        return _kernel(self.at[a], self.at[b]) + SCALE_SIGMA**2 * np.outer(self.slope_m[a], self.slope_m[b])

    def weights(self, known: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(K,) what each known cell counts for in the mean of the error anywhere."""
        noise = np.diag(self.sigma_m[known] ** 2)
        return np.asarray(np.linalg.solve(self.covariance(known, known) + noise, self.residual_m[known]), float)

    def predict(self, asked: NDArray[np.bool_], known: NDArray[np.bool_]) -> tuple[NDArray, NDArray]:
        """Mean (A,) and standard deviation (A,) [m] of the error at the cells asked, from those known."""
        across = self.covariance(asked, known)
        noisy = self.covariance(known, known) + np.diag(self.sigma_m[known] ** 2)
        solved = np.linalg.solve(noisy, np.column_stack([self.residual_m[known], across.T]))
        prior_m2 = FIELD_SIGMA_M**2 + (SCALE_SIGMA * self.slope_m[asked]) ** 2
        variance_m2 = prior_m2 - np.einsum("ak,ka->a", across, solved[:, 1:])
        return across @ solved[:, 0], np.sqrt(np.maximum(variance_m2, 0.0))


def find_correction(anchors: Anchors, fitted: NDArray[np.float64], shape: tuple[int, int]) -> TableCorrection:
    """The correction of an answer whose disparity at the anchors is `fitted` (N,) [1/m], for images (H, W)."""
    if not len(anchors):
        return _none_because("nothing of known depth carries an answer")
    reference_m = float(np.median(anchors.depth_m))
    cells = _pool(anchors, fitted, reference_m, shape[1])
    folds = _folds(cells)
    if len(folds) < LEAST_FOLDS:
        return _none_because(f"only {len(folds)} of the {LEAST_FOLDS} places that a check needs are in view")
    before_mm, after_mm = _leave_out(cells, folds)
    means_mm = float(before_mm.mean()), float(after_mm.mean())
    gain_mm = means_mm[0] - means_mm[1]
    is_much = gain_mm >= max(LEAST_GAIN_MM, LEAST_SHARE * means_mm[0])
    if not (is_much and (after_mm - before_mm).max() <= MOST_HARM_MM):
        return _none_because("what is left out gains too little by it", *means_mm)
    known = _join(cells, np.ones(len(cells.tag), bool))
    largest_mm = 1000 * float(np.abs(cells.predict(known, known)[0]).max())
    if largest_mm > LARGEST_MM:
        return _none_because(f"it would move the table by {largest_mm:.0f} mm, {LARGEST_MM:.0f} mm allowed", *means_mm)
    tags_mm = {place: float(mm) for place, mm in zip(folds, after_mm, strict=True) if place >= 0}
    weights = cells.weights(known)
    return TableCorrection(
        CorrectionNote(True, "", largest_mm, *means_mm),
        tags_mm,
        _field(cells.at[known], weights, shape) / np.float32(reference_m**2),
        SCALE_SIGMA**2 * float(cells.slope_m[known] @ weights),
        float(np.mean(1 / anchors.depth_m)),
    )


def apply_correction(depth_m: NDArray[np.float32], correction: TableCorrection) -> NDArray[np.float32]:
    """Depth (H, W) [m] with the correction in it; no pixel moves by more than `LARGEST_MM`, holes stay."""
    if correction.disparity is None:
        return depth_m
    disparity = 1 / depth_m
    disparity = disparity + correction.disparity + correction.scale * (disparity - correction.about)
    farthest_m = depth_m + np.float32(LARGEST_MM / 1000)
    moved_m = np.where(disparity * farthest_m > 1, 1 / disparity, farthest_m)
    return np.maximum(moved_m, depth_m - np.float32(LARGEST_MM / 1000)).astype(np.float32)


def _none_because(why: str, before_mm: float = np.nan, after_mm: float = np.nan) -> TableCorrection:
    return TableCorrection(CorrectionNote(False, why, 0.0, before_mm, after_mm), {})


def _kernel(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    squared = ((a[:, None] - b[None]) ** 2).sum(-1)
    return FIELD_SIGMA_M**2 * np.exp(-squared / (2 * FIELD_LENGTH**2))


def _pool(anchors: Anchors, fitted: NDArray, reference_m: float, width: int) -> _Cells:
    """Medians over square cells of the image, tags apart from table."""
    side_px = max(8, round(width * _CELL))
    residual_m = (1 / anchors.depth_m - fitted) * reference_m**2
    slope_m = (1 / anchors.depth_m - np.mean(1 / anchors.depth_m)) * reference_m**2
    keys = np.column_stack([anchors.tag, anchors.pixels // side_px])
    cell = np.unique(row_keys(keys), return_inverse=True)[1]
    order = np.argsort(cell, kind="stable")
    groups = [g for g in np.split(order, np.flatnonzero(np.diff(cell[order])) + 1) if len(g) >= 4]
    middle = np.array([np.median(residual_m[group]) for group in groups])
    spread = np.array([1.4826 * np.median(np.abs(residual_m[g] - m)) for g, m in zip(groups, middle, strict=True)])
    # Errors of neighbouring pixels go together: eight count as one.
    count = np.maximum(np.array([len(group) for group in groups]) / 8, 1.0)
    tag = np.array([anchors.tag[group[0]] for group in groups], int)
    sigma_m = np.hypot(spread / np.sqrt(count), np.where(tag == TABLE, _TABLE_SIGMA_M, _TAG_SIGMA_M))
    at = np.array([anchors.pixels[group].mean(0) for group in groups]).reshape(-1, 2) / width
    return _Cells(at, middle, sigma_m, np.array([slope_m[group].mean() for group in groups]), tag)


def _folds(cells: _Cells) -> dict[int, tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """By tag: what it is asked at, and what must not be known for it; by parts of the table (-1, -2, ...)
    where no tag is in view."""
    folds = {}
    for id_ in np.unique(cells.tag[cells.tag != TABLE]):
        own = cells.tag == id_
        near = np.linalg.norm(cells.at - cells.at[own].mean(0), axis=1) < LEFT_OUT_REACH
        folds[int(id_)] = (own, own | near)
    if folds or not len(cells.tag):
        return folds
    low, high = cells.at.min(0), cells.at.max(0)
    part = np.floor((cells.at - low) / np.maximum(high - low, 1e-9) * [3.999, 1.999]).astype(int) @ [1, 4]
    return {-1 - int(k): (part == k, part == k) for k in np.unique(part) if (part == k).sum() >= 6}


def _join(cells: _Cells, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(C,) the allowed cells that are tags or agree with them; with no tag, those that agree with one another."""
    on_tags = allowed & (cells.tag != TABLE)
    known = on_tags if on_tags.any() else allowed
    for _ in range(_JOIN_ROUNDS):
        mean_m, sigma_m = cells.predict(np.ones(len(allowed), bool), known)
        limit_m = _JOIN_SIGMAS * np.hypot(np.minimum(sigma_m, _JOIN_SIGMA_M), cells.sigma_m)
        before, known = known, on_tags | (allowed & (np.abs(cells.residual_m - mean_m) < limit_m))
        if not known.any():
            return allowed
        if np.array_equal(known, before):
            break
    return known


def _leave_out(
    cells: _Cells, folds: dict[int, tuple[NDArray[np.bool_], NDArray[np.bool_]]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean error [mm] of every fold without and with a correction that knows nothing of it."""
    before, after = [], []
    for asked, hidden in folds.values():
        known = _join(cells, ~hidden)
        predicted_m = cells.predict(asked, known)[0] if known.any() else 0.0
        before.append(np.abs(cells.residual_m[asked]).mean())
        after.append(np.abs(cells.residual_m[asked] - predicted_m).mean())
    return 1000 * np.array(before), 1000 * np.array(after)


def _field(at: NDArray, weights: NDArray, shape: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W) the field [m at the median depth] of cells at places (K, 2): worked out on a grid, it is so smooth."""
    import cv2

    height, width = shape
    rows, columns = max(2, height // _GRID_PX), max(2, width // _GRID_PX)
    v, u = np.mgrid[:rows, :columns]
    places = np.column_stack([(u.ravel() + 0.5) / columns, (v.ravel() + 0.5) / rows * height / width]) - 0.5 / width
    coarse = (_kernel(places, at) @ weights).reshape(rows, columns).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
