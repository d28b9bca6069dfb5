"""What an arm's joints are read wrong by, learnt from views: an encoder that does not run true errs by a smooth
function of its angle, alike each time, and by noise besides.

A Gaussian process for each joint (Rasmussen and Williams 2006). Its covariance is that of a squared exponential's
derivative, for what is alike at all angles is the joint's zero and no error, and a part that is new in each view. How
large both are, and how smooth, is what makes the views likeliest.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtrs

from core.transforms import Matrix

#: What may be believed of an error, and how likely it is thought beforehand: sizes [rad] and the angle [rad] over which
#: it changes, each with its logarithm's mean and deviation.
_SMOOTH_RAD = np.deg2rad([0.01, 0.02, 0.035, 0.05, 0.07, 0.1, 0.2])
_ROUGH_RAD = np.deg2rad([0.005, 0.015, 0.03, 0.05, 0.07, 0.1, 0.2])
_LENGTH_RAD = np.array([0.15, 0.22, 0.3, 0.4, 0.6])
_BELIEVED = ((np.log(np.deg2rad(0.05)), 1.0), (np.log(np.deg2rad(0.02)), 1.5), (np.log(0.3), 0.5))


def _empty() -> NDArray[np.float64]:
    return np.zeros((0, 6))


@dataclass(frozen=True)
class JointErrors:
    """smooth_rad, rough_rad: standard deviations of the part that is a function of the angle, and of the rest;
    length_rad: over which the function changes. read_rad, pull (N, 6): where it was seen, and how strongly."""

    smooth_rad: float
    rough_rad: float
    length_rad: float
    read_rad: NDArray[np.float64] = field(default_factory=_empty)
    pull: NDArray[np.float64] = field(default_factory=_empty)

    def at(self, joints_rad: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 6) to be added to joints (..., 6) as they are read."""
        return np.einsum("...nj,nj->...j", self._alike(joints_rad[..., None, :] - self.read_rad), self.pull)

    def covariance(self, read_rad: NDArray[np.float64]) -> Matrix:
        """(6 N, 6 N) of the errors at joints (N, 6), view by view."""
        alike = self._alike(read_rad[:, None] - read_rad) + self.rough_rad**2 * np.eye(len(read_rad))[..., None]
        return np.einsum("abj,ij->aibj", alike, np.eye(6)).reshape(2 * (6 * len(read_rad),))

    def _alike(self, apart_rad: NDArray[np.float64]) -> NDArray[np.float64]:
        square = (apart_rad / self.length_rad) ** 2
        return self.smooth_rad**2 * (1.0 - square) * np.exp(-0.5 * square)

    @property
    def belief(self) -> float:
        """Logarithm of how likely it is beforehand."""
        values = np.log([self.smooth_rad, self.rough_rad, self.length_rad])
        return -0.5 * sum(((value - mean) / width) ** 2 for value, (mean, width) in zip(values, _BELIEVED, strict=True))


