"""How the outline of an arm moves in the picture where one of its joints is turned."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from perception.arms.outline import ArmDrawing, ArmEdges, ArmView, edges_of

#: Edges nearer than this to each other [px] are the same edge.
_SAME_PX = 3


class ArmTurns:
    """An arm at joints (6,) [rad], and with one of them turned; what a turn leaves as it is is drawn once."""

    def __init__(self, view: ArmView, joints_rad: NDArray[np.float64]) -> None:
        self._view, self._joints_rad = view, np.asarray(joints_rad, float)
        still = ArmDrawing.empty(view.intrinsics)
        #: Of the links before each joint, which its turns leave as they are.
        self._still: list[ArmDrawing] = []
        for joint in range(6):
            still = view.draw(self._joints_rad, still, slice(joint, joint + 1))
            self._still.append(still)

    @cached_property
    def edges(self) -> ArmEdges:
        """Where nothing is turned."""
        return edges_of(self._view.draw(self._joints_rad, self._still[-1], slice(6, None)))

    def turned(self, joint: int, turn_rad: float) -> ArmEdges:
        """With this joint (from 0) turned."""
        joints_rad = self._joints_rad + turn_rad * np.eye(6)[joint]
        return edges_of(self._view.draw(joints_rad, self._still[joint], slice(joint + 1, None)))

    def moved(self, joint: int, turn_rad: float) -> int:
        """How many edges of either are not edges of the other."""
        return self.apart(self.turned(joint, turn_rad))

    def apart(self, turned: ArmEdges, same_px: int = _SAME_PX) -> int:
        """As `moved`, of a turn's edges; same_px: how near the same edge is."""
        return self._unmatched(turned, self.edges, same_px) + self._unmatched(self.edges, turned, same_px)

    def _unmatched(self, edges: ArmEdges, others: ArmEdges, same_px: int) -> int:
        """How many edges have none of the others near."""
        import cv2

        near = np.zeros((self._view.intrinsics.height, self._view.intrinsics.width), np.uint8)
        near[others.pixels[:, 1], others.pixels[:, 0]] = 1
        near = np.asarray(cv2.dilate(near, np.ones((2 * same_px + 1, 2 * same_px + 1), np.uint8)))
        return int((near[edges.pixels[:, 1], edges.pixels[:, 0]] == 0).sum())
