"""A clip on disk is whole or absent, and every changed byte of it is noticed."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from errors import ConfigurationError, DatasetError
from perception.datasets.transphy3d import RenderedClip
from perception.synthesis import settings
from perception.synthesis.clip_files import (
    ClipWriter,
    as_json,
    clip_name,
    clips_in,
    problems_of,
    read_facts,
    remove_partial,
)
from perception.synthesis.clip_set import ClipSet, read_settings, verify
from perception.synthesis.frame_files import encoded_frame
from perception.synthesis.settings import SynthSettings

ROOT = Path(__file__).parent.parent
SHAPE = (12, 16)
SETTINGS = SynthSettings(width=16, height=16, frames=2)


def drawn_frame(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(*SHAPE, 3))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    normals[0, 0] = np.nan
    depth_m = rng.uniform(0.3, 3.0, SHAPE)
    depth_m[0, :3] = np.nan, 7.0, 0.0
    return {
        "color": rng.integers(0, 256, (*SHAPE, 3), np.uint8),
        "depth_m": depth_m.astype(np.float32),
        "normals": normals.astype(np.float32),
        "instance_ids": rng.integers(0, 9, SHAPE, np.uint8),
    }


def write_clip(clips: Path, number: int, frames: int = 2, of: SynthSettings = SETTINGS) -> Path:
    with ClipWriter(clips, number) as writer:
        facts = {"number": number, "settings": of.digest}
        writer.add({"clip.json": as_json(facts), "intrinsics.json": b"{}\n"})
        for frame in range(frames):
            writer.add(encoded_frame(frame, **drawn_frame(frame)))
        writer.finish()
    return clips / clip_name(number)


def write_set(root: Path, count: int) -> ClipSet:
    made = ClipSet(root, SETTINGS, count)
    with made.held():
        for number in made.missing():
            write_clip(made.clips, number)
    return made


# What a frame's files say.


def test_what_is_read_is_what_was_rendered(tmp_path: Path) -> None:
    frame = drawn_frame(3)
    frame["normals"][..., 2] = -np.abs(frame["normals"][..., 2])
    sensor_m = np.where(frame["instance_ids"] > 4, np.nan, frame["depth_m"]).astype(np.float32)
    intrinsics = {"fx": 20.0, "fy": 20.0, "cx": 7.5, "cy": 5.5, "width": SHAPE[1], "height": SHAPE[0]}
    facts = {"objects": [], "table": {"normal": [0, 0, 1], "offset_m": 0}, "T_world_camera": [np.eye(4).tolist()]}
    with ClipWriter(tmp_path, 0) as writer:
        writer.add({"clip.json": as_json(facts), "intrinsics.json": as_json(intrinsics)})
        writer.add(encoded_frame(0, **frame, sensor_m=sensor_m))
        writer.finish()
    read = RenderedClip(tmp_path / "000000").frame(0)
    assert (read.color == frame["color"]).all()
    assert (read.instance_ids == frame["instance_ids"]).all()
    assert np.isnan(read.depth_m[0, :3]).all(), "unknown, beyond 6.55 m, and zero"
    assert np.abs(read.depth_m - frame["depth_m"])[1:].max() <= 0.5e-4 + 1e-6
    assert np.isnan(read.normals[0, 0]).all()
    assert np.abs(read.normals - frame["normals"])[1:].max() < 1e-4
    assert np.array_equal(read.sensor_m, np.where(sensor_m > 0, sensor_m, np.nan), equal_nan=True)


# Clips that are whole or absent.


def test_the_same_clip_is_the_same_bytes(tmp_path: Path) -> None:
    one, other = write_clip(tmp_path / "a", 4), write_clip(tmp_path / "b", 4)
    assert {p.name: p.read_bytes() for p in one.iterdir()} == {p.name: p.read_bytes() for p in other.iterdir()}


def test_a_clip_that_was_not_finished_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), ClipWriter(tmp_path, 0) as writer:
        writer.add(encoded_frame(0, **drawn_frame(0)))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


KILL = """
import os, signal, sys
from pathlib import Path
from tests.test_synthesis_files import drawn_frame
from perception.synthesis.clip_files import ClipWriter
from perception.synthesis.frame_files import encoded_frame
with ClipWriter(Path(sys.argv[1]), 7) as writer:
    writer.add(encoded_frame(0, **drawn_frame(0)))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_leaves_is_no_clip_and_is_removed(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILL, tmp_path], cwd=ROOT, check=False)
    assert len(list(tmp_path.iterdir())) == 1 and clips_in(tmp_path) == []
    (tmp_path / ".mine").mkdir()
    remove_partial(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".mine"]


def test_a_clip_that_another_worker_finished_meanwhile_is_kept(tmp_path: Path) -> None:
    with ClipWriter(tmp_path, 0) as slow:
        slow.add({"clip.json": as_json({"number": 0})} | encoded_frame(0, **drawn_frame(0)))
        kept = write_clip(tmp_path, 0)
        slow.finish()
    assert problems_of(kept, thorough=True) == [] and len(list(tmp_path.iterdir())) == 1


