"""What long work on a clip is made of: frames read ahead, and maps that are appended."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from app.clips.map_file import MapFile
from core.errors import CameraError
from hardware.cameras.clips.clip import read_ahead


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
    again.close()
    np.testing.assert_array_equal(np.load(tmp_path / "maps.npy"), maps)
