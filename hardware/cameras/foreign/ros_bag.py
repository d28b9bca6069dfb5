"""ROS bags as a camera: colour, depth aligned to it, camera_info, of ROS 1 (.bag) and ROS 2 (a folder, .mcap, .db3)."""

import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import CameraError
from core.image import Intrinsics, depth_unit_m, known_depth
from hardware.cameras.camera import Camera, EndOfRecording
from hardware.cameras.foreign.ros_images import color_of, depth_of
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.intrinsics.check import why_not
from hardware.cameras.intrinsics.lens import Lens, undistort

_IMAGES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
_INFO = "sensor_msgs/msg/CameraInfo"
#: Colour and depth nearer in time than this are of one moment [s]; half a frame at 30 Hz.
_TOGETHER_S = 0.017
#: So many messages at most wait for their counterpart.
_WAITING = 30
#: Pictures of topics so named are undistorted already: P is theirs, K and D are the camera's.
_RECTIFIED = "/image_rect"
_REMEDY = "Record /camera/color/image_raw, /camera/color/camera_info and /camera/aligned_depth_to_color/image_raw."


class RosBagCamera(Camera):
    """Plays a bag's colour with the aligned depth of the same moment.

    Raises:
        CameraError: a damaged bag, or one without colour, its camera_info or aligned depth.
    """

    is_live = False

    def __init__(self, path: Path) -> None:
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import Stores, get_typestore

        self.name, self._path = str(path), path
        with _naming_damage(self.name):
            self._reader = AnyReader([path], default_typestore=get_typestore(Stores.ROS2_HUMBLE))
            self._reader.open()
        try:
            with _naming_damage(self.name):
                self._understand(path)
        except BaseException:
            self._reader.close()
            raise

    def _understand(self, path: Path) -> None:
        """Finds colour, its intrinsics and aligned depth. Raises as the class says."""
        topics = {connection.topic: connection.msgtype for connection in self._reader.connections}
        images = [topic for topic, kind in topics.items() if kind in _IMAGES]
        self._color = _choose(images, ("color", "rgb", "image"), is_depth=False)
        self._depth = _choose(images, ("aligned_depth", "registered", "depth"), is_depth=True)
        if not self._color:
            raise CameraError(f"{path} holds no colour image; its topics are {', '.join(sorted(topics))}.", _REMEDY)
        info = self._info(self._color, topics)
        if info is None:
            raise CameraError(f"{path} has no camera_info of {self._color}.", _REMEDY)
        self.intrinsics, self._undistortion = info[0], info[1].undistortion(info[0], self.name)
        depth_info = self._info(self._depth, topics) if self._depth else None
        if depth_info is not None and depth_info[0] != self.intrinsics:
            raise CameraError(f"{self._depth} of {path} is not aligned to {self._color}: another camera's.", _REMEDY)
        self.notes = (f"ROS topics: colour {self._color}, depth {self._depth or 'none'}",)
        if self._undistortion is not None:
            self.notes += (f"colour and depth are undistorted ({info[1].model})",)
        self._frames = self._play()
        self._count, self._is_closed = 0, False

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        """The next frame.

        Raises:
            CameraError: a damaged message, or an encoding that is not known.
            EndOfRecording: every frame has been read.
        """
        with _naming_damage(self.name):
            frame = next(self._frames, None)
        if frame is None:
            if not self._count and self._depth:
                raise CameraError(
                    f"In {self.name} no {self._color} has a {self._depth} within {_TOGETHER_S * 1000:.0f} ms of it.",
                    "Record both of one camera, with the stamps that it gives them.",
                )
            raise EndOfRecording(self.name, self._count)
        self._count += 1
        return frame

    def close(self) -> None:
        self._frames = iter(())
        if not self._is_closed:
            self._is_closed = True
            self._reader.close()

    def _info(self, topic: str, topics: dict[str, str]) -> tuple[Intrinsics, Lens] | None:
        """What the camera_info beside an image topic says."""
        parents = [topic.rsplit("/", up)[0] for up in (1, 2) if topic.count("/") >= up]
        named = next(
            (f"{parent}/camera_info" for parent in parents if topics.get(f"{parent}/camera_info") == _INFO), None
        )
        if named is None:
            return None
        for _, message in self._messages(named):
            matrix, projection, bent = (_array(message, key) for key in ("k", "p", "d"))
            lens, numbers = Lens(message.distortion_model, tuple(bent)), [matrix[at] for at in (0, 4, 2, 5)]
            if _RECTIFIED in topic and projection[0] > 0:
                lens, numbers = Lens("none", ()), [projection[at] for at in (0, 5, 2, 6)]
            k = Intrinsics(message.width, message.height, *numbers)
            if reason := why_not(k):
                raise CameraError(f"{named} of {self.name} has {reason}.", "Record it from a calibrated camera.")
            return k, lens
        return None

    def _messages(self, *topics: str) -> Iterator[tuple[str, Any]]:
        """Topic and message of all of these, in the order of their times."""
        wanted = [connection for connection in self._reader.connections if connection.topic in topics]
        with _naming_damage(self.name):
            for connection, _, raw in self._reader.messages(wanted):
                yield connection.topic, self._reader.deserialize(raw, connection.msgtype)

    def _play(self) -> Iterator[RgbdFrame]:
        waiting: dict[str, deque[tuple[float, Any]]] = {
            topic: deque(maxlen=_WAITING) for topic in (self._color, self._depth)
        }
        number = 0
        for topic, message in self._messages(*waiting):
            stamp_s = message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec
            waiting[topic].append((stamp_s, message))
            if not self._depth:
                yield self._frame(message, None, number, stamp_s)
                number += 1
                continue
            pairs = [(abs(c[0] - d[0]), c, d) for c in waiting[self._color] for d in waiting[self._depth]]
            gap_s, color, depth = min(pairs, key=lambda pair: pair[0], default=(np.inf, None, None))
            if color is not None and depth is not None and gap_s <= _TOGETHER_S:
                waiting[self._color].remove(color)
                waiting[self._depth].remove(depth)
                yield self._frame(color[1], depth[1], number, color[0])
                number += 1

    def _frame(self, color_message: Any, depth_message: Any, number: int, stamp_s: float) -> RgbdFrame:
        k = self.intrinsics
        color = color_of(color_message, self.name)
        depth = np.full(k.rays().shape[:2], np.nan, np.float32)
        if depth_message is not None:
            depth = depth_of(depth_message, self.name)
        if color.shape[:2] != (k.height, k.width) or depth.shape != (k.height, k.width):
            raise CameraError(
                f"Frame {number} of {self.name} has colour of {color.shape[:2]} and depth of {depth.shape}, its "
                f"camera_info is of {(k.height, k.width)}.",
                _REMEDY,
            )
        depth_m = known_depth(depth * np.float32(depth_unit_m(depth)))
        if self._undistortion is not None:
            color, depth_m = undistort(color, depth_m, self._undistortion)
        return RgbdFrame(color, depth_m, k, self._path.stem, number, stamp_s, self.name)