FULL = """
import resource, sys
from pathlib import Path
from errors import VitroError
from tests.test_synthesis_files import write_clip
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
write_clip(Path(sys.argv[1]), 0)
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
try:
    write_clip(Path(sys.argv[1]), 1)
except VitroError as error:
    print(error.cause, error.remedy)
"""


def test_a_disk_that_takes_no_more_names_the_clip_and_leaves_no_half_of_it(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Clip 000001 cannot be written" in done.stdout and "df -h" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["000000"]


@pytest.mark.parametrize("call", ["mkdir", "fsync", "rename"])
def test_a_disk_that_runs_full_at_any_call_leaves_nothing(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((os, "fsync") if call == "fsync" else (Path, call)), full)
    with pytest.raises(DatasetError, match=r"Clip 000000 cannot be written.*No space left"):
        write_clip(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []


# What is noticed of a damaged clip.


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    clip = write_clip(tmp_path, 0, frames=1)
    assert problems_of(clip, thorough=True) == []
    for file in sorted(clip.iterdir()):
        content = file.read_bytes()
        for place in (0, len(content) // 2, len(content) - 2):
            changed = bytearray(content)
            changed[place] ^= 1
            file.write_bytes(bytes(changed))
            found = problems_of(clip, thorough=True)
            assert len(found) == 1 and file.name in found[0], (file, place)
        file.write_bytes(content)


def test_missing_and_foreign_files_are_named_one_by_one(tmp_path: Path) -> None:
    clip = write_clip(tmp_path, 0)
    (clip / "000001.png").unlink()
    (clip / "000000.ids.png").unlink()
    (clip / "notes.txt").touch()
    for thorough in (False, True):
        assert problems_of(clip, thorough) == [
            f"{clip}/000000.ids.png is missing",
            f"{clip}/000001.png is missing",
            f"{clip}/notes.txt is not of this clip",
        ]


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
        with made.held():
            assert len(made.discard_damaged()) == 1
            assert made.missing() == [0]
        assert (tmp_path / "set-aside" / name / "000000.mask.png").read_text() == f"mine, {name}"
        write_clip(made.clips, 0)


def test_repairing_leaves_clips_beyond_the_set_alone(tmp_path: Path) -> None:
    made = write_set(tmp_path, 1)
    (made.clips / "000000").rename(made.clips / "000009")
    with made.held():
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


def test_equal_settings_have_one_digest() -> None:
    assert SynthSettings(zoom=2).digest == SynthSettings(zoom=2.0).digest != SynthSettings(zoom=3.0).digest


def test_where_nothing_may_be_written_the_remedy_is_not_more_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(DatasetError, match="permissions") as told:
        write_clip(tmp_path, 0)
    assert "df" not in told.value.remedy


def test_a_clip_says_what_it_holds(tmp_path: Path) -> None:
    facts = read_facts(write_clip(tmp_path, 3))
    assert facts["number"] == 3
    kinds = (".ids.png", ".normals.png", ".png", ".truth.png")
    assert sorted(facts["files"]) == [*(f"00000{frame}{kind}" for frame in (0, 1) for kind in kinds), "intrinsics.json"]


# Sets that are gone on with.


def test_a_set_goes_on_where_it_was_left(tmp_path: Path) -> None:
    write_set(tmp_path / "set", 2)
    later = ClipSet(tmp_path / "set", SETTINGS, 4)
    with later.held():
        assert later.missing() == [2, 3]
    assert read_settings(tmp_path / "set")["clips"] == 4
    fewer = ClipSet(tmp_path / "set", SETTINGS, 1)
    with fewer.held():
        assert fewer.missing() == [2, 3], "clips that were asked for once stay asked for"


def test_a_set_of_other_settings_is_refused_and_the_differences_named(tmp_path: Path) -> None:
    write_set(tmp_path, 1)
    other = ClipSet(tmp_path, SynthSettings(width=32, height=16, frames=2, seed=5), 1)
    with pytest.raises(ConfigurationError) as refused, other.held():
        pass
    assert "seed: 0 there, 5 asked for" in refused.value.cause and "width: 16 there, 32" in refused.value.cause
    assert "height" not in refused.value.cause


def test_a_folder_of_something_else_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigurationError, match="no data set"), ClipSet(tmp_path, SETTINGS, 1).held():
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_two_runs_do_not_write_one_set(tmp_path: Path) -> None:
    with (
        ClipSet(tmp_path, SETTINGS, 1).held(),
        pytest.raises(ConfigurationError, match="Another run"),
        ClipSet(tmp_path, SETTINGS, 1).held(),
    ):
        pass


def test_a_damaged_clip_stops_the_run_and_is_rendered_again_when_asked(tmp_path: Path) -> None:
    made = write_set(tmp_path, 3)
    (made.clips / "000001" / "000000.png").unlink()
    with made.held():
        with pytest.raises(DatasetError, match=r"000001/000000\.png is missing.*--repair"):
            made.missing()
        assert len(made.discard_damaged()) == 1
        assert made.missing() == [1]


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


def test_writers_of_one_clip_at_once_leave_one_whole_clip(tmp_path: Path) -> None:
    threads = [threading.Thread(target=write_clip, args=(tmp_path, 0)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(tmp_path.iterdir())) == 1
    assert problems_of(tmp_path / "000000", thorough=True) == []
