"""Labelled views of scenes that no training drew, for the tests of what tells objects apart."""

from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.learning.objects.view_file import write_views
from perception.learning.objects.views import View, pack, render_views

#: Trainings draw the scenes [seed, 0], [seed, 1], ... of seeds far below.
SEED = 5901


@lru_cache(maxsize=4)
def rendered_views(seed: int = SEED, count: int = 2) -> tuple[View, ...]:
    """The first views of a scene; made once and to be read, not changed."""
    return tuple(islice(render_views([seed, 0]), count))


def drawn_view(width: int = 96, height: int = 64) -> View:
    """Two boxes, 4 cm high and 4 cm apart, under a camera that looks straight down from 0.6 m: no renderer needed.

    The left one (id 1) is of glass, the right one (id 3) is ordinary; an arm crosses the lowest rows.
    """
    intrinsics = Intrinsics(width, height, 300.0, 300.0, (width - 1) / 2, (height - 1) / 2)
    table = Plane(np.array([0.0, 0.0, -1.0]), -0.6)
    ids, others = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    ids[20:44, 20:40], ids[20:44, 60:84] = 1, 3
    others[-6:] = 1
    depth_m = np.where(ids > 0, 0.56, 0.6).astype(np.float32)
    color = np.where(ids[..., None] > 0, (200, 120, 60), (90, 100, 110)).astype(np.uint8)
    back = pack(np.full_like(depth_m, 0.6))
    return View(color, pack(depth_m), back, ids, others, intrinsics, table, {1: "transparent", 3: "ordinary"})


def write_drawn_views(folder: Path, seed: int = 0, scenes: int = 20) -> Path:
    """Stored scenes as `train objects --views` reads them, one of twenty held out: no renderer needed."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(scenes):
        color = np.random.default_rng(number).normal(drawn_view().color, 8).clip(0, 255).astype(np.uint8)
        view = replace(drawn_view(), color=color, estimate=drawn_view().depth)
        write_views(folder / f"{seed}-{number:05d}.npz", [view])
    return folder
