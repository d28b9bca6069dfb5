"""One arm in one size of a picture: how well its outline is found there as measured, and with one joint turned."""

import numpy as np
from numpy.typing import NDArray

from perception.arms.edges import PictureEdges
from perception.arms.outline import BASE, ArmEdges, ArmView
from perception.arms.turns import ArmTurns

#: What is found of the right outline in a good picture; half-way from there to what is found by chance, an edge
#: speaks neither for a place of the arm nor against it.
_RIGHT = 0.8

#: A base that is not in its place is looked for so far around it [m], every so many pixels.
_ELSEWHERE_M, _ELSEWHERE_STEP_PX = 0.06, 3


class OutlineComparison:
    """joints_rad: as measured (6,). match: how much of the measured outline beyond the base, `length` edges, is found;
    base_match: of the base's, `base_length` edges; NaN where none is in view."""

    def __init__(self, edges: PictureEdges, view: ArmView, joints_rad: NDArray[np.float64]) -> None:
        self._edges, self._view = edges, view
        self._neutral = (float(edges.strength.mean()) + _RIGHT) / 2
        self._turns = ArmTurns(view, joints_rad)
        self._measured = self._turns.edges
        found = edges.support(self._measured)
        self._value = float((found - self._neutral).sum())
        of_base = self._measured.links == BASE
        self.base_match, self.match = _mean(found[of_base]), _mean(found[~of_base])
        self.base_length, self.length = int(of_base.sum()), int((~of_base).sum())
        self._gains: dict[tuple[int, float], float] = {}

    def gain(self, joint: int, turn_rad: float) -> float:
        """By how many edges' worth the arm with this joint (from 0) turned explains the picture better than as
        measured; below 0: worse."""
        key = joint, round(float(turn_rad), 6)
        if key not in self._gains:
            found = self._edges.support(self._turns.turned(joint, turn_rad))
            self._gains[key] = float((found - self._neutral).sum()) - self._value
        return self._gains[key]

    def turned_match(self, joint: int, turn_rad: float) -> float:
        """As `match`, of the arm with this joint turned."""
        turned = self._turns.turned(joint, turn_rad)
        return _mean(self._edges.support(turned)[turned.links != BASE])

    def base_elsewhere(self) -> tuple[float, float]:
        """The most that is found of the base's outline if that is shifted in the picture, and how far that is [m] where
        the base stands. What leaves the picture counts as not found."""
        base, k = self._measured.of_link(BASE), self._view.intrinsics
        size, best = np.array([k.width, k.height]), (0.0, 0.0)
        px_m = float(self._view.T_camera_base[2, 3]) / k.fx
        steps_px = np.arange(-round(_ELSEWHERE_M / px_m), _ELSEWHERE_M / px_m, _ELSEWHERE_STEP_PX).astype(int)
        for shift in np.stack(np.meshgrid(steps_px, steps_px), axis=-1).reshape(-1, 2):
            pixels = base.pixels + shift
            inside = ((pixels >= 0) & (pixels < size)).all(axis=1)
            found = self._edges.support(ArmEdges(pixels[inside], base.normals[inside], base.links[inside]))
            best = max(best, (float(found.sum()) / len(base.pixels), float(np.linalg.norm(shift)) * px_m))
        return best

    def moved(self, joint: int, turn_rad: float) -> int:
        """How many edges of either are not edges of the other."""
        return self._turns.moved(joint, turn_rad)


def _mean(found: NDArray[np.float32]) -> float:
    return float(found.mean()) if len(found) else float("nan")
