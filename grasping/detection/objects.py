"""From clusters of points to whole objects: what one symmetry explains is one, a heap is several."""

import numpy as np
from numpy.typing import NDArray

from grasping.detection.completion import Completed, complete
from grasping.detection.segmentation import VALLEYS, Surface, parts
from grasping.detection.view import View

#: Explained so well, a cluster is one object and not looked into any further.
SURE = 0.95
#: Split only where the parts are explained this much better than the whole.
GAIN = 0.05


def explain(surface: Surface, labels: NDArray[np.int32], view: View) -> tuple[list[Surface], NDArray[np.int32]]:
    """The completed objects in the clusters that `labels` (N,) numbers, and the object of every point (N,)."""
    objects: list[Surface] = []
    ids = np.empty(len(surface), np.int32)
    for k in range(labels.max() + 1):
        for members, whole in _explained(surface, np.flatnonzero(labels == k), view, VALLEYS):
            ids[members] = len(objects)
            objects.append(whole.surface)
    return objects, ids


def _explained(
    surface: Surface, members: NDArray, view: View, valleys: tuple[float, ...]
) -> list[tuple[NDArray, Completed]]:
    """The members (indices) as one object, or split along their valleys, the deepest first, where that
    explains them better."""
    cluster = surface[members]
    whole = complete(cluster, view)
    if whole.sureness >= SURE:
        return [(members, whole)]
    while valleys:
        part, valleys = parts(cluster, valleys[0], view.eye), valleys[1:]
        if part.max() > 0:
            split = [
                found for j in range(part.max() + 1) for found in _explained(surface, members[part == j], view, valleys)
            ]
            sureness = sum(len(piece) * thing.sureness for piece, thing in split) / len(members)
            return split if sureness > whole.sureness + GAIN else [(members, whole)]
    return [(members, whole)]
