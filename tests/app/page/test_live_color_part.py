"""The page shows what a live camera sees now, and says so when it sees nothing."""

import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
from numpy.typing import NDArray

from app.page.live_color_part import LiveColorPart
from app.page.page_server import PageServer
from hardware.cameras.camera import Camera
from hardware.cameras.frame import RgbdFrame
from tests.support.recordings import make_frame


class OneView(Camera):
    """A camera that sees one thing while it sees anything."""

    view: RgbdFrame | None = make_frame(3)
    looks = 0

    def glance(self, timeout_s: float = 0.5) -> RgbdFrame | None:
        self.looks += 1
        return self.view


@pytest.fixture
def part() -> Iterator[LiveColorPart]:
    with closing(PageServer()) as server:
        part = LiveColorPart(server.viser)
        yield part
        part.watch(None)


def shown(part: LiveColorPart, now_s: float, until_it_differs_from: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture on the page at `now_s`, once the camera has been looked at."""
    ends_s = time.monotonic() + 30
    while np.array_equal(part._image.image, until_it_differs_from) and time.monotonic() < ends_s:
        part.tick(now_s)
        time.sleep(0.01)
    return np.asarray(part._image.image)


def test_what_a_live_camera_sees_is_shown_until_it_sees_nothing(part: LiveColorPart) -> None:
    camera, empty = OneView(), part._image.image
    assert not part._image.visible
    part.watch(camera)
    seen = shown(part, 0.0, empty)
    assert part._image.visible and camera.view is not None
    assert abs(seen.astype(float).mean() - camera.view.color.mean()) < 10
    camera.view = None
    part.watch(camera)
    part.tick(1.0)
    part.tick(2.0)
    assert np.array_equal(part._image.image, seen), "a moment without a picture is none of silence"
    assert np.array_equal(shown(part, 9.0, seen), empty)


def test_a_camera_that_is_not_looked_at_is_not_shown(part: LiveColorPart) -> None:
    camera = OneView()
    camera.view = None
    part.watch(camera)
    while camera.looks < 2:
        time.sleep(0.01)
    part.tick(100.0)
    assert not part._image.visible
