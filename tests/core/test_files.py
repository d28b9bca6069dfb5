"""Files and folders that are whole or not there, and folders that one run has to itself."""

import errno
import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from core.errors import ConfigurationError, StorageError
from core.files import (
    demand_inside,
    hold,
    read_archive,
    replace_file,
    storage_remedy,
    whole_folder,
    write_archive,
    writing,
    writing_archive,
)
from tests.support.paths import ROOT

REFUSAL = ConfigurationError("Another run is at it.", "Wait for it.")


def test_what_one_holds_another_is_refused_until_it_lets_go(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    with hold(lock, REFUSAL), pytest.raises(ConfigurationError, match="Another run is at it"):
        hold(lock, REFUSAL)
    hold(lock, REFUSAL).close()
    assert lock.exists(), "removed, it could be locked twice"


def test_no_link_is_followed_where_a_lock_or_a_file_is_made(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    for name in (".lock", ".a.partial"):
        (tmp_path / name).symlink_to(precious)
    with pytest.raises(OSError, match="symbolic"):
        hold(tmp_path / ".lock", REFUSAL)
    replace_file(tmp_path / "a", b"new")
    assert precious.read_bytes() == b"mine" and (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["a", "a/b.png", "..a", "ü"])
def test_names_of_files_within_a_folder_are_told_from(name: str) -> None:
    demand_inside(name)
    for other in (
        f"/{name}",
        f"../{name}",
        f"{name}/..",
        f"./{name}",
        f"{name}//a",
        f"{name}\n",
        f"{name}\\a",
        "n" * 256,
        "",
        5,
    ):
        with pytest.raises(ValueError, match="names no file in its folder"):
            demand_inside(other)


def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    holds = (
        "import sys, time; from pathlib import Path; from core.errors import VitroError; from core.files import hold\n"
        "kept = hold(Path(sys.argv[1]), VitroError('', '')); print('held', flush=True); time.sleep(600)"
    )
    told = [sys.executable, "-c", holds, str(tmp_path / ".lock")]
    process = subprocess.Popen(told, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        with pytest.raises(ConfigurationError):
            hold(tmp_path / ".lock", REFUSAL)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    hold(tmp_path / ".lock", REFUSAL).close()


def test_a_disk_without_locks_is_not_taken_for_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def has_none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", has_none)
    with pytest.raises(OSError, match="No locks available"):
        hold(tmp_path / ".lock", REFUSAL)


def test_a_folder_that_is_not_filled_to_the_end_is_not_there_and_does_not_hinder_the_next(tmp_path: Path) -> None:
    (tmp_path / ".model.partial").mkdir()
    (tmp_path / ".model.partial" / "of a killed run").touch()
    with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / "model") as folder:
        (folder / "half").touch()
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    with whole_folder(tmp_path / "model") as folder:
        replace_file(folder / "all", b"of it")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["all"]


def test_an_archive_is_read_as_it_was_written_and_damage_is_said(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    write_archive(path, {"step": 2, "weights": torch.ones(3)})
    assert read_archive(path)["weights"].tolist() == [1, 1, 1]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"\w+"):
        read_archive(path)


def test_a_disk_that_torch_found_full_past_python_is_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="took only a part") as failure, writing_archive(tmp_path / "state"):
        raise RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 704 vs 598")
    assert "Free some disk" in failure.value.remedy
    with pytest.raises(RuntimeError, match="another"), writing_archive(tmp_path / "state"):
        raise RuntimeError("another failure")


def test_the_remedy_names_the_likeliest_cause(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    remedies = []
    for path in (tmp_path / "absent" / "out", tmp_path / "file" / "out", tmp_path):
        with pytest.raises(StorageError) as failure, writing(path):
            path.write_bytes(b"")
        remedies.append(failure.value.remedy)
    for remedy, what in zip(remedies, ("mkdir", "Move away the file", "Move away the folder"), strict=True):
        assert what in remedy and "permissions" not in remedy
    assert "Mend its permissions" in storage_remedy(PermissionError(errno.EACCES, "Permission denied"))
