"""Readers of other programs' recordings, of trials and their exports, each with a sound file to damage."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from app.bench.fuzz.reader import COLOR, DEPTH_M, INTRINSICS, Reader
from core import image_file

_MILLIMETRES = (DEPTH_M * 1000).astype(np.uint16)
_TOPICS = {
    "/color/image_raw": "sensor_msgs/msg/Image",
    "/color/camera_info": "sensor_msgs/msg/CameraInfo",
    "/aligned_depth/image_raw": "sensor_msgs/msg/Image",
}


def _write_ros(name: str, folder: Path) -> None:
    """A frame as ROS 1 (.bag) or ROS 2 (.db3, .mcap) records it."""
    from rosbags.rosbag1 import Writer as Writer1
    from rosbags.rosbag2 import StoragePlugin
    from rosbags.rosbag2 import Writer as Writer2
    from rosbags.typesys import Stores, get_typestore

    is_ros1 = name.endswith(".bag")
    store: Any = get_typestore(Stores.ROS1_NOETIC if is_ros1 else Stores.ROS2_HUMBLE)
    storage = StoragePlugin.MCAP if name.endswith(".mcap") else StoragePlugin.SQLITE3
    bag: Any = Writer1(folder / name) if is_ros1 else Writer2(folder / f"{name}.d", version=8, storage_plugin=storage)
    with bag:
        for topic, kind in _TOPICS.items():
            message = _ros_message(store.types, topic, kind, is_ros1)
            data = store.serialize_ros1(message, kind) if is_ros1 else store.serialize_cdr(message, kind)
            bag.write(bag.add_connection(topic, kind, typestore=store), 1, data)
    if not is_ros1:
        (folder / f"{name}.d" / f"{name}.d{Path(name).suffix}").rename(folder / name)


def _ros_message(types: Any, topic: str, kind: str, is_ros1: bool) -> Any:
    stamp = types["builtin_interfaces/msg/Time"](sec=1, nanosec=0)
    header = types["std_msgs/msg/Header"](stamp=stamp, frame_id="camera", **({"seq": 0} if is_ros1 else {}))
    if kind.endswith("Info"):
        roi = types["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
        arrays = {"D": np.zeros(5), "K": INTRINSICS.matrix.ravel(), "R": np.eye(3).ravel(), "P": np.zeros(12)}
        named = {key if is_ros1 else key.lower(): value for key, value in arrays.items()}
        size = {"height": 24, "width": 32, "distortion_model": "plumb_bob", "binning_x": 0, "binning_y": 0}
        return types[kind](header=header, roi=roi, **size, **named)
    image, encoding = (COLOR, "rgb8") if "color" in topic else (_MILLIMETRES, "16UC1")
    raw, step = image.view(np.uint8).ravel(), image.strides[0]
    return types[kind](header=header, height=24, width=32, encoding=encoding, is_bigendian=0, step=step, data=raw)


def _read_frame(name: str, folder: Path) -> object:
    from hardware.cameras.foreign.ros_bag import RosBagCamera, is_ros_bag

    is_ros_bag(folder / name)
    with RosBagCamera(folder / name) as camera:
        return camera.read()


def _write_graspnet(folder: Path) -> None:
    import cv2
    from scipy.io import savemat

    for part in ("rgb", "depth", "meta"):
        (folder / part).mkdir()
    image_file.write_image(folder / "rgb" / "0.png", COLOR)
    cv2.imwrite(str(folder / "depth" / "0.png"), _MILLIMETRES)
    savemat(folder / "meta" / "0.mat", {"intrinsic_matrix": INTRINSICS.matrix, "factor_depth": 1000})


def _read_graspnet(folder: Path) -> object:
    from hardware.cameras.foreign.graspnet import GraspNetCamera

    with GraspNetCamera(folder) as camera:
        return camera.read()


def _write_trial(folder: Path) -> None:
    from app.trial_recording.messages import TimedMessage, message, stamp
    from app.trial_recording.writer import write_recording

    def said(number: int) -> TimedMessage:
        return TimedMessage(number, "/states", lambda: message("Log", timestamp=stamp(number), message="capture"))

    write_recording(folder / "trial.mcap", map(said, range(20)), {"format": "1", "trial": "1", "frames": "1"})


def _read_trial(folder: Path) -> object:
    from app.trial_recording.reader import read_recording

    return read_recording(folder / "trial.mcap")


def _write_export(name: str, folder: Path) -> None:
    from trials.exchange.content import read_content
    from trials.exchange.lines import write_lines, write_zip
    from trials.record import Outcome, TrialRecord
    from trials.store import TrialStore

    one = TrialRecord(
        surface="diffuse", estimator="raw", detector="antipodal", planner="ompl", cell="sim", world="sim", seed=1
    )
    with TrialStore(folder / "trials.db") as store:
        for _ in range(3):
            store.update(replace(store.begin(one), outcome=Outcome.FAILURE))
        if name.endswith(".zip"):
            with (folder / name).open("wb") as packed:
                write_zip(read_content(store), packed)
        else:
            with (folder / name).open("w") as lines:
                write_lines(read_content(store), lines)


def _read_export(name: str, folder: Path) -> object:
    from trials.exchange.lines import reading_lines

    with reading_lines(folder / name) as content:
        return list(content.trials)


def _write_video(folder: Path) -> None:
    import av

    with av.open(str(folder / "a.mkv"), "w") as video:
        stream: Any = video.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "bgr0"
        for _ in range(2):
            video.mux(stream.encode(av.VideoFrame.from_ndarray(COLOR, "rgb24").reformat(format="bgr0")))
        video.mux(stream.encode())


def _read_video(folder: Path) -> object:
    from hardware.cameras.clips.files import open_clip

    return open_clip(folder / "a.mkv").count


RECORDING_READERS = {
    **{
        f"ros {kind}": Reader(f"a.{kind}", partial(_write_ros, f"a.{kind}"), partial(_read_frame, f"a.{kind}"))
        for kind in ("bag", "db3", "mcap")
    },
    "graspnet": Reader("meta/0.mat", _write_graspnet, _read_graspnet),
    "trial.mcap": Reader("trial.mcap", _write_trial, _read_trial),
    **{
        f"export {kind}": Reader(f"a.{kind}", partial(_write_export, f"a.{kind}"), partial(_read_export, f"a.{kind}"))
        for kind in ("jsonl", "zip")
    },
    "video": Reader("a.mkv", _write_video, _read_video),
}
