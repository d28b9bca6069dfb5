"""Work that goes on where it was cut off: one run a folder, whole checkpoints, results that are of this very work."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.errors import ConfigurationError, StorageError, TrainingError
from core.files import write_archive
from core.work import Work, changes, hold_folder, write_whole
from tests.support.stand_ins.full_disk import disk_of

CHECKPOINT = {"frames": 1, "state": {"place": torch.arange(3).tolist()}}


def depth_work(folder: Path, **identity: str) -> Work:
    return Work(folder / "out", "depth", {"source": "a"} | identity, ("maps", "picture"))


def test_two_runs_cannot_work_in_one_folder(tmp_path: Path) -> None:
    work = depth_work(tmp_path)
    other = depth_work(tmp_path)
    with work.hold(False):
        for attempt in range(2):
            with pytest.raises(ConfigurationError, match="Another run"), other.hold(False):
                pass
            assert (work.folder / "identity.json").exists(), f"attempt {attempt} took what the first run works on"
            work.save(CHECKPOINT)
    assert other.load() == CHECKPOINT


@pytest.mark.parametrize("damage", [b"", b"half a checkpoint"])
def test_a_damaged_checkpoint_starts_the_work_anew(tmp_path: Path, damage: bytes) -> None:
    work = depth_work(tmp_path)
    with work.hold(False):
        work.save(CHECKPOINT)
    (work.folder / "checkpoint.pt").write_bytes(damage)
    assert work.load() is None


@pytest.mark.parametrize("limit_bytes", [1_000, 2_000_000])
def test_a_checkpoint_that_the_disk_does_not_take_leaves_the_one_before(tmp_path: Path, limit_bytes: int) -> None:
    work = depth_work(tmp_path)
    with work.hold(False):
        work.save(CHECKPOINT)
        with disk_of(limit_bytes), pytest.raises(StorageError, match="File too large"):
            work.save({"latents": torch.zeros(1_000_000)})
    assert work.load() == CHECKPOINT
    assert sorted(p.name for p in work.folder.iterdir()) == ["checkpoint.pt", "identity.json", "lock"]


def test_two_commands_cannot_work_in_one_folder_nor_leave_work_unfinished_there(tmp_path: Path) -> None:
    depth, normals = (Work(tmp_path / "out", command, {}, ()) for command in ("depth", "normals"))
    with depth.hold(False):
        with pytest.raises(ConfigurationError, match="another command"), normals.hold(False):
            pass
        depth.save(CHECKPOINT)
    with pytest.raises(ConfigurationError, match="depth-unfinished"), normals.hold(False):
        pass
    assert depth.load() == CHECKPOINT


def test_results_are_whole_of_this_work_or_none(tmp_path: Path) -> None:
    work, other = depth_work(tmp_path), depth_work(tmp_path, steps="3")
    assert work.result() is None
    with work.hold(False):
        (work.folder / "maps.part").write_text("all of them")
        summary = work.publish({"maps": work.folder / "maps.part"}, {"frames": 3})
    assert work.result() == summary and summary["files"] == ["maps"] and other.result() is None
    assert sorted(path.name for path in work.out.iterdir()) == ["maps", "summary.json"]
    other.refuse_foreign()
    assert other.forget() and not list(work.out.iterdir()) and not other.forget()
    (work.out / "picture").touch()
    with pytest.raises(ConfigurationError, match="in the way"):
        work.refuse_foreign()


@pytest.mark.parametrize(
    ("identity", "fresh", "why"),
    [
        ({}, False, ""),
        ({}, True, "as asked"),
        ({"steps": "3"}, False, "steps changed"),
        ({"source": "b", "steps": "3"}, False, "source, steps changed"),
    ],
)
def test_unfinished_work_is_gone_on_with_or_it_is_said_why_not(
    tmp_path: Path, identity: dict[str, str], fresh: bool, why: str
) -> None:
    with depth_work(tmp_path).hold(False):
        depth_work(tmp_path).save(CHECKPOINT)
    again = depth_work(tmp_path, **identity)
    with again.hold(fresh) as why_anew:
        assert (why_anew, again.load()) == (why, None if why else CHECKPOINT)
    assert again.folder.exists() == (not why), "without a checkpoint nothing is left"


def test_what_unfinished_work_was_made_from_is_lost_and_it_is_begun_anew(tmp_path: Path) -> None:
    work = depth_work(tmp_path)
    with work.hold(False):
        work.save(CHECKPOINT)
    for damage in ("", "[]"):
        (work.folder / "identity.json").write_text(damage)
        assert "not known" in work._why_anew(False)


def test_changes_are_named_with_both_values() -> None:
    assert changes({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 4, "d": 5}, "{key}: {before} there, {now} here") == [
        "b: 2 there, 4 here",
        "d: None there, 5 here",
        "c: 3 there, None here",
    ]


def test_a_held_folder_is_made_and_refused_in_the_owners_words(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "run"
    with hold_folder(folder):
        with pytest.raises(ConfigurationError, match="Another run writes to"):
            hold_folder(folder)
        with pytest.raises(TrainingError, match="trains there"):
            hold_folder(folder, TrainingError("Another run trains there.", "Wait."))
    hold_folder(folder).close()


def use_write_whole(path: Path) -> None:
    write_whole(path, b"new", "it goes on")


def use_archive(path: Path) -> None:
    write_archive(path, {"step": 2}, "it goes on")


def use_hold(path: Path) -> None:
    hold_folder(path, then="it goes on")


@pytest.mark.parametrize("write", [use_write_whole, use_archive, use_hold])
def test_what_cannot_be_written_is_named_with_what_to_do(tmp_path: Path, write: Callable[[Path], None]) -> None:
    (tmp_path / "file").write_bytes(b"in the way of a folder")
    with pytest.raises(StorageError, match="file/x cannot be written") as failure:
        write(tmp_path / "file" / "x")
    assert "it goes on" in failure.value.remedy
