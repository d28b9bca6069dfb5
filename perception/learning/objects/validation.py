"""How good the objects' network is on scenes that it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from perception.learning.objects.views import ARM, ARM_IMAGE, NOT_LEARNT, View, unpack
from perception.learning.training.validation import Progress
from perception.objects.model import ObjectFinder, ObjectPrediction
from perception.objects.object_map import CellMasks
from perception.pictures import Image, turbo

#: An outline's pixel is right within this distance of the true outline [px].
OUTLINE_PX = 2
_PICTURES = 8


@dataclass(frozen=True)
class ObjectScores:
    """Means over views of the masks' intersection over union and of their outlines' F-score; medians over the true
    objects' pixels of |error| of front and back [mm], and the share of fronts within 5 %."""

    views: int
    iou: float
    outline_f: float
    front_mm: float
    front_within_5: float
    back_mm: float

    def describe(self, step: int) -> str:
        if not self.views:
            return f"step {step}: no scene is held out of so few (one of 20 is)"
        return (
            f"step {step}, {self.views} held-out views: masks {self.iou:.2f} IoU, outlines {self.outline_f:.2f} F at "
            f"{OUTLINE_PX} px, front {self.front_mm:.1f} mm ({100 * self.front_within_5:.0f} % within 5 %), "
            f"back {self.back_mm:.1f} mm"
        )


def validate(finder: ObjectFinder, views: Sequence[View], progress: Progress) -> ObjectScores:
    """Shows the finder every view as vitro-s saw it."""
    ious, outlines, fronts, backs, within = [], [], [], [], []
    for number, view in enumerate(views):
        look, learnt = predict_view(finder, view), view.others & NOT_LEARNT == 0
        found, true = look.objects.mask & learnt, (view.ids > 0) & learnt
        ious.append(iou(found, true))
        outlines.append(outline_f(found, true))
        both = found & true & (view.depth > 0)
        depth_m, back_m = view.depth_m[both], unpack(view.back)[both]
        fronts.append(np.abs(look.front_m[both] - depth_m))
        within.append(fronts[-1] < 0.05 * depth_m)
        backs.append(np.abs(look.front_m[both] + look.objects.thickness_m[both] - back_m))
        progress(number + 1, len(views))
    if not views:
        return ObjectScores(0, *5 * (float("nan"),))
    front_m, back_m, near = (np.concatenate(parts) for parts in (fronts, backs, within))
    front_mm, back_mm = (1000 * float(np.median(m)) if len(m) else float("nan") for m in (front_m, back_m))
    share = float(near.mean()) if len(near) else float("nan")
    return ObjectScores(len(views), float(np.mean(ious)), float(np.mean(outlines)), front_mm, share, back_mm)


def predict_view(finder: ObjectFinder, view: View) -> ObjectPrediction:
    everywhere = np.ones(view.ids.shape, bool)
    masks = CellMasks(everywhere, view.others & ARM > 0, view.others & ARM_IMAGE > 0)
    estimate_m, sensor_m = (None if map_ is None else unpack(map_) for map_ in (view.estimate, view.sensor))
    return finder.predict(view.color, view.intrinsics, view.table, estimate_m, sensor_m, masks)


def iou(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks (H, W); 1 where both are empty."""
    either = int((found | true).sum())
    return float((found & true).sum() / either) if either else 1.0


def outline_f(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """F-score of two masks' (H, W) outlines, a pixel counting as right within OUTLINE_PX of the other outline (as
    Perazzi et al., DAVIS, 2016); 1 where both are empty."""
    edges = [mask & ~cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) for mask in (found, true)]
    if not edges[0].any() or not edges[1].any():
        return float(edges[0].any() == edges[1].any())
    away = [cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, 5) for edge in edges]
    precision, recall = (float((away[1 - k][edges[k]] <= OUTLINE_PX).mean()) for k in (0, 1))
    return 2 * precision * recall / max(precision + recall, 1e-9)


def validation_picture(finder: ObjectFinder, views: Sequence[View]) -> Image:
    """Colour with true outlines (green) and found ones, the true front, the front, and the thickness, a view a row."""
    rows = []
    for view in views[:: max(1, len(views) // _PICTURES)][:_PICTURES]:
        look = predict_view(finder, view)
        image = view.color.copy()
        for mask, rgb in ((view.ids > 0, (0, 255, 0)), (look.objects.mask, (255, 60, 200))):
            outlines = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
            cv2.drawContours(image, outlines, -1, rgb, 1)
        table_m = view.table.depth(view.intrinsics.rays())
        heights = [_grey(table_m - depth_m, 0.15) for depth_m in (view.depth_m, look.front_m)]
        rows.append(np.hstack([image, *map(turbo, heights), turbo(_grey(look.objects.thickness_m, 0.12))]))
    return np.asarray(np.vstack(rows), np.uint8)


def _grey(values_m: NDArray[np.float32], most_m: float) -> NDArray[np.uint8]:
    return (np.nan_to_num(values_m / most_m).clip(0, 1) * 255).astype(np.uint8)
