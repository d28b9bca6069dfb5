"""A data set is gone on with where it was left, by the same settings alone; what is wrong with it is named."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ConfigurationError, DatasetError
from perception.learning.synthesis.clips import settings
from perception.learning.synthesis.clips.clip_files import ClipWriter, as_json, problems_of
from perception.learning.synthesis.clips.clip_set import ClipSet, read_settings, verify
from perception.learning.synthesis.clips.settings import SynthSettings
from tests.support.noise_clips import SETTINGS, write_clip, write_set

# Sets that are gone on with.


def test_a_set_goes_on_where_it_was_left(tmp_path: Path) -> None:
    write_set(tmp_path / "set", 2)
    later = ClipSet(tmp_path / "set", SETTINGS, 4)
    with later.hold():
        assert later.missing() == [2, 3]
    assert read_settings(tmp_path / "set")["clips"] == 4
    fewer = ClipSet(tmp_path / "set", SETTINGS, 1)
    with fewer.hold():
        assert fewer.missing() == [2, 3], "clips that were asked for once stay asked for"


def test_a_set_of_other_settings_is_refused_and_the_differences_named(tmp_path: Path) -> None:
    write_set(tmp_path, 1)
    other = ClipSet(tmp_path, SynthSettings(width=32, height=16, frames=2, seed=5), 1)
    with pytest.raises(ConfigurationError) as refused, other.hold():
        pass
    assert "seed: 0 there, 5 asked for" in refused.value.cause and "width: 16 there, 32" in refused.value.cause
    assert "height" not in refused.value.cause


def test_a_folder_of_something_else_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigurationError, match="no data set"), ClipSet(tmp_path, SETTINGS, 1).hold():
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_two_runs_do_not_write_one_set(tmp_path: Path) -> None:
    with (
        ClipSet(tmp_path, SETTINGS, 1).hold(),
        pytest.raises(ConfigurationError, match="Another run"),
        ClipSet(tmp_path, SETTINGS, 1).hold(),
    ):
        pass


# What is noticed of a damaged set.


def test_verifying_names_missing_changed_and_extra_clips(tmp_path: Path) -> None:
    made = write_set(tmp_path, 3)
    assert list(verify(tmp_path)) == [[], [], []]
    truth = made.clips / "000002" / "000001.truth.png"
    truth.write_bytes(truth.read_bytes()[:-1] + b"\0")
    (made.clips / "000000").rename(made.clips / "000009")
    assert [line for lines in verify(tmp_path) for line in lines] == [
        f"{made.clips}/000000 is missing",
        f"{truth} is changed",
        f"{made.clips}/000009 is one more than the 3 clips of dataset.json",
    ]


def test_a_damaged_clip_stops_the_run_and_is_rendered_again_when_asked(tmp_path: Path) -> None:
    made = write_set(tmp_path, 3)
    (made.clips / "000001" / "000000.png").unlink()
    with made.hold():
        with pytest.raises(DatasetError, match=r"000001/000000\.png is missing.*--repair"):
            made.missing()
        assert len(made.discard_damaged()) == 1
        assert made.missing() == [1]


def test_a_clip_under_another_name_or_of_another_set_is_noticed(tmp_path: Path) -> None:
    made = write_set(tmp_path, 3)
    shutil.rmtree(made.clips / "000001")
    write_clip(made.clips, 1, of=replace(SETTINGS, seed=5))
    shutil.rmtree(made.clips / "000002")
    shutil.copytree(made.clips / "000000", made.clips / "000002")
    assert list(verify(tmp_path)) == [
        [],
        [f"{made.clips}/000001 is a clip of another data set"],
        [f"{made.clips}/000002 is clip 0 under another's name"],
    ]


def test_repairing_keeps_what_is_no_file_of_the_clip(tmp_path: Path) -> None:
    made = write_set(tmp_path, 1)
    for name in ("000000", "000000-2"):
        (made.clips / "000000" / "000000.mask.png").write_text(f"mine, {name}")
        with made.hold():
            assert len(made.discard_damaged()) == 1
            assert made.missing() == [0]
        assert (tmp_path / "set-aside" / name / "000000.mask.png").read_text() == f"mine, {name}"
        write_clip(made.clips, 0)


def test_repairing_leaves_clips_beyond_the_set_alone(tmp_path: Path) -> None:
    made = write_set(tmp_path, 1)
    (made.clips / "000000").rename(made.clips / "000009")
    with made.hold():
        assert made.discard_damaged() == [] and made.missing() == [0]
    assert (made.clips / "000009").is_dir()


def test_clips_of_earlier_versions_stay_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_set(tmp_path / "now", 1)
    monkeypatch.setattr(settings, "VERSION", 99)
    assert list(verify(tmp_path / "now")) == [[]]
    with ClipWriter(tmp_path / "now" / "clips", 1) as writer:
        writer.add({"clip.json": as_json({"number": 1})})
        writer.finish()
    assert problems_of(tmp_path / "now" / "clips" / "000001", thorough=True, digest="any") == [], "of version 2"


# Settings.


def test_equal_settings_have_one_digest() -> None:
    assert SynthSettings(zoom=2).digest == SynthSettings(zoom=2.0).digest != SynthSettings(zoom=3.0).digest


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"format": "other", "clips": 3}'])
def test_a_damaged_settings_file_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(DatasetError, match=r"dataset\.json"):
        read_settings(tmp_path)


def test_settings_survive_the_way_through_json() -> None:
    assert json.loads(json.dumps(SETTINGS.as_facts())) == SETTINGS.as_facts()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"width": 0}, "size 0x240"),
        ({"height": 5000}, "size 416x5000"),
        ({"frames": 0}, "frames 0"),
        ({"spp": 0}, "spp 0"),
        ({"surface": "velvet"}, "'velvet'.*reflective"),
        ({"views": "x"}, "'x'.*orbit"),
    ],
)
def test_settings_that_nothing_can_be_rendered_with_are_refused(wrong: dict, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        SynthSettings(**wrong)
