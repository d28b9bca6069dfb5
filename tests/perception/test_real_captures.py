"""Real D435 captures become frame folders that keep every pixel (where there are captures)."""

from pathlib import Path

import numpy as np
import pytest

from hardware.cameras.recorded import open_recording
from tests.support.real_captures import captures_folder, convert, load_captures

CAPTURES = load_captures(captures_folder())
pytestmark = pytest.mark.skipif(not CAPTURES, reason="real captures are not part of the repository (shared/real)")


def test_each_capture_becomes_a_folder_of_its_frame(tmp_path: Path) -> None:
    folders = convert(captures_folder(), tmp_path)
    assert [folder.name for folder in folders] == [capture.name for capture in CAPTURES]
    for folder, capture in zip(folders, CAPTURES, strict=True):
        frame = open_recording(folder).read()
        np.testing.assert_array_equal(frame.color, capture.frame.color)
        np.testing.assert_array_equal(frame.depth_m, capture.frame.depth_m)
        assert frame.intrinsics == capture.frame.intrinsics


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: capture.name)
def test_truth_agrees_with_the_sensor_but_for_the_transparent_objects(capture) -> None:
    error_m = np.abs(capture.frame.depth_m - capture.truth_m)
    assert np.nanmedian(error_m[~capture.mask]) < 0.003
    assert np.nanmedian(error_m[capture.mask]) > 0.02
