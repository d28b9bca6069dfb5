"""From clusters of points to whole objects: what one symmetry explains is one, a heap is several."""

import numpy as np
from numpy.typing import NDArray

from grasping.detection.completion import Completed, complete
from grasping.detection.segmentation import VALLEYS, Surface, parts, ridges
from grasping.detection.view import View

#: Explained so well, a cluster is one object and not looked into any further.
SURE = 0.95
#: Split only where the parts are explained this much better than the whole.
GAIN = 0.05


def explain(
    surface: Surface, labels: NDArray[np.int32], cut_off: NDArray[np.bool_], view: View
) -> tuple[list[Surface], NDArray[np.int32]]:
    """The completed objects in the clusters that `labels` (N,) numbers, and the object of every point (N,).

    Clusters that the image's edge cuts off (N,) are walls and arms, not heaps: these are parted at their
    deepest valleys only, from what stands before them.
    """
    ridge = ridges(surface, view.eye)
    objects: list[Surface] = []
    ids = np.empty(len(surface), np.int32)
    for k in range(labels.max() + 1):
        cluster = np.flatnonzero(labels == k)
        valleys = VALLEYS[:1] if cut_off[cluster[0]] else VALLEYS
        for members, whole in _explained(surface, ridge, cluster, view, valleys):
            ids[members] = len(objects)
            objects.append(whole.surface)
    return objects, ids


def _explained(
    surface: Surface, ridge: NDArray, members: NDArray, view: View, valleys: tuple[float, ...]
) -> list[tuple[NDArray, Completed]]:
    """The members (indices) as one object, or split along their valleys, the deepest first, where that
    explains them better."""
    whole = complete(surface[members], view)
    if whole.sureness >= SURE:
        return [(members, whole)]
    while valleys:
        part, valleys = parts(surface.points_m[members], ridge[members], valleys[0]), valleys[1:]
        if part.max() > 0:
            pieces = [members[part == j] for j in range(part.max() + 1)]
            split = [found for piece in pieces for found in _explained(surface, ridge, piece, view, valleys)]
            sureness = sum(len(piece) * thing.sureness for piece, thing in split) / len(members)
            return split if sureness > whole.sureness + GAIN else [(members, whole)]
    return [(members, whole)]