def is_ros_bag(path: Path) -> bool:
    """Whether it is a bag of ROS's own: librealsense's are bags too, with topics of theirs."""
    if path.is_dir():
        return (path / "metadata.yaml").is_file()
    if path.suffix.lower() == ".mcap":
        return True
    if path.suffix.lower() == ".db3":
        return _is_db3_of_ros(path)
    if path.suffix.lower() != ".bag":
        return False
    from rosbags.rosbag1 import Reader

    try:
        with Reader(path) as reader:
            return not any(connection.topic.startswith("/device_") for connection in reader.connections)
    except Exception:  # damaged: librealsense's reader tells how
        return False


def _is_db3_of_ros(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            topics = database.execute("SELECT name FROM topics LIMIT 999").fetchall()
    except (sqlite3.Error, UnicodeDecodeError):  # damaged: librealsense's reader tells how
        return False
    return bool(topics) and not any(str(topic).startswith("/device_") for (topic,) in topics)


@contextmanager
def _naming_damage(name: str) -> Iterator[None]:
    try:
        yield
    except CameraError:
        raise
    except Exception as error:  # rosbags asserts and indexes its way through: any of these means damage
        raise CameraError(
            f"{name} is cut off or damaged ({error or type(error).__name__}).", "Copy it again."
        ) from error


def _array(message: Any, key: str) -> list[float]:
    """Numbers of a CameraInfo, whose fields ROS 1 has in capitals."""
    return [float(one) for one in getattr(message, key, getattr(message, key.upper(), ()))]


def _choose(topics: list[str], words: tuple[str, ...], is_depth: bool) -> str:
    """The topic with the first of the words in it, the raw before the compressed; "" where there is none."""
    fitting = sorted((t for t in topics if ("depth" in t.lower()) == is_depth), key=lambda t: ("compressed" in t, t))
    return next((t for word in words for t in fitting if word in t.lower() and "infra" not in t.lower()), "")
