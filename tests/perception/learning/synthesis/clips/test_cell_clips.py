"""Clips of the cell's own scenes: its things, tags and camera, which stands still and sees noise alone."""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.cell import load_cell
from core.errors import ConfigurationError
from hardware.simulation.catalogue.tableware import FAMILIES
from perception.estimators.registry import open_estimator
from perception.learning.datasets.base import open_dataset
from perception.learning.evaluation.evaluate import evaluate
from perception.learning.evaluation.predictions import predict
from perception.learning.evaluation.report import tables_of
from perception.learning.evaluation.samples import OWN_TAGS, ClipSamples, find_table
from perception.learning.synthesis.clips.clip_set import ClipSet
from perception.learning.synthesis.clips.render import render_clip
from perception.learning.synthesis.clips.settings import SynthSettings, of_cell
from tests.support.scenes.rendering import SIM_CELL, rendered_clips

CELL = load_cell(SIM_CELL)
SETTINGS = SynthSettings(seed=3, width=318, height=180, frames=3, spp=2, sensor=True, **of_cell(CELL))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cell")
    rendered_clips(root, SETTINGS, 1, CELL)
    return root


def files_of(rendered: Path, kind: str) -> list[bytes]:
    return [(rendered / "clips/000000" / f"{frame:06d}{kind}").read_bytes() for frame in range(3)]


def clip_ids(rendered: Path) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(files_of(rendered, ".ids.png")[0], np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.mark.slow
def test_frames_of_a_camera_that_stands_still_differ_by_noise_alone(rendered: Path) -> None:
    for kind in (".truth.png", ".normals.png", ".ids.png"):
        assert len(set(files_of(rendered, kind))) == 1
    color = np.array([cv2.imdecode(np.frombuffer(png, np.uint8), 1) for png in files_of(rendered, ".png")], float)
    # Between black and white noise is not cut off: 1.2 levels in each frame, and rounding.
    grey = ((color > 20) & (color < 235)).all(axis=0)
    assert np.diff(color, axis=0)[:, grey].std() == pytest.approx(np.sqrt(2 * (1.2**2 + 1 / 12)), rel=0.03)
    depth_m = np.array([np.load(BytesIO(npy)) for npy in files_of(rendered, ".depth.npy")])
    assert 1e-5 < np.nanmedian(depth_m.std(axis=0)) < 0.02


@pytest.mark.slow
def test_a_sensors_depth_changes_no_colour(rendered: Path) -> None:
    parts = list(render_clip(replace(SETTINGS, sensor=False, frames=1), 0, cell=CELL))
    assert parts[1]["000000.png"] == files_of(rendered, ".png")[0]


def test_objects_tags_and_lens_are_the_cells(rendered: Path) -> None:
    clip = open_dataset("transphy3d", rendered).clips[0]
    assert clip.is_video
    frame = clip.frame(0)
    assert frame.tags == CELL.tags
    assert set(frame.families.values()) <= set(FAMILIES)
    assert frame.intrinsics.fx == pytest.approx(CELL.camera.focal_px * 318 / 848, abs=1e-3)


def test_the_tags_that_are_seen_tell_where_the_table_is(rendered: Path) -> None:
    """With tags of another place in the cell's file: those that the clip tells of are used."""
    moved = [tag.model_copy(update={"position_m": (tag.position_m[0], -tag.position_m[1])}) for tag in CELL.tags]
    other = CELL.model_copy(update={"tags": tuple(moved)})
    sample = ClipSamples(open_dataset("transphy3d", rendered).clips[0], range(3), "transphy3d", other)[0]
    assert sample.table.source == OWN_TAGS, sample.table.why
    assert sample.table.plane.normal @ sample.frame.table.normal > np.cos(np.radians(0.5))
    assert sample.table.plane.offset_m == pytest.approx(sample.frame.table.offset_m, abs=0.004)


def test_tags_that_contradict_what_is_seen_are_not_believed(rendered: Path) -> None:
    clip = open_dataset("transphy3d", rendered).clips[0]
    sample = ClipSamples(clip, range(3), "transphy3d", CELL)[0]
    wrong = tuple(tag.model_copy(update={"size_m": 1.3 * tag.size_m}) for tag in CELL.tags)
    for tags in (wrong, CELL.tags[:1], ()):
        assert find_table(replace(sample.frame, tags=tags), sample.outside, CELL).source == "tags", "the cell's"


def test_a_still_clip_has_its_jitter_measured(rendered: Path, tmp_path: Path) -> None:
    samples = ClipSamples(open_dataset("transphy3d", rendered).clips[0], range(3), "transphy3d", CELL)
    result, _ = evaluate(samples, open_estimator("raw"), tmp_path, False, lambda _: None)
    told = result.metrics["jitter"]["objects"]
    depth_m = np.array([np.load(BytesIO(npy)) for npy in files_of(rendered, ".depth.npy")])
    on_objects = clip_ids(rendered) > 0
    answers = np.isfinite(depth_m).sum(axis=0)
    own_mm = 1000 * np.nanstd(depth_m[:, on_objects & (answers >= 2)], axis=0, ddof=1)
    assert told.compute()["jitter_mm"] == pytest.approx(np.median(own_mm), rel=0.03)
    assert told.pixels == len(own_mm) and result.tables == {OWN_TAGS: 3}
    (table,) = [t for t in tables_of({"raw": [result]}, "transphy3d", "TransPhy3D", 0) if "objects" in t.title]
    assert table.header() == ("method", "jitter mm", "rank", "note")


@pytest.mark.slow
def test_in_a_film_vitro_s_sees_the_frames_before(rendered: Path) -> None:
    samples = ClipSamples(open_dataset("transphy3d", rendered).clips[0], range(3), "transphy3d", CELL)
    *_, last = predict(open_estimator("vitro-s"), samples, range(3))
    shown = [samples[place] for place in range(3)]
    together, alone = (
        open_estimator("vitro-s").estimate([one.image for one in some], shown[-1].table.plane).values
        for some in (shown, shown[-1:])
    )
    assert np.array_equal(last.values, together) and not np.array_equal(together, alone)


def test_another_cell_is_another_set(rendered: Path) -> None:
    other = CELL.model_copy(update={"tags": CELL.tags[1:]})
    changed = replace(SETTINGS, **of_cell(other))
    with pytest.raises(ConfigurationError, match=r"cell_digest: \w+ there"), ClipSet(rendered, changed, 1).hold():
        pass
    facts = json.loads((rendered / "dataset.json").read_text())
    assert facts["cell"] == "sim" and ".yaml" not in json.dumps(facts)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"views": "orbit"}, "views 'orbit'"),
        ({"zoom": 2.0}, "zoom 2"),
        ({"meshes": "abc"}, "user meshes"),
        ({"cell": ""}, "no cell"),
        ({"scenes": "drawn"}, "cell 'sim'"),
        ({"scenes": "lunar"}, "'lunar'"),
    ],
)
def test_what_does_not_go_with_scenes_is_refused(wrong: dict, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        replace(SETTINGS, **wrong)
