"""`bench validity --dataset`: proposed grasps on real glass, against the captured truth."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from app.console import Console
from core.errors import VitroError
from core.image import RgbdImage
from grasping.detection.from_files import grasps_in
from grasping.grasp_set import SCORE, TRANSLATION
from grasping.validity import Cause
from grasping.validity_points import judge_on_points
from perception.estimators.estimator import Estimator
from perception.estimators.registry import find_estimators, open_estimator
from perception.learning.datasets.base import Dataset, DatasetFrame
from perception.table.metric_scale import fit_metric
from perception.table.plane import fit_table
from trials.summary import Proportion

#: Grasps of an object that count: its best, found within so much of its middle [m].
BEST, NEAR_M = 20, 0.12
#: A patch of the mask smaller than this is no object [px].
LEAST_PX = 3000
#: The gripper of these captures opens so far [m].
MAX_OPENING_M = 0.1


@dataclass(frozen=True)
class CaptureSummary:
    """valid: of `BEST` grasps for each of so many objects, those not proposed being misses. causes: of the failures."""

    estimator: str
    valid: Proportion
    proposed: int
    objects: int
    causes: dict[str, int]


def judge_captures(dataset: Dataset, names: str, console: Console) -> list[CaptureSummary]:
    """Every capture of a data set that has glass and its truth, seen by each estimator of a comma-separated list."""
    causes: dict[str, Counter[Cause]] = {one.choice: Counter() for one in find_estimators(names)}
    objects = 0
    truth: dict[str, NDArray[np.float32]] = {}
    estimators = {choice: open_estimator(choice, truth=lambda _: truth["m"]) for choice in causes}
    frames = ((clip, place) for clip in dataset.clips for place in range(len(clip)))
    for clip, place in console.progress(frames, "captures", sum(map(len, dataset.clips))):
        frame = clip.frame(place)
        clouds = _objects(frame)
        objects += len(clouds)
        sensor_m = _sensor(frame)
        truth["m"] = sensor_m if frame.transparent is None else np.where(frame.transparent, frame.depth_m, sensor_m)
        for choice, estimator in estimators.items():
            causes[choice].update(_judge(frame, estimator, clouds))
    return [_summarise(choice, counted, objects) for choice, counted in causes.items()]


def capture_rows(summaries: list[CaptureSummary]) -> tuple[tuple[str, ...], list[list[str]]]:
    """Columns and rows for people."""
    shown = (Cause.MISSED, Cause.PHANTOM, Cause.COLLISION, Cause.OUTSIDE)
    rows = []
    for one in summaries:
        low, high = one.valid.interval
        share = "–" if one.valid.rate is None else f"{one.valid.rate:.2f} ({low:.2f}–{high:.2f})"
        counts = (one.valid.hits, one.valid.of, one.proposed, one.objects, *(one.causes.get(c, 0) for c in shown))
        rows.append([one.estimator, share, *map(str, counts)])
    return ("estimator", "valid (95 %)", "valid", "of", "proposed", "objects", *shown), rows


def _summarise(choice: str, counted: Counter[Cause], objects: int) -> CaptureSummary:
    proposed = counted.total() - counted[Cause.MISSED]
    failures = {str(cause): count for cause, count in counted.items() if cause is not Cause.VALID}
    return CaptureSummary(choice, Proportion(counted[Cause.VALID], BEST * objects), proposed, objects, failures)


def _judge(frame: DatasetFrame, estimator: Estimator, clouds: list[NDArray[np.float64]]) -> list[Cause]:
    """What came of the best grasps of each object; `MISSED` for each that was not proposed."""
    image = RgbdImage(frame.color, _sensor(frame), frame.intrinsics)
    try:
        view = fit_table(image)
        metric = fit_metric(estimator.estimate([image], view.plane), view, image)
        rows = grasps_in(RgbdImage(frame.color, metric.depth_m, frame.intrinsics), "antipodal", MAX_OPENING_M).rows
    except VitroError:
        rows = np.zeros((0, 17))
    causes: list[Cause] = []
    for cloud in clouds:
        near = rows[np.linalg.norm(rows[:, TRANSLATION] - cloud.mean(axis=0), axis=1) < NEAR_M]
        best = near[np.argsort(-near[:, SCORE], kind="stable")][:BEST]
        causes += [judge_on_points(row, cloud) for row in best] + [Cause.MISSED] * (BEST - len(best))
    return causes


def _sensor(frame: DatasetFrame) -> NDArray[np.float32]:
    return np.full_like(frame.depth_m, np.nan) if frame.sensor_m is None else frame.sensor_m


def _objects(frame: DatasetFrame) -> list[NDArray[np.float64]]:
    """The true points (N, 3) of each transparent object, in the camera frame."""
    if frame.transparent is None:
        return []
    patches, count = label(frame.transparent)
    points = frame.intrinsics.rays() * frame.depth_m[..., None]
    found = []
    for number in range(1, count + 1):
        here = patches == number
        known = here & np.isfinite(frame.depth_m)
        if here.sum() >= LEAST_PX and known.any():
            found.append(points[known].astype(np.float64))
    return found
