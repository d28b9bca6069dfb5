"""Grasps for the eye: grippers drawn onto the colour image they were found in."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.image import Intrinsics
from core.transforms import apply
from grasping.grasp_set import SCORE, WIDTH, T_camera_tcp

#: What is drawn: fingers this long, and a wrist behind them.
FINGER_M, WRIST_M = 0.045, 0.040
_NEAREST_M = 0.05


def draw_grasps(
    color: NDArray[np.uint8], rows: NDArray[np.float64], intrinsics: Intrinsics, numbers: Sequence[int] | None = None
) -> NDArray[np.uint8]:
    """A copy of the image (H, W, 3 RGB) with rows (N, 17) drawn as grippers, the first on top.

    Each is the two fingers at the grasp's width, the palm and the wrist, projected; green is the
    best score of them, red the worst; the number is the rank, from 1, unless `numbers` are given.
    """
    import cv2

    image = color.copy()
    scale = image.shape[1] / 848
    thick = max(1, round(2 * scale))
    for rank in reversed(range(len(rows))):
        lines = _gripper_lines(rows[rank], intrinsics)
        if lines is None:
            continue
        # From red over yellow to green, RGB.
        low, high = rows[:, SCORE].min(), rows[:, SCORE].max()
        share = (rows[rank, SCORE] - low) / (high - low) if high > low else 1.0
        ink = (int(255 * min(1.0, 2 - 2 * share)), int(255 * min(1.0, 2 * share)), 40)
        for rim, tone in ((2 * thick + 1, (0, 0, 0)), (thick, ink)):
            for line in lines:
                cv2.polylines(image, [line], False, tone, rim, cv2.LINE_AA, shift=4)
        x, y = (lines[1][-1] / 16).astype(int).tolist()
        number, corner = str(numbers[rank] if numbers else rank + 1), (x + 3, y - 3)
        for rim, tone in ((3 * thick, (0, 0, 0)), (thick, (255, 255, 255))):
            cv2.putText(image, number, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.55 * scale, tone, rim, cv2.LINE_AA)
    return image


def gripper_outline(row: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A grasp as two lines of points in the camera frame [m]: the fingers with the palm (4, 3), the wrist (2, 3)."""
    y, z = row[WIDTH] / 2, -FINGER_M
    fingers = np.array([[0, y, 0], [0, y, z], [0, -y, z], [0, -y, 0]])
    wrist = np.array([[0, 0, z], [0, 0, z - WRIST_M]])
    T = T_camera_tcp(row)
    return apply(T, fingers), apply(T, wrist)


def _gripper_lines(row: NDArray, intrinsics: Intrinsics) -> list[NDArray[np.int32]] | None:
    """The fingers with the palm, and the wrist, as polylines in 1/16 px; None behind the camera."""
    lines = gripper_outline(row)
    if min(line[:, 2].min() for line in lines) < _NEAREST_M:
        return None
    return [np.rint(16 * intrinsics.project(line)).astype(np.int32) for line in lines]
