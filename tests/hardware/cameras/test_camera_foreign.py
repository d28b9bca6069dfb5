"""Bags of ROS and GraspNet's folders play as cameras, with what they hold; what they lack is told."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

from core.errors import CameraError
from core.image import Intrinsics
from hardware.cameras.camera import EndOfRecording
from hardware.cameras.clips.files import open_clip
from hardware.cameras.foreign.mat_file import read_mat, read_structs
from hardware.cameras.recorded import open_recording

K = Intrinsics(160, 120, 115.0, 114.0, 78.5, 60.0)
_RNG = np.random.default_rng(0)
COLOR = _RNG.integers(0, 255, (120, 160, 3), np.uint8)
DEPTH_MM = _RNG.integers(300, 2000, (120, 160), np.uint16)
TOPICS = {
    "color": ("/camera/color/image_raw", "sensor_msgs/msg/Image"),
    "depth": ("/camera/aligned_depth_to_color/image_raw", "sensor_msgs/msg/Image"),
    "info": ("/camera/color/camera_info", "sensor_msgs/msg/CameraInfo"),
}


#: A lens that bends as K and D have it, and what is left of it once it is undone.
BENT = {
    "D": np.array([-0.2, 0.05, 0.0, 0.0, 0.0]),
    "K": K.matrix.ravel() + 3.0,
    "P": np.c_[K.matrix, np.zeros(3)].ravel(),
}
PINHOLE = {"D": np.zeros(5), "K": K.matrix.ravel(), "P": np.zeros(12)}


def write_bag(
    path: Path,
    is_ros2: bool,
    compressed: bool = False,
    without: str = "",
    late_ns: int = 5_000_000,
    storage: StoragePlugin = StoragePlugin.SQLITE3,
    picture: str = "image_raw",
    lens: dict = PINHOLE,
) -> Path:
    """Three frames, depth a little after colour."""
    store = get_typestore(Stores.ROS2_HUMBLE if is_ros2 else Stores.ROS1_NOETIC)
    types = store.types
    topics = {key: value for key, value in TOPICS.items() if key != without}
    if "color" in topics:
        topics["color"] = (TOPICS["color"][0].replace("image_raw", picture), TOPICS["color"][1])
    if compressed:
        for key in ("color", "depth"):
            topics[key] = (
                f"{topics[key][0]}/compressed{'Depth' * (key == 'depth')}",
                "sensor_msgs/msg/CompressedImage",
            )
    writer = Writer2(path, version=8, storage_plugin=storage) if is_ros2 else Writer1(path)
    with writer:
        lines = {key: writer.add_connection(*value, typestore=store) for key, value in topics.items()}
        for number in range(3):
            for key, (_, kind) in topics.items():
                nanoseconds = number * 33_000_000 + late_ns * (key == "depth")
                seconds = 100 + nanoseconds // 10**9
                stamp = types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds % 10**9)
                order = {} if is_ros2 else {"seq": number}
                header = types["std_msgs/msg/Header"](stamp=stamp, frame_id="camera", **order)
                message = _message(types, key, kind, header, is_ros2, lens)
                data = store.serialize_cdr(message, kind) if is_ros2 else store.serialize_ros1(message, kind)
                writer.write(lines[key], 100 * 10**9 + nanoseconds, data)
    return path


def _message(types, key: str, kind: str, header, is_ros2: bool, lens: dict):
    if key == "info":
        roi = types["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
        arrays = lens | {"R": np.eye(3).ravel()}
        arrays = {name.lower() if is_ros2 else name: value for name, value in arrays.items()}
        size = {"height": 120, "width": 160, "distortion_model": "plumb_bob", "binning_x": 0, "binning_y": 0}
        return types[kind](header=header, **size, roi=roi, **arrays)
    image, encoding = (COLOR, "rgb8") if key == "color" else (DEPTH_MM, "16UC1")
    if kind.endswith("CompressedImage"):
        png = cv2.imencode(".png", image[..., ::-1] if key == "color" else image)[1].ravel()
        head, form = (b"", "rgb8; png compressed bgr8") if key == "color" else (bytes(12), "16UC1; compressedDepth png")
        return types[kind](header=header, format=form, data=np.concatenate([np.frombuffer(head, np.uint8), png]))
    raw, step = image.view(np.uint8).ravel(), image.strides[0]
    return types[kind](header=header, height=120, width=160, encoding=encoding, is_bigendian=0, step=step, data=raw)


def demand_frames(path: Path, count: int) -> None:
    with open_recording(path) as camera:
        for _ in range(count):
            frame = camera.read()
            assert frame.intrinsics == K and np.array_equal(frame.color, COLOR)
            np.testing.assert_allclose(frame.depth_m, DEPTH_MM / 1000, rtol=1e-6)
        with pytest.raises(EndOfRecording):
            camera.read()
        assert camera.notes
    assert open_clip(path).count == count


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["ros1.bag", "ros2"])
def test_a_bag_of_ros_plays(tmp_path: Path, name: str, compressed: bool) -> None:
    demand_frames(write_bag(tmp_path / name, name == "ros2", compressed), 3)


@pytest.mark.parametrize("storage", [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
def test_the_file_of_a_ros_2_bag_plays_without_its_folder(tmp_path: Path, storage: StoragePlugin) -> None:
    (file,) = (p for p in write_bag(tmp_path / "bag", True, storage=storage).iterdir() if p.suffix != ".yaml")
    demand_frames(file.rename(tmp_path / f"alone{file.suffix}"), 3)


def test_pictures_that_are_rectified_are_not_undistorted_again(tmp_path: Path) -> None:
    demand_frames(write_bag(tmp_path / "ros2", True, picture="image_rect_color", lens=BENT), 3)


def test_colour_and_depth_of_other_times_are_told_apart(tmp_path: Path) -> None:
    camera = open_recording(write_bag(tmp_path / "ros2", True, late_ns=10**11))
    with pytest.raises(CameraError, match="within 17 ms"):
        camera.read()


@pytest.mark.parametrize(("without", "told"), [("color", "no colour image"), ("info", "no camera_info")])
def test_a_bag_that_lacks_a_part_is_refused_by_its_name(tmp_path: Path, without: str, told: str) -> None:
    with pytest.raises(CameraError, match=told):
        open_recording(write_bag(tmp_path / "ros2", True, without=without))


def test_graspnets_layout_plays_in_its_own_unit(tmp_path: Path) -> None:
    for part in ("rgb", "depth", "meta"):
        (tmp_path / part).mkdir()
    cv2.imwrite(str(tmp_path / "rgb" / "0000.png"), COLOR[..., ::-1])
    cv2.imwrite(str(tmp_path / "depth" / "0000.png"), DEPTH_MM * np.uint16(10))
    meta = tmp_path / "meta" / "0000.mat"
    scipy.io.savemat(meta, {"intrinsic_matrix": K.matrix, "factor_depth": np.array([[10000]])})
    demand_frames(tmp_path, 1)
    meta.write_bytes(b"damaged")
    with pytest.raises(CameraError, match=r"0000\.mat cannot be read"):
        open_recording(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_a_mat_file_reads_as_scipy_reads_it(tmp_path: Path, packed: bool) -> None:
    arrays = {"intrinsic_matrix": K.matrix, "factor_depth": np.array([[1000]]), "ids": np.arange(9, dtype=np.int16)}
    arrays |= {"poses": _RNG.normal(size=(3, 4, 5)), "few": np.array([[7]], np.uint8)}
    scipy.io.savemat(tmp_path / "a.mat", {**arrays, "said": "text", "more": {"a": 1.0}}, do_compression=packed)
    found, truth = read_mat(tmp_path / "a.mat"), scipy.io.loadmat(tmp_path / "a.mat")
    assert set(found) == set(arrays)
    for name, array in found.items():
        assert np.array_equal(array, truth[name])


@pytest.mark.parametrize("packed", [False, True])
def test_the_numbers_of_a_mat_files_structs_read_as_scipy_reads_them(tmp_path: Path, packed: bool) -> None:
    fields = {
        "intrinsic_matrix": K.matrix,
        "factor_depth": np.array([[1000]], np.uint16),
        "poses": _RNG.normal(size=(3, 4, 5)),
    }
    structs = {
        "f000007": fields | {"said": "text", "inner": {"a": 1.0}},
        "f000008": {"cls_indexes": np.arange(3)[:, None]},
    }
    scipy.io.savemat(tmp_path / "a.mat", {**structs, "number": 3.0}, do_compression=packed)
    found, truth = read_structs(tmp_path / "a.mat"), scipy.io.loadmat(tmp_path / "a.mat")
    assert {name: set(record) for name, record in found.items()} == {"f000007": set(fields), "f000008": {"cls_indexes"}}
    for name, record in found.items():
        for field, array in record.items():
            assert np.array_equal(array, truth[name][field][0, 0])
