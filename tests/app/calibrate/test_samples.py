from pathlib import Path

import numpy as np
import pytest

from app.calibrate.samples import Samples
from core.errors import ConfigurationError
from perception.depth_types import SeenTag
from tests.support.board_views import drawn_truth, drawn_views

SETTINGS = {"seed": 1, "board": {"tag_m": 0.034}}
TAGS = (SeenTag(3, 0.08, np.arange(8.0).reshape(4, 2), 50.0),)


def taken(path: Path) -> Samples:
    samples = Samples.open(path, SETTINGS, fresh=False)
    for view in drawn_views(drawn_truth(0), count=3):
        samples.add("left", view, TAGS)
    return samples


def test_what_was_taken_is_there_after_a_kill_for_the_same_settings_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep"
    before = taken(path)
    again = Samples.open(path, SETTINGS, fresh=False)
    for one, other in zip(again.views["left"], before.views["left"], strict=True):
        np.testing.assert_allclose(one.corners_px, other.corners_px)
        np.testing.assert_allclose(one.joints_rad, other.joints_rad)
    np.testing.assert_allclose(again.tags[2][0].corners_px, TAGS[0].corners_px)
    assert not Samples.open(path, SETTINGS | {"seed": 2}, fresh=False).views
    assert not Samples.open(path, SETTINGS, fresh=True).views


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"views": 1}', "[" * 100_000])
def test_a_file_that_holds_no_views_is_named_and_left_alone(tmp_path: Path, text: str) -> None:
    path = Samples.open(tmp_path, SETTINGS, fresh=True).path
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=path.name):
        Samples.open(tmp_path, SETTINGS, fresh=False)
    assert path.read_text() == text
