"""What a training run writes is whole or not there, and what stands in its way is named."""

import errno
import os
from pathlib import Path

import pytest

from core.errors import StorageError, TrainingError, VitroError
from perception.learning.training import base
from perception.learning.training.base import find_base, write_tiny_base
from perception.learning.training.files import hold_run
from perception.learning.training.run import link_whole
from tests.support.stand_ins.full_disk import disk_of


def test_two_runs_do_not_train_in_one_folder(tmp_path: Path) -> None:
    with hold_run(tmp_path / "out"), pytest.raises(TrainingError, match="Another run trains in"):
        hold_run(tmp_path / "out")
    hold_run(tmp_path / "out").close()


def test_links_follow_a_run_that_is_moved_and_are_made_anew_for_another_base(tmp_path: Path) -> None:
    own, other = tmp_path / "run" / "base" / "vae", tmp_path / "other" / "vae"
    for file in (own, other):
        file.parent.mkdir(parents=True)
        file.write_text(str(file))
    link_whole(tmp_path / "run" / "model" / "vae", own)
    (tmp_path / "run").rename(tmp_path / "moved")
    assert (tmp_path / "moved" / "model" / "vae").read_text() == str(own)
    link_whole(tmp_path / "moved" / "model" / "vae", other)
    assert (tmp_path / "moved" / "model" / "vae").read_text() == str(other)
    assert [path.name for path in (tmp_path / "moved" / "model").iterdir()] == ["vae"]


@pytest.mark.parametrize(
    ("number", "kind", "cause", "remedy"),
    [
        (errno.EPERM, TrainingError, "takes no symbolic links", "exFAT"),
        (errno.ENOSPC, StorageError, "cannot be written", "df -h"),
        (errno.EACCES, StorageError, "cannot be written", "permissions"),
    ],
)
def test_a_link_that_the_disk_does_not_take_is_named_and_the_one_before_stays(
    number: int, kind: type[VitroError], cause: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, before, after = tmp_path / "model" / "vae", tmp_path / "before", tmp_path / "after"
    link_whole(link, before)

    def refuses(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "symlink_to", refuses)
    with pytest.raises(kind, match=cause) as error:
        link_whole(link, after)
    assert remedy in error.value.remedy and str(link) in error.value.cause
    assert link.resolve() == before


def test_a_tiny_base_that_was_cut_off_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, real, saved = tmp_path / "base", base.save, []

    def dies_at_the_second(tensors: dict) -> bytes:
        saved.append(tensors)
        if len(saved) == 2:
            raise KeyboardInterrupt
        return real(tensors)

    monkeypatch.setattr(base, "save", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        write_tiny_base(folder)
    assert not folder.exists()
    find_base(write_tiny_base(folder))


def test_a_tiny_base_that_the_disk_does_not_take_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    with disk_of(1000), pytest.raises(StorageError, match="base cannot be written") as error:
        write_tiny_base(tmp_path / "base")
    assert "df -h" in error.value.remedy and not list(tmp_path.iterdir())
