"""What stands before a camera hides nothing of it."""

from dataclasses import replace

from hardware.cameras.camera import Camera, CorrectedCamera
from hardware.cameras.frame import RgbdFrame
from tests.support.recordings import make_frame


class Live(Camera):
    """A camera that people may look through beside what is read."""

    name, is_live, intrinsics = "live", True, make_frame(1).intrinsics

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        return make_frame(1)

    def glance(self, timeout_s: float = 0.5) -> RgbdFrame | None:
        return make_frame(2)


def test_a_corrected_camera_is_looked_through_with_the_same_lens_as_it_is_read() -> None:
    lens = replace(Live.intrinsics, fx=1.01 * Live.intrinsics.fx)
    camera = CorrectedCamera(Live(), lens)
    glance = camera.glance()
    assert glance is not None and glance.number == make_frame(2).number
    assert glance.intrinsics == camera.read().intrinsics == lens
