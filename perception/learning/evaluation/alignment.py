"""One scale and one shift between an estimator's answer and depth that is known.

What DKT's released code does (github Daniellli/DKT, tools/eval_utils.py, `transfer_pred_disp2depth`), and this
module with it: over all valid pixels of the whole clip at once, ordinary least squares of the true disparity
1/z on the answer's disparity, where truth and answer are positive; the aligned disparity is clipped at
1e-3 1/m from below and inverted. Answers that are depths take part as their inverse where they are metric;
those known up to a scale and shift of depth are fitted to depth, as their authors do.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception.depth_types import Kind, RelativeDepth

#: The released code's least disparity [1/m]: nothing lies beyond 1000 m.
LEAST_DISPARITY = 1e-3
#: Errors of more than this many standard deviations are left out of a robust fit, which is repeated.
_SIGMAS, _ROUNDS = 3.0, 8
#: Least pixels for a robust fit.
LEAST_PIXELS = 100

Array = NDArray[np.float64]


@dataclass
class LineSums:
    """Running means and products of x and y from which the least-squares line follows (Chan et al., 1979)."""

    n: float = 0.0
    mean_x: float = 0.0
    mean_y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0

    def add(self, x: Array, y: Array) -> None:
        if not len(x):
            return
        n, mean_x, mean_y = len(x), float(x.mean()), float(y.mean())
        dx, dy, all_ = mean_x - self.mean_x, mean_y - self.mean_y, self.n + n
        self.xx += float(((x - mean_x) ** 2).sum()) + dx * dx * self.n * n / all_
        self.xy += float(((x - mean_x) * (y - mean_y)).sum()) + dx * dy * self.n * n / all_
        self.mean_x += dx * n / all_
        self.mean_y += dy * n / all_
        self.n = all_

    def line(self) -> tuple[float, float] | None:
        """(scale, shift), None of nothing; a constant answer gets the mean."""
        if not self.n:
            return None
        scale = self.xy / self.xx if self.xx > 0 else 0.0
        return scale, self.mean_y - scale * self.mean_x


def comparable(values: NDArray[np.float32], kind: Kind) -> Array:
    """(H, W) what is fitted: the answer's disparity, or its depth for kind `depth`; NaN where there is none."""
    answer = values.astype(np.float64)
    if kind == "metric":
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(answer > 0, 1 / answer, np.nan)
    return answer


def target(depth_m: NDArray[np.float32], kind: Kind) -> Array:
    return depth_m.astype(np.float64) if kind == "depth" else 1 / depth_m.astype(np.float64)


def pairs(x: Array, y: Array, region: NDArray[np.bool_], kind: Kind) -> tuple[Array, Array]:
    """The pixels of a region that are fitted to: both are known, and an answer's disparity is above 0."""
    both = region & np.isfinite(x) & np.isfinite(y)
    if kind != "depth":
        both &= x > 0
    return x[both], y[both]


def aligned_m(x: Array, kind: Kind, line: tuple[float, float] | None) -> NDArray[np.float32]:
    """Depth (H, W) [m] by a line; NaN where there is no answer, or no line."""
    if line is None:
        return np.full(x.shape, np.nan, np.float32)
    fitted = line[0] * x + line[1]
    if kind == "depth":
        return np.maximum(fitted, LEAST_DISPARITY).astype(np.float32)
    return (1 / np.maximum(fitted, LEAST_DISPARITY)).astype(np.float32)


def fit_to_sensor(
    answer: RelativeDepth, sensor_m: NDArray[np.float32], outside: NDArray[np.bool_]
) -> tuple[float, float] | None:
    """The line by which an answer fits a sensor's depth outside the glass, what disagrees grossly being left out.

    None where fewer than `LEAST_PIXELS` pixels say anything.
    """
    kind = answer.kind
    x, y = pairs(comparable(answer.values, kind), target(sensor_m, kind), outside, kind)
    if len(x) < LEAST_PIXELS:
        return None
    kept = np.ones(len(x), bool)
    line = (0.0, 0.0)
    for _ in range(_ROUNDS):
        sums = LineSums()
        sums.add(x[kept], y[kept])
        line = sums.line() or line
        error = np.abs(y - line[0] * x - line[1])
        # The median tells the spread however many there are that disagree.
        kept = error <= max(_SIGMAS * 1.4826 * float(np.median(error)), 1e-9)
    return line
