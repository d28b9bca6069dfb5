"""A trial's frames are what the row says they were, or the file that is not is named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.trial_recording.frame_digests import frame_digest, require_same_frames, write_sums
from core.errors import TrialError
from hardware.cameras.frame_folder import FrameFolderCamera, write_frame_folder
from tests.support.drawn_cell import CELL, draw_frame


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    write_frame_folder(tmp_path / "frames", [draw_frame(CELL)])
    write_sums(tmp_path / "frames")
    return tmp_path / "frames"


def test_frames_that_were_copied_are_the_same_and_still_play(frames: Path, tmp_path: Path) -> None:
    digest = frame_digest([frames])
    copied = tmp_path / "elsewhere"
    copied.mkdir()
    for file in frames.iterdir():
        (copied / file.name).write_bytes(file.read_bytes())
    require_same_frames([copied], digest)
    np.testing.assert_array_equal(FrameFolderCamera(copied).read().color, FrameFolderCamera(frames).read().color)


def flip_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("name", ["000000.png", "000000.depth.npy", "intrinsics.json", "SHA256SUMS"])
@pytest.mark.parametrize("harm", [flip_a_byte, Path.unlink])
def test_a_file_that_is_not_what_it_was_is_named(frames: Path, name: str, harm: Callable[[Path], None]) -> None:
    digest = frame_digest([frames])
    harm(frames / name)
    with pytest.raises(TrialError, match=r"is not what it was|is missing|cannot be read|not of this trial") as refused:
        require_same_frames([frames], digest)
    assert str(frames) in refused.value.cause
    if name != "SHA256SUMS":
        assert name in refused.value.cause


def test_frames_and_their_list_changed_together_are_still_not_the_row_s(frames: Path) -> None:
    digest = frame_digest([frames])
    flip_a_byte(frames / "000000.png")
    write_sums(frames)
    with pytest.raises(TrialError, match="not of this trial's row"):
        require_same_frames([frames], digest)


def test_a_trial_of_two_attempts_answers_for_the_frames_of_both(frames: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    write_frame_folder(again, [draw_frame(CELL, seed=1)])
    write_sums(again)
    digest = frame_digest([frames, again])
    require_same_frames([frames, again], digest)
    with pytest.raises(TrialError):
        require_same_frames([again, frames], digest)
