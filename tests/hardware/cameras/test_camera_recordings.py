"""What is recorded plays back equal, and real recordings play as a D435's user expects."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyrealsense2 as rs
import pytest

from core.errors import CameraError, StorageError
from core.image import Intrinsics
from hardware.cameras.frame_folder import write_frame_folder
from hardware.cameras.recorded import open_recording
from hardware.cameras.recorder import Recorder
from tests.support.fake_d435 import SERIAL, FakeD435, in_step
from tests.support.paths import ROOT
from tests.support.recordings import (
    LEGACY,
    SMALL,
    K,
    assert_equal,
    assert_shows_the_scene,
    make_frame,
    read_all,
    record,
)
from tests.support.stand_ins.full_disk import disk_of

# ---------------------------------------------------------------- what is recorded plays back


@pytest.mark.parametrize("first_number", [0, 1, 7])
def test_every_frame_plays_back_equal_from_the_first_to_the_last(tmp_path: Path, first_number: int) -> None:
    written = [make_frame(first_number + n) for n in range(20)]
    camera = open_recording(record(tmp_path / "r.db3", written))
    assert not camera.is_live
    assert close_intrinsics(camera.intrinsics, K)
    read = read_all(camera)
    assert len(read) == len(written)
    for a, b in zip(read, written, strict=True):
        assert_equal(a, b)


def close_intrinsics(a: Intrinsics, b: Intrinsics) -> bool:
    """librealsense keeps intrinsics as float32."""
    return (a.width, a.height) == (b.width, b.height) and np.allclose(a.matrix, b.matrix, rtol=1e-7)


def test_a_recording_can_be_recorded_again_without_loss(tmp_path: Path) -> None:
    written = [make_frame(n) for n in range(3)]
    once = read_all(open_recording(record(tmp_path / "once.db3", written)))
    twice = read_all(open_recording(record(tmp_path / "twice.db3", once)))
    for a, b in zip(twice, once, strict=True):
        np.testing.assert_array_equal(a.depth_m, b.depth_m)
        assert_equal(a, b)


def test_a_frame_folder_can_be_recorded(tmp_path: Path) -> None:
    write_frame_folder(tmp_path / "folder", [make_frame(0), make_frame(1)])
    frames = read_all(open_recording(tmp_path / "folder"))
    for a, b in zip(read_all(open_recording(record(tmp_path / "r.db3", frames))), frames, strict=True):
        assert_equal(a, b)


def test_depth_that_is_absent_or_out_of_range_is_a_hole(tmp_path: Path) -> None:
    depth_m = np.full((K.height, K.width), np.nan, np.float32)
    far = depth_m.copy()
    far[0, :4] = 6.5, 6.6, 100.0, np.inf
    frames = [replace(make_frame(0), depth_m=depth_m), replace(make_frame(1), depth_m=far)]
    nothing, some = read_all(open_recording(record(tmp_path / "r.db3", frames)))
    assert np.isnan(nothing.depth_m).all()
    assert some.depth_m[0, 0] == pytest.approx(6.5, abs=1e-4)
    assert np.isnan(some.depth_m[0, 1:]).all()


# ---------------------------------------------------------------- what the recorder refuses


def test_a_bag_is_not_written_but_db3_is_named(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=r"\.db3 only.*Name it r\.db3"):
        Recorder(tmp_path / "r.bag")


def test_no_recording_is_overwritten(tmp_path: Path) -> None:
    file = record(tmp_path / "r.db3", [make_frame(0)])
    before = file.read_bytes()
    with pytest.raises(CameraError, match="exists already"):
        Recorder(file)
    assert file.read_bytes() == before


def test_a_place_that_cannot_be_written_is_told_before_recording(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        Recorder(tmp_path / "file" / "r.db3")


def test_a_closed_recording_takes_no_more_frames(tmp_path: Path) -> None:
    with Recorder(tmp_path / "r.db3") as recorder:
        recorder.write(make_frame(0))
    with pytest.raises(CameraError, match="is closed"):
        recorder.write(make_frame(1))
    assert len(read_all(open_recording(tmp_path / "r.db3"))) == 1


def test_recording_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="no frame to write"), Recorder(tmp_path / "r.db3"):
        pass
    assert not list(tmp_path.iterdir())


UNFIT = {
    "a repeated frame": (make_frame(0), "not newer"),
    "a stale stamp": (replace(make_frame(1), stamp_s=99.0), "not newer"),
    "another camera": (replace(make_frame(1), serial="other"), "other intrinsics, serial"),
    "another lens": (replace(make_frame(1), intrinsics=replace(K, fx=70.0)), "other intrinsics, serial"),
    "no infrared": (replace(make_frame(1), infrared=None), "other intrinsics, serial"),
    "a cropped image": (replace(make_frame(1), color=make_frame(1).color[:-1]), "unlike its intrinsics"),
    "a float image": (replace(make_frame(1), color=make_frame(1).color / 255.0), "unlike its intrinsics"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_an_unfit_frame_is_refused_and_those_before_it_kept(tmp_path: Path, case: str) -> None:
    frame, said = UNFIT[case]
    with pytest.raises(CameraError, match=said), Recorder(tmp_path / "r.db3") as recorder:
        recorder.write(make_frame(0))
        recorder.write(frame)
    (read,) = read_all(open_recording(tmp_path / "r.db3"))
    assert_equal(read, make_frame(0))


def test_a_killed_recording_leaves_only_a_part_which_plays(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; sys.path[:0] = ['.']\n"
        "from pathlib import Path; from tests.support.recordings import Recorder, make_frame\n"
        "recorder = Recorder(Path(sys.argv[1]))\n"
        "for n in range(20): recorder.write(make_frame(n))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    file = tmp_path / "r.db3"
    ended = subprocess.run([sys.executable, "-c", script, str(file)], cwd=ROOT, capture_output=True, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert [left.name for left in tmp_path.iterdir()] == ["r.partial.db3"]
    played = read_all(open_recording(tmp_path / "r.partial.db3"))
    assert len(played) >= 16
    for read in played[:16]:
        assert_equal(read, make_frame(read.number))
    with pytest.raises(CameraError, match="left of an interrupted recording"):
        Recorder(file)


@pytest.mark.parametrize("count", [12, 200], ids=["found when closed", "found while recording"])
def test_a_full_disk_is_told_and_no_half_recording_gets_the_name(
    tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardware.cameras.recorder._STANDSTILL_S", 0.5)
    frames = [make_frame(n) for n in range(20)]
    with disk_of(300_000), pytest.raises(StorageError, match=r"Only \d+ of \d+ frames") as caught:
        with Recorder(tmp_path / "r.db3") as recorder:
            for n in range(count):
                recorder.write(replace(frames[n % 20], number=n, stamp_s=n / 30))
        pytest.fail("the recording did not fail")
    assert not (tmp_path / "r.db3").exists()
    assert "Free space" in caught.value.remedy


# ---------------------------------------------------------------- recordings of a D435


FAKES = {
    "1280x720 colour, 848x480 depth": FakeD435(),
    "bgr": replace(SMALL, layout=rs.format.bgr8),
    "yuyv": replace(SMALL, layout=rs.format.yuyv),
    "a distorting lens": replace(SMALL, lens=(0.08, -0.05, 0.002, -0.001, 0.01)),
    "0.1 mm": replace(SMALL, unit_m=1e-4),
}


@pytest.mark.parametrize("case", FAKES)
def test_depth_is_aligned_to_undistorted_colour(tmp_path: Path, case: str) -> None:
    fake = FAKES[case]
    fake.record(tmp_path / "r.db3", in_step(3))
    frames = read_all(open_recording(tmp_path / "r.db3"))
    assert [frame.number for frame in frames] == [1, 2, 3]
    for frame in frames:
        assert frame.serial == SERIAL
        np.testing.assert_allclose(frame.intrinsics.matrix, fake.color_matrix(), rtol=1e-6)
        assert_shows_the_scene(frame, fake)


def test_a_bag_of_an_older_librealsense_plays() -> None:
    frames = read_all(open_recording(LEGACY))
    assert [frame.number for frame in frames] == [1, 2, 3, 4, 5]
    for frame in frames:
        assert_shows_the_scene(frame, SMALL)


def test_streams_out_of_step_are_paired_by_time(tmp_path: Path) -> None:
    late = [(kind, 6 * block + n) for block in range(3) for kind in ("color", "depth") for n in range(1, 7)]
    SMALL.record(tmp_path / "r.db3", late)
    assert [frame.number for frame in read_all(open_recording(tmp_path / "r.db3"))] == list(range(1, 19))


def test_a_stretch_without_depth_is_passed_over(tmp_path: Path) -> None:
    gap = [item for item in in_step(60) if item[0] == "color" or not 10 < item[1] <= 55]
    SMALL.record(tmp_path / "r.db3", gap)
    numbers = [frame.number for frame in read_all(open_recording(tmp_path / "r.db3"))]
    assert numbers == [*range(1, 11), *range(56, 61)]


def test_colour_alone_plays_without_depth(tmp_path: Path) -> None:
    replace(SMALL, streams=("color",)).record(tmp_path / "r.db3", [("color", n) for n in range(1, 4)])
    frames = read_all(open_recording(tmp_path / "r.db3"))
    assert len(frames) == 3
    assert all(np.isnan(frame.depth_m).all() for frame in frames)


def test_depth_alone_is_refused(tmp_path: Path) -> None:
    replace(SMALL, streams=("depth",)).record(tmp_path / "r.db3", [("depth", n) for n in range(1, 4)])
    with pytest.raises(CameraError, match="no colour"):
        open_recording(tmp_path / "r.db3")


def test_streams_that_never_meet_are_told(tmp_path: Path) -> None:
    replace(SMALL, color_delay_ms=5000.0).record(tmp_path / "r.db3", in_step(3))
    with pytest.raises(CameraError, match="no colour image with depth"), open_recording(tmp_path / "r.db3") as camera:
        camera.read()


def test_a_closed_recording_gives_no_more_frames() -> None:
    camera = open_recording(LEGACY)
    camera.read()
    camera.close()
    camera.close()
    with pytest.raises(CameraError, match="is closed"):
        camera.read()


def test_a_program_that_leaves_a_recording_open_still_ends() -> None:
    script = "from pathlib import Path; import sys; from hardware.cameras.recorded import open_recording\n"
    script += "camera = open_recording(Path(sys.argv[1])); camera.read(); sys.exit(7)"
    ended = subprocess.run([sys.executable, "-c", script, str(LEGACY)], cwd=ROOT, capture_output=True, timeout=60)
    assert ended.returncode == 7


def test_infrared_of_another_size_is_given_the_colours_view_at_that_size(tmp_path: Path) -> None:
    half = (K.height // 2, K.width // 2)
    small = np.zeros(half, np.uint8)
    file = record(tmp_path / "small.db3", [replace(make_frame(1), infrared=(small, small))])
    device = rs.context().load_device(str(file))
    sensors = device.query_sensors()
    profiles = [p.as_video_stream_profile() for sensor in sensors for p in sensor.get_stream_profiles()]
    k = next(p for p in profiles if p.stream_type() == rs.stream.infrared).get_intrinsics()
    expected = K.resized(half[1], half[0])
    assert (k.width, k.height) == (expected.width, expected.height)
    assert (k.fx, k.fy, k.ppx, k.ppy) == pytest.approx((expected.fx, expected.fy, expected.cx, expected.cy), abs=1e-4)