@dataclass(frozen=True)
class SeenErrors:
    """The errors of N views' corners, told apart by what the joints can do to them.

    error_px (6 N,), slope (6 N, P): in the span of the joints' motions, view by view, and how they change with the
    solution; motion (N, 6, 6): with the joints [px/rad]. rest_px (M,), rest_slope (M, P): what no joint can cause.
    """

    read_rad: NDArray[np.float64]
    motion: NDArray[np.float64]
    error_px: NDArray[np.float64]
    slope: NDArray[np.float64]
    rest_px: NDArray[np.float64]
    rest_slope: NDArray[np.float64]

    @classmethod
    def split(
        cls,
        read_rad: NDArray[np.float64],
        error_px: list[NDArray[np.float64]],
        slope: list[NDArray[np.float64]],
        motion: list[NDArray[np.float64]],
    ) -> "SeenErrors":
        """Of each view's errors (2 K,), slope (2 K, P) and motion (2 K, 6)."""
        spans, parts = zip(*(np.linalg.qr(one) for one in motion), strict=True)
        inside = [(Q.T @ error, Q.T @ A) for Q, error, A in zip(spans, error_px, slope, strict=True)]
        rest = [(e - Q @ y, A - Q @ B) for Q, e, A, (y, B) in zip(spans, error_px, slope, inside, strict=True)]
        y, B, e, A = (np.concatenate(column) for pairs in (inside, rest) for column in zip(*pairs, strict=True))
        return cls(read_rad, np.array(parts), y, B, e, A)

    @property
    def corner_px(self) -> float:
        """Standard deviation of a corner, by what no joint can cause."""
        return float(np.sqrt(np.sum(self.rest_px**2) / max(len(self.rest_px) - len(self.error_px), 1)))

    def step(
        self, errors: JointErrors, corner_px: float, prior: Matrix, prior_pull: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], Matrix]:
        """The likeliest change (P,) of the solution and its covariance (P, P). prior (P, P), prior_pull (P,): the
        prior's Hessian and gradient."""
        change, hessian, _ = self._solve(self._covariance(errors, corner_px), corner_px, prior, prior_pull)
        return change, np.asarray(np.linalg.inv(hessian), float)

    def likeliest(self, corner_px: float, prior: Matrix, prior_pull: NDArray[np.float64]) -> JointErrors:
        """The errors that the views speak for."""
        best, most = JointErrors(_SMOOTH_RAD[0], _ROUGH_RAD[0], _LENGTH_RAD[0]), -np.inf
        rough = self._covariance(JointErrors(0.0, 1.0, 1.0), 0.0)
        noise = corner_px**2 * np.eye(len(rough))
        noisy = {rough_rad: rough_rad**2 * rough + noise for rough_rad in _ROUGH_RAD}
        for length_rad in _LENGTH_RAD:
            smooth = self._covariance(JointErrors(1.0, 0.0, length_rad), 0.0)
            for smooth_rad, rough_rad in product(_SMOOTH_RAD, _ROUGH_RAD):
                one = JointErrors(smooth_rad, rough_rad, length_rad)
                covariance = smooth_rad**2 * smooth + noisy[rough_rad]
                likely = one.belief + self._solve(covariance, corner_px, prior, prior_pull)[2]
                if likely > most:
                    best, most = one, likely
        return best

    def _solve(
        self, covariance_px: Matrix, corner_px: float, prior: Matrix, prior_pull: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], Matrix, float]:
        """The likeliest change (P,), its Hessian (P, P), and the logarithm of how likely the views are (less a
        constant). Asked hundreds of times a solution: LAPACK's own functions take a third of NumPy's and SciPy's."""
        half = _root(covariance_px)
        both = dtrtrs(half, self._seen, lower=1)[0]
        white, slope = both[:, 0], both[:, 1:]
        rest_hessian, rest_gradient = self._rest
        hessian = slope.T @ slope + rest_hessian / corner_px**2 + prior
        gradient = slope.T @ white + rest_gradient / corner_px**2 + prior_pull
        root = _root(hessian)
        change = -dpotrs(root, gradient, lower=1)[0]
        fit = white @ white + gradient @ change
        likely = -0.5 * fit - np.log(half.diagonal()).sum() - np.log(root.diagonal()).sum()
        return change, hessian, float(likely)

    @cached_property
    def _seen(self) -> Matrix:
        """(6 N, 1 + P) What the joints can cause: errors, slope."""
        return np.column_stack([self.error_px, self.slope])

    @cached_property
    def _rest(self) -> tuple[Matrix, NDArray[np.float64]]:
        """Hessian (P, P) and gradient (P,) of what no joint can cause, the same whatever the joints' errors are."""
        return self.rest_slope.T @ self.rest_slope, self.rest_slope.T @ self.rest_px

    def left_out_chi(self, errors: JointErrors, corner_px: float, prior: Matrix) -> float:
        """How many times what they should be views are missed that are left out one at a time, root mean square, at the
        likeliest solution: above 1, the stated uncertainties are too small, below 1, too large.

        In closed form from the precision of all views, the solution marginalised (Rasmussen and Williams 2006, 5.4.2).
        """
        sure = np.linalg.inv(self._covariance(errors, corner_px))
        pulled = sure @ self.slope
        hessian = self.slope.T @ pulled + self.rest_slope.T @ self.rest_slope / corner_px**2 + prior
        weighed = (sure @ self.error_px).reshape(-1, 6)
        sure = sure - pulled @ np.linalg.solve(hessian, pulled.T)
        own = [sure[at : at + 6, at : at + 6] for at in range(0, len(sure), 6)]
        square = [one @ np.linalg.solve(block, one) for one, block in zip(weighed, own, strict=True)]
        return float(np.sqrt(np.mean(square) / 6))

    def learnt(self, errors: JointErrors, corner_px: float) -> JointErrors:
        """With what these views pull on them."""
        weighed = np.linalg.solve(self._covariance(errors, corner_px), self.error_px)
        pull = -np.einsum("nij,ni->nj", self.motion, weighed.reshape(-1, 6))
        return replace(errors, read_rad=self.read_rad, pull=pull)

    def _covariance(self, errors: JointErrors, corner_px: float) -> Matrix:
        motion = block_diag(*self.motion)
        return motion @ errors.covariance(self.read_rad) @ motion.T + corner_px**2 * np.eye(len(self.error_px))


def _root(matrix: Matrix) -> Matrix:
    """The lower triangle whose product with its transpose a matrix is.

    Raises:
        LinAlgError: it is of no such product.
    """
    root, failed = dpotrf(matrix, lower=1)
    if failed:
        raise np.linalg.LinAlgError("The matrix is not positive definite.")
    return root
