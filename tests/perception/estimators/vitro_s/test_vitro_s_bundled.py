"""The weights that come with Vitro: that they see glass, in the cell's scenes, none of whose kinds they learned on."""

import numpy as np
import pytest

from core.cell import load_cell
from perception.estimators.vitro_s.model import TOLERANCE_M, Seen, load_vitro_s
from perception.learning.datasets.base import DatasetFrame
from perception.learning.evaluation.regions import hard_of
from perception.learning.synthesis.clips.settings import SynthSettings, of_cell
from tests.support.scenes.rendering import SIM_CELL, rendered_clips

CELL = load_cell(SIM_CELL)
SETTINGS = SynthSettings(
    seed=8, width=424, height=240, frames=1, spp=4, surface="diffuse", sensor=True, **of_cell(CELL)
)
CLIPS = 4


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[DatasetFrame]:
    return [clip.frame(0) for clip in rendered_clips(tmp_path_factory.mktemp("cell"), SETTINGS, CLIPS, CELL)]


@pytest.fixture(scope="module")
def seen(frames: list[DatasetFrame]) -> list[Seen]:
    model = load_vitro_s()
    return [model.see(frame.color, frame.intrinsics, frame.table, frame.sensor_m) for frame in frames]


@pytest.mark.slow
def test_glass_is_seen_far_better_than_the_bare_table_would_be(frames: list[DatasetFrame], seen: list[Seen]) -> None:
    own, bare = (
        np.concatenate(
            [np.abs(depth - frame.depth_m)[hard_of(frame)] for frame, depth in zip(frames, depths, strict=True)]
        )
        for depths in (
            [one.depth_m for one in seen],
            [frame.table.depth(frame.intrinsics.rays()) for frame in frames],
        )
    )
    assert np.nanmedian(own) < 0.5 * np.nanmedian(bare)


@pytest.mark.slow
def test_where_it_is_sure_it_is_right_more_often(frames: list[DatasetFrame], seen: list[Seen]) -> None:
    said = np.concatenate([one.confidence[frame.instance_ids > 0] for frame, one in zip(frames, seen, strict=True)])
    hit = np.concatenate(
        [
            np.abs(one.depth_m - frame.depth_m)[frame.instance_ids > 0] < TOLERANCE_M
            for frame, one in zip(frames, seen, strict=True)
        ]
    )
    sure, unsure = said > np.quantile(said, 0.75), said < np.quantile(said, 0.25)
    assert hit[sure].mean() > 0.75 > 0.5 > hit[unsure].mean()


@pytest.mark.slow
def test_the_bare_table_stays_where_it_is(frames: list[DatasetFrame], seen: list[Seen]) -> None:
    off = []
    for frame, one in zip(frames, seen, strict=True):
        on_table = np.abs(frame.table.depth(frame.intrinsics.rays()) - frame.depth_m) < 0.001
        off.append(np.abs(one.depth_m - frame.depth_m)[on_table & (frame.instance_ids == 0)])
    assert np.median(np.concatenate(off)) < 0.003
