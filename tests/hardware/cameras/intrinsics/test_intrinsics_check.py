"""Intrinsics that no camera before a table has are told by their cause; what cameras have is never refused."""

import re
from dataclasses import replace

import pytest

from core.image import Intrinsics
from hardware.cameras.intrinsics.check import doubt, for_size, why_not

D435 = Intrinsics(848, 480, 610.0, 609.2, 421.7, 243.1)
#: Real ones: D435 colour at three sizes, Azure Kinect, GraspNet's RealSense and Kinect, ClearGrasp's, L515.
RIGHT = [
    D435,
    Intrinsics(1280, 720, 915.2, 913.9, 640.6, 361.2),
    Intrinsics(640, 480, 610.0, 609.2, 317.7, 243.1),
    Intrinsics(1920, 1080, 1380.0, 1380.0, 955.0, 545.0),
    Intrinsics(1280, 720, 927.17, 927.37, 651.32, 349.62),
    Intrinsics(1280, 720, 631.55, 631.21, 638.43, 366.50),
    Intrinsics(2048, 1536, 980.0, 979.0, 1021.0, 777.0),
    Intrinsics(1024, 768, 730.0, 730.0, 511.0, 383.0),
    Intrinsics(424, 240, 305.0, 305.0, 211.5, 119.5),
]


@pytest.mark.parametrize("k", RIGHT)
def test_a_cameras_own_are_taken_at_every_size_and_in_a_crop(k: Intrinsics) -> None:
    assert why_not(k) == doubt(k) == ""
    for share in (0.25, 0.5, 1.5, 2.0):
        resized = k.resized(round(k.width * share), round(k.height * share))
        assert why_not(resized) == doubt(resized) == ""
    left, right = round(k.width * 0.1), round(k.width * 0.85)
    assert why_not(replace(k, width=right - left, cx=k.cx - left)) == ""


WRONG = {
    "order": (Intrinsics(848, 480, 610.0, 423.5, 610.0, 239.5), "order is fx, cx, fy, cy"),
    "order, centre first": (Intrinsics(848, 480, 423.5, 239.5, 610.0, 610.0), "order is cx, cy, fx, fy"),
    "centre turned": (Intrinsics(848, 480, 610.0, 610.0, 239.5, 423.5), "have changed places"),
    "size turned": (Intrinsics(480, 848, 610.0, 610.0, 423.5, 239.5), "have changed places"),
    "shares": (Intrinsics(848, 480, 0.72, 1.27, 0.5, 0.5), "shares of the width .* cx is 424"),
    "order, large": (Intrinsics(1280, 720, 915.0, 640.0, 915.0, 360.0), "order is fx, cx, fy, cy"),
    "a larger picture's": (Intrinsics(640, 360, 915.0, 915.0, 639.5, 359.5), "are of 1280x720; .* fx 457.50"),
    "a smaller picture's": (Intrinsics(1280, 720, 457.5, 457.5, 319.5, 179.5), "are of 640x360; .* fx 915.00"),
    "centre outside": (Intrinsics(320, 240, 610.0, 610.0, 423.5, 239.5), "off the middle"),
    "fov too wide": (Intrinsics(848, 480, 120.0, 120.0, 423.5, 239.5), "field of view of 148"),
    "fov too narrow": (Intrinsics(848, 480, 6100.0, 6100.0, 423.5, 239.5), "field of view of 8"),
    "metres": (Intrinsics(848, 480, 0.0019, 0.0019, 423.5, 239.5), "field of view"),
    "fy missing a digit": (Intrinsics(848, 480, 610.0, 61.0, 423.5, 239.5), "times fy"),
    "zero": (Intrinsics(848, 480, 0.0, 610.0, 423.5, 239.5), "no camera has"),
    "not a number": (Intrinsics(848, 480, 610.0, float("nan"), 423.5, 239.5), "no camera has"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_ones_are_told_by_their_cause(case: str) -> None:
    k, told = WRONG[case]
    assert re.search(told, why_not(k))


def test_a_crop_that_kept_the_centre_is_doubtful() -> None:
    assert "middle of a 848x480 picture" in doubt(replace(D435, width=640))
    assert "middle of a 1280x720 picture" in doubt(Intrinsics(960, 720, 915.0, 915.0, 640.0, 360.0))
    assert "the other's" in doubt(Intrinsics(848, 480, 610.0, 610.0, 319.5, 239.5))
    assert "1.33 times fy" in doubt(replace(D435, fx=D435.fy * 4 / 3))


def test_another_size_is_told_with_the_numbers_that_fit() -> None:
    assert "for a picture resized to 424x240 they are fx 305.00" in for_size(D435, 424, 240)
    assert "another shape" in for_size(D435, 640, 480)
