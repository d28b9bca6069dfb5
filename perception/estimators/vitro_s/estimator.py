"""The bundled small model vitro-s: metric depth over the table that it is told, steadied by still frames before."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from perception.estimators.options import EstimatorOptions
from perception.estimators.specification import Answer, EstimatorSpecification, Observation
from perception.estimators.vitro_s.steady import LONGEST, join_still

if TYPE_CHECKING:
    from perception.estimators.vitro_s.model import VitroS
    from perception.objects.model import ObjectFinder

NAME = "vitro-s"


class VitroSEstimator:
    """Sees the newest frame, joined with those before it in which nothing moved, and looks twice: at all of it, then
    for the objects in it."""

    def __init__(self, model: "VitroS", finder: "ObjectFinder", options: EstimatorOptions) -> None:
        self._model, self._finder, self._options = model, finder, options

    def smaller(self, height: int, width: int) -> "tuple[VitroSEstimator, str] | None":
        """The same on the CPU, whose memory it hardly touches."""
        from perception.estimators.running import pick_device

        on_cpu = replace(self._options, device="cpu")
        return None if pick_device(self._options.device).type == "cpu" else (_load(on_cpu), "the CPU")

    def estimate(self, seen: Sequence[Observation]) -> Answer:
        from perception.estimators.running import fitting
        from perception.objects.crisp import crisp_depth
        from perception.objects.floating import without_floating_parts
        from perception.objects.joining import join_parts, with_handles
        from perception.objects.level import at_level
        from perception.objects.outliers import without_strays
        from perception.objects.reflections import own_images, without_reflections

        has_depth = [one.depth_m is not None and np.isfinite(one.depth_m).any() for one in seen]
        still = join_still(
            [one if has else replace(one, depth_m=None) for one, has in zip(seen, has_depth, strict=True)]
        )
        assert still.intrinsics is not None and still.table is not None
        with fitting(NAME):
            first = self._model.see(still.color, still.intrinsics, still.table, still.depth_m)
            look = self._finder.predict(
                still.color, still.intrinsics, still.table, first.depth_m, still.depth_m, seen[-1].masks
            )
        rays = still.intrinsics.rays()
        look = without_floating_parts(look, still.table, rays)
        look = with_handles(look, still.color, still.intrinsics, still.table, seen[-1].masks)
        look = join_parts(look, still.intrinsics, still.table)
        look = at_level(look, still.depth_m, still.intrinsics, still.table, seen[-1].masks)
        look = replace(look, front_m=without_strays(look.front_m, look.objects.ids, still.table, rays))
        first_m = first.depth_m
        if still.depth_m is not None:
            images = own_images(look.objects, look.front_m, still.table, still.intrinsics)
            first_m = without_reflections(
                first_m, first.confidence, still.depth_m, look.objects, still.table, rays, images
            )
        depth_m = crisp_depth(first_m, look, still.table, rays, is_learnt=True)
        confidence = np.where(look.objects.mask, look.confidence, first.confidence)
        return Answer(depth_m, confidence.astype(np.float32), look.objects)


def _load(options: EstimatorOptions) -> VitroSEstimator:
    """The bundled weights, or those of a training run: `options.weights` is its file or the folder of one."""
    from perception.estimators.running import fitting, pick_device
    from perception.estimators.vitro_s.model import WEIGHTS, load_vitro_s
    from perception.objects.model import load_finder

    weights = options.weights
    if weights is not None and weights.is_dir():
        weights /= WEIGHTS.name
    device = pick_device(options.device)
    with fitting(NAME):
        return VitroSEstimator(load_vitro_s(weights, str(device)), load_finder(device=str(device)), options)


ESTIMATOR = EstimatorSpecification(
    NAME,
    "the bundled small model: metric depth over the table, on any CPU",
    "metric",
    load=_load,
    needs_table=True,
    options=("weights",),
    bundled=Path(__file__).parent,
    frames=LONGEST,
)
