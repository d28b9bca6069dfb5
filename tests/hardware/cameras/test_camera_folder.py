"""A folder of frames gives back what was written, and says what is wrong with one that is not."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.errors import CameraError, StorageError
from core.image import Intrinsics
from hardware.cameras.camera import EndOfRecording
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.frame_folder import FrameFolderCamera, write_frame_folder
from hardware.cameras.recorded import open_recording
from tests.support.stand_ins.full_disk import disk_of

K = Intrinsics(64, 48, 61.25, 60.5, 31.5, 24.25)


def make_frame(number: int, k: Intrinsics = K) -> RgbdFrame:
    rng = np.random.default_rng(number)
    depth_m = rng.uniform(0.3, 2.0, (k.height, k.width)).astype(np.float32)
    depth_m[rng.random(depth_m.shape) < 0.2] = np.nan
    color = rng.integers(0, 256, (k.height, k.width, 3), np.uint8)
    return RgbdFrame(color, depth_m, k, "serial-7", number, number / 30, "test")


def recording(full_from: int, disk: ExitStack) -> Iterator[RgbdFrame]:
    """Frames of which the disk takes no whole one from a number on."""
    for number in range(3):
        if number == full_from:
            disk.enter_context(disk_of(6000))
        yield make_frame(number)


@pytest.mark.parametrize("full_from", [0, 2])
def test_a_disk_that_fills_leaves_whole_frames_alone_and_the_command_goes_again(tmp_path: Path, full_from: int) -> None:
    path = tmp_path / "frames"
    with ExitStack() as disk, pytest.raises(StorageError, match="frames cannot be written") as caught:
        write_frame_folder(path, recording(full_from, disk))
    assert "Free some disk" in caught.value.remedy
    if full_from == 0:
        assert write_frame_folder(path, [make_frame(0)]) == 1
    else:
        left = {"intrinsics.json", "000000.png", "000000.depth.npy", "000001.png", "000001.depth.npy"}
        assert {file.name for file in path.iterdir()} == left


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_frame_folder(tmp_path / "frames", [make_frame(0), make_frame(1)])
    return tmp_path / "frames"


def test_a_folder_with_pictures_of_its_own_is_played_by_the_frames_in_it(folder: Path) -> None:
    Image.new("RGB", (9, 9)).save(folder.parent / "grasps.png")
    with open_recording(folder.parent) as camera:
        assert (camera.read().number, camera.read().number, camera.name) == (0, 1, str(folder))
    (folder / "000000.png").rename(folder.parent / "000000.png")
    (folder / "intrinsics.json").rename(folder.parent / "intrinsics.json")
    with open_recording(folder.parent) as camera:
        assert camera.name == str(folder.parent), "what has intrinsics is a folder of frames itself"


def test_what_is_written_is_read_back_equal(folder: Path) -> None:
    with open_recording(folder) as camera:
        assert not camera.is_live
        for number in range(2):
            written, read = make_frame(number), camera.read()
            np.testing.assert_array_equal(read.color, written.color)
            np.testing.assert_array_equal(read.depth_m, written.depth_m)
            assert (read.number, read.intrinsics, read.serial) == (number, K, "serial-7")
        with pytest.raises(EndOfRecording, match=r"frames has 2 frames\. Choose a frame from 0 to 1\."):
            camera.read()


def test_stamps_and_numbers_grow_across_gaps(folder: Path) -> None:
    (folder / "000001.png").rename(folder / "000040.png")
    with FrameFolderCamera(folder) as camera:
        first, second = camera.read(), camera.read()
    assert (first.number, second.number) == (0, 40)
    assert second.stamp_s > first.stamp_s


def test_zero_negative_and_infinite_depth_are_holes(folder: Path) -> None:
    depth_m = np.full((48, 64), 0.5, np.float32)
    depth_m[0, :3] = 0.0, -1.0, np.inf
    np.save(folder / "000000.depth.npy", depth_m)
    read = FrameFolderCamera(folder).read().depth_m
    assert np.isnan(read[0, :3]).all()
    assert (read[0, 3:] == 0.5).all()


def test_a_frame_without_depth_is_all_holes(folder: Path) -> None:
    (folder / "000000.depth.npy").unlink()
    assert np.isnan(FrameFolderCamera(folder).read().depth_m).all()


def test_a_grey_image_becomes_rgb(folder: Path) -> None:
    Image.new("L", (64, 48), 77).save(folder / "000000.png")
    assert (FrameFolderCamera(folder).read().color == 77).all()


def cut_in_half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def change_intrinsics(folder: Path, **values: object) -> None:
    file = folder / "intrinsics.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def depth_file(array: NDArray) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / "000000.depth.npy", array)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no intrinsics": (lambda f: (f / "intrinsics.json").unlink(), "no intrinsics.json"),
    "intrinsics cut off": (lambda f: cut_in_half(f / "intrinsics.json"), "not the JSON of a camera"),
    "intrinsics a list": (lambda f: (f / "intrinsics.json").write_text("[1, 2]"), "not the JSON of a camera"),
    "intrinsics incomplete": (lambda f: (f / "intrinsics.json").write_text('{"width": 64}'), "lacks 'height'"),
    "focal length of zero": (lambda f: change_intrinsics(f, fx=0.0), "values no camera has"),
    "centre not a number": (lambda f: change_intrinsics(f, cx=float("nan")), "values no camera has"),
    "other image size": (lambda f: change_intrinsics(f, width=640, height=480), "640x480"),
    "empty": (lambda f: [file.unlink() for file in f.glob("0*")], "holds no frame"),
    "image cut off": (lambda f: cut_in_half(f / "000000.png"), "000000.png cannot be decoded"),
    "image empty": (lambda f: (f / "000000.png").write_bytes(b""), "000000.png cannot be decoded"),
    "image of 16 bits": (lambda f: Image.new("I;16", (64, 48)).save(f / "000000.png"), "not 8 bit"),
    "depth cut off": (lambda f: cut_in_half(f / "000000.depth.npy"), "000000.depth.npy cannot be read"),
    "depth empty": (lambda f: (f / "000000.depth.npy").write_bytes(b""), "000000.depth.npy cannot be read"),
    "depth foreign": (lambda f: (f / "000000.depth.npy").write_text("metres"), "000000.depth.npy cannot be read"),
    "depth in millimetres": (depth_file(np.full((48, 64), 500, np.uint16)), "float32 metres"),
    "depth of another size": (depth_file(np.ones((24, 32), np.float32)), "shape"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_folder_is_refused_by_name(folder: Path, case: str) -> None:
    damage, said = DAMAGE[case]
    damage(folder)
    with pytest.raises(CameraError, match=said), open_recording(folder) as camera:
        camera.read()


def test_the_frames_beside_a_damaged_one_can_still_be_read(folder: Path) -> None:
    cut_in_half(folder / "000000.png")
    camera = FrameFolderCamera(folder)
    with pytest.raises(CameraError):
        camera.read()
    assert camera.read().number == 1


def test_nothing_is_overwritten(folder: Path) -> None:
    with pytest.raises(CameraError, match="not empty"):
        write_frame_folder(folder, [make_frame(5)])
    assert FrameFolderCamera(folder).read().number == 0


def test_frames_written_before_a_failure_can_be_read(tmp_path: Path) -> None:
    other = Intrinsics(64, 48, 50.0, 50.0, 32.0, 24.0)
    with pytest.raises(CameraError, match="other intrinsics"):
        write_frame_folder(tmp_path / "f", [make_frame(0), make_frame(1, other)])
    camera = FrameFolderCamera(tmp_path / "f")
    np.testing.assert_array_equal(camera.read().color, make_frame(0).color)


def test_a_folder_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="no frame to write"):
        write_frame_folder(tmp_path / "f", [])


def test_only_recordings_are_opened(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"film")
    with pytest.raises(CameraError, match="not a recording"):
        open_recording(tmp_path / "film.mp4")
    with pytest.raises(CameraError, match="no recording"):
        open_recording(tmp_path / "absent.db3")


@pytest.mark.parametrize(
    ("colors", "depths"),
    [
        (["color_7"], {"depth_7": 0.9, "aligned_depth_7": 0.8}),
        (["color_1", "img_1"], {"color_1_depth": 0.8, "depth_9": 0.9}),
        (["color_1", "img_1"], {"color_1-depth": 0.8}),
        (["color_1_1"], {"depth_1_1": 0.8, "depth_11": 0.9}),
        (["color_11"], {"depth_1_1": 0.9}),
    ],
    ids=["aligned first", "by its whole name", "with a dash", "by all its numbers", "11 is not 1, 1"],
)
def test_depth_is_found_beside_the_picture_that_it_is_of(
    tmp_path: Path, colors: list[str], depths: dict[str, float]
) -> None:
    """.8 m is its own; what is .9 m is another's, and no depth is better than that."""
    write_frame_folder(tmp_path / "frames", [make_frame(0)])
    folder = tmp_path / "frames"
    (folder / "000000.depth.npy").unlink()
    picture = (folder / "000000.png").rename(folder / f"{colors[0]}.png")
    for name in colors[1:]:
        (folder / f"{name}.png").write_bytes(picture.read_bytes())
    for name, depth_m in depths.items():
        np.save(folder / f"{name}.npy", np.full((K.height, K.width), depth_m, np.float32))
    with FrameFolderCamera(folder) as camera:
        seen_m = camera.read().depth_m
    assert np.nanmax(seen_m, initial=0.8) == pytest.approx(0.8)
    assert np.isfinite(seen_m).all() == (0.8 in depths.values())


def test_of_a_folder_around_frames_the_inner_one_is_named(folder: Path) -> None:
    folder = folder.rename(folder.parent / "monday")
    with pytest.raises(CameraError, match="one folder down") as refused:
        open_recording(folder.parent)
    assert str(folder) in refused.value.remedy
