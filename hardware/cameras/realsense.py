"""The live D435, through unmodified librealsense."""

from dataclasses import dataclass
from typing import Any

from errors import CameraError
from hardware.cameras.camera import Freshness
from hardware.cameras.frame import Intrinsics, RgbdFrame

_COLOR_SIZES = ((848, 480), (1280, 720))


@dataclass(frozen=True)
class RealSenseConfig:
    """What is asked of a D435: which one (None: the only one attached), colour size, rate, infrared."""

    serial: str | None = None
    width: int = 848
    height: int = 480
    fps: int = 30
    infrared: bool = False

    def __post_init__(self) -> None:
        if (self.width, self.height) not in _COLOR_SIZES:
            raise CameraError(
                f"A D435 is not read at {self.width}x{self.height}.", "Set the camera to 848x480 or 1280x720."
            )
        if self.fps not in (6, 15, 30):
            raise CameraError(f"A D435 gives no {self.fps} frames a second.", "Set fps to 6, 15 or 30.")


class RealSenseCamera:
    """A D435: colour, depth aligned to it, and both infrared images where asked."""

    is_live = True

    def __init__(
        self, serial: str | None = None, width: int = 848, height: int = 480, fps: int = 30, infrared: bool = False
    ) -> None:
        self.config = RealSenseConfig(serial, width, height, fps, infrared)
        serials = find_cameras()
        if not serials:
            raise CameraError("No RealSense camera is attached.", "Plug the D435 into a USB 3 port, then run `python main.py doctor`.")
        if serial is not None and serial not in serials:
            raise CameraError(f"No RealSense camera {serial} is attached.", f"Attached: {', '.join(serials)}.")
        self._serial = serial or serials[0]
        self.name = f"d435 {self._serial}"
        self._freshness = Freshness()
        self._pipeline: Any = None
        self._start()

    def _start(self) -> None:
        import pyrealsense2 as rs

        from hardware.cameras.framesets import FramesetReader, intrinsics_of

        c = self.config
        config = rs.config()
        config.enable_device(self._serial)
        config.enable_stream(rs.stream.color, c.width, c.height, rs.format.rgb8, c.fps)
        config.enable_stream(rs.stream.depth, 848, 480, rs.format.z16, c.fps)
        if c.infrared:
            for index in (1, 2):
                config.enable_stream(rs.stream.infrared, index, 848, 480, rs.format.y8, c.fps)
        self._pipeline = rs.pipeline()
        try:
            profile = self._pipeline.start(config)
        except RuntimeError as error:
            raise CameraError(f"{self.name} does not start ({error}).", "Unplug it, plug it into a USB 3 port, try again.") from error
        self.intrinsics: Intrinsics = intrinsics_of(profile.get_stream(rs.stream.color))
        self._reader = FramesetReader(self._serial, self.name)

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        """The next frame.

        Raises:
            CameraError: none within `timeout_s`.
        """
        from hardware.cameras.framesets import is_one_exposure

        arrived, frames = self._pipeline.try_wait_for_frames(int(1000 * timeout_s))
        if arrived and is_one_exposure(frames):
            return self._reader.frame(frames)
        raise CameraError(f"{self.name} gave no frame in {timeout_s:.1f} s.", "Check its cable, then try again.")

    def close(self) -> None:
        if self._pipeline is not None:
            self._pipeline.stop()
            self._pipeline = None

    def __enter__(self) -> "RealSenseCamera":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def find_cameras() -> tuple[str, ...]:
    """Serials of the attached RealSense cameras; none where librealsense is missing."""
    try:
        import pyrealsense2 as rs
    except ImportError:
        return ()
    return tuple(d.get_info(rs.camera_info.serial_number) for d in rs.context().query_devices())
