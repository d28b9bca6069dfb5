"""A clip on disk is whole or absent, and every changed byte of it is noticed."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from core.errors import StorageError
from perception.learning.datasets.transphy3d import RenderedClip
from perception.learning.synthesis.clips.clip_files import (
    ClipWriter,
    as_json,
    clips_in,
    encode_frame,
    problems_of,
    read_facts,
    remove_partial,
)
from tests.support.noise_clips import SHAPE, drawn_frame, write_clip
from tests.support.small_set import ROOT

# What a frame's files say.


def test_what_is_read_is_what_was_rendered(tmp_path: Path) -> None:
    frame = drawn_frame(3)
    frame["normals"][..., 2] = -np.abs(frame["normals"][..., 2])
    sensor_m = np.where(frame["instance_ids"] > 4, np.nan, frame["depth_m"]).astype(np.float32)
    intrinsics = {"fx": 20.0, "fy": 20.0, "cx": 7.5, "cy": 5.5, "width": SHAPE[1], "height": SHAPE[0]}
    facts = {"objects": [], "table": {"normal": [0, 0, 1], "offset_m": 0}, "T_world_camera": [np.eye(4).tolist()]}
    with ClipWriter(tmp_path, 0) as writer:
        writer.add({"clip.json": as_json(facts), "intrinsics.json": as_json(intrinsics)})
        writer.add(encode_frame(0, **frame, sensor_m=sensor_m))
        writer.finish()
    read = RenderedClip(tmp_path / "000000").frame(0)
    assert (read.color == frame["color"]).all()
    assert (read.instance_ids == frame["instance_ids"]).all()
    assert np.isnan(read.depth_m[0, :3]).all(), "unknown, beyond 6.55 m, and zero"
    assert np.abs(read.depth_m - frame["depth_m"])[1:].max() <= 0.5e-4 + 1e-6
    assert np.isnan(read.normals[0, 0]).all()
    assert np.abs(read.normals - frame["normals"])[1:].max() < 1e-4
    assert np.array_equal(read.sensor_m, np.where(sensor_m > 0, sensor_m, np.nan), equal_nan=True)


def test_a_lid_is_not_of_the_glass_that_it_closes(tmp_path: Path) -> None:
    """As clips tell of since version 6; before it, what belonged to an object had the object's id."""
    frame = drawn_frame(3)
    intrinsics = {"fx": 20.0, "fy": 20.0, "cx": 7.5, "cy": 5.5, "width": SHAPE[1], "height": SHAPE[0]}
    objects = [
        {"id": 1, "family": "vessel", "material": "clear glass", "optics": "transparent"},
        {"id": 2, "family": "liquid", "material": "water", "optics": "transparent", "of": 1},
        {"id": 3, "family": "lid", "material": "matte", "optics": "ordinary", "of": 1},
    ]
    facts = {"objects": objects, "table": {"normal": [0, 0, 1], "offset_m": 0}, "T_world_camera": [np.eye(4).tolist()]}
    with ClipWriter(tmp_path, 0) as writer:
        writer.add({"clip.json": as_json(facts), "intrinsics.json": as_json(intrinsics)} | encode_frame(0, **frame))
        writer.finish()
    read = RenderedClip(tmp_path / "000000").frame(0)
    assert (read.transparent == np.isin(frame["instance_ids"], [1, 2])).all() and not read.specular.any()
    assert read.families == {1: "vessel", 2: "liquid", 3: "lid"}


def test_a_clip_says_what_it_holds(tmp_path: Path) -> None:
    facts = read_facts(write_clip(tmp_path, 3))
    assert facts["number"] == 3
    kinds = (".ids.png", ".normals.png", ".png", ".truth.png")
    assert sorted(facts["files"]) == [*(f"00000{frame}{kind}" for frame in (0, 1) for kind in kinds), "intrinsics.json"]


# Clips that are whole or absent.


def test_the_same_clip_is_the_same_bytes(tmp_path: Path) -> None:
    one, other = write_clip(tmp_path / "a", 4), write_clip(tmp_path / "b", 4)
    assert {p.name: p.read_bytes() for p in one.iterdir()} == {p.name: p.read_bytes() for p in other.iterdir()}


def test_a_clip_that_was_not_finished_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), ClipWriter(tmp_path, 0) as writer:
        writer.add(encode_frame(0, **drawn_frame(0)))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


KILL = """
import os, signal, sys
from pathlib import Path
from tests.support.noise_clips import drawn_frame
from perception.learning.synthesis.clips.clip_files import ClipWriter
from perception.learning.synthesis.clips.clip_files import encode_frame
with ClipWriter(Path(sys.argv[1]), 7) as writer:
    writer.add(encode_frame(0, **drawn_frame(0)))
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
        slow.add({"clip.json": as_json({"number": 0})} | encode_frame(0, **drawn_frame(0)))
        kept = write_clip(tmp_path, 0)
        slow.finish()
    assert problems_of(kept, thorough=True) == [] and len(list(tmp_path.iterdir())) == 1


FULL = """
import resource, sys
from pathlib import Path
from core.errors import VitroError
from tests.support.noise_clips import write_clip
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
    assert "000001 cannot be written" in done.stdout and "df -h" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["000000"]


@pytest.mark.parametrize("call", ["mkdir", "fsync", "rename"])
def test_a_disk_that_runs_full_at_any_call_leaves_nothing(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((os, "fsync") if call == "fsync" else (Path, call)), full)
    with pytest.raises(StorageError, match=r"000000 cannot be written.*No space left"):
        write_clip(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_may_be_written_the_remedy_is_not_more_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(StorageError, match="permissions") as told:
        write_clip(tmp_path, 0)
    assert "df" not in told.value.remedy


def test_writers_of_one_clip_at_once_leave_one_whole_clip(tmp_path: Path) -> None:
    threads = [threading.Thread(target=write_clip, args=(tmp_path, 0)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(tmp_path.iterdir())) == 1
    assert problems_of(tmp_path / "000000", thorough=True) == []


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
