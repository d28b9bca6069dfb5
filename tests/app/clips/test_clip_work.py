"""What long work on a clip is made of: frames read ahead, maps that are appended, and checkpoints."""

import resource
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from app.clips.ahead import read_ahead
from app.clips.clip_work import Checkpoint, ClipWork
from app.clips.map_file import MapFile
from core.errors import CameraError, ConfigurationError


@pytest.mark.parametrize("taken", [0, 3, 20])
def test_reading_ahead_gives_the_same_and_never_runs_away(taken: int) -> None:
    made: list[int] = []
    closed: list[bool] = []

    def count():
        try:
            for number in range(20):
                made.append(number)
                yield number
        finally:
            closed.append(True)

    ahead = read_ahead(count(), 4)
    assert list(islice(ahead, taken)) == list(range(taken))
    assert len(made) <= taken + 6
    ahead.close()
    assert closed == ([True] if taken else [])


def test_errors_come_after_the_items_before_them() -> None:
    def fail():
        yield 1
        raise CameraError("It broke.", "Mend it.")

    ahead = read_ahead(fail())
    assert next(ahead) == 1
    with pytest.raises(CameraError, match="It broke"):
        next(ahead)


def test_a_map_file_is_the_array_that_was_appended(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).random((5, 3, 4, 3)).astype(np.float32)
    file = MapFile(tmp_path / "maps.npy", maps.shape)
    file.start()
    file.append(maps[:2])
    file.append(maps[2:4] + 1)  # what a kill left after the checkpoint
    file.close()
    again = MapFile(tmp_path / "maps.npy", maps.shape)
    assert again.holds(4) and not again.holds(5)
    again.start(2)
    again.append(maps[2:])
    np.testing.assert_array_equal(list(again.read([4, 1])), maps[[4, 1]])
    again.close()
    np.testing.assert_array_equal(np.load(tmp_path / "maps.npy"), maps)


def test_two_runs_cannot_work_in_one_folder(tmp_path: Path) -> None:
    work = ClipWork(tmp_path / "out", "depth", {"source": "a"})
    other = ClipWork(tmp_path / "out", "depth", {"source": "a"})
    with work.opened(False):
        for attempt in range(2):
            with pytest.raises(ConfigurationError, match="Another run"), other.opened(False):
                pass
            assert (work.folder / "identity.json").exists(), f"attempt {attempt} took what the first run works on"
            work.save(Checkpoint(1, 1, 0.0, "a", {}))
    assert other.load() == Checkpoint(1, 1, 0.0, "a", {})


@pytest.mark.parametrize("damage", [b"", b"half a checkpoint"])
def test_a_damaged_checkpoint_starts_the_work_anew(tmp_path: Path, damage: bytes) -> None:
    work = ClipWork(tmp_path / "out", "depth", {"source": "a"})
    with work.opened(False):
        work.save(Checkpoint(1, 1, 0.0, "a", {}))
    (work.folder / "checkpoint.pt").write_bytes(damage)
    assert work.load() is None


@pytest.mark.parametrize("limit_bytes", [1_000, 2_000_000])
def test_a_checkpoint_that_the_disk_does_not_take_leaves_the_one_before(tmp_path: Path, limit_bytes: int) -> None:
    work = ClipWork(tmp_path / "out", "depth", {"source": "a"})
    earlier = Checkpoint(1, 1, 0.0, "a", {})
    with work.opened(False):
        work.save(earlier)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
        try:
            with pytest.raises(ConfigurationError, match="File too large"):
                work.save(Checkpoint(2, 2, 0.0, "a", {"latents": torch.zeros(1_000_000)}))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert work.load() == earlier
    assert sorted(p.name for p in work.folder.iterdir()) == ["checkpoint.pt", "identity.json", "lock"]


def test_two_commands_cannot_work_in_one_folder_nor_leave_work_unfinished_there(tmp_path: Path) -> None:
    depth, normals = (ClipWork(tmp_path / "out", command, {}) for command in ("depth", "normals"))
    with depth.opened(False):
        with pytest.raises(ConfigurationError, match="another command"), normals.opened(False):
            pass
        depth.save(Checkpoint(1, 1, 0.0, "a", {}))
    with pytest.raises(ConfigurationError, match="depth-unfinished"), normals.opened(False):
        pass
    assert depth.load() == Checkpoint(1, 1, 0.0, "a", {})
