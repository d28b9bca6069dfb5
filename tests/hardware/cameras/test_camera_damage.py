"""A damaged recording gives what is sound of it and says what is not; it never takes the program along."""

import signal
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import CameraError
from hardware.cameras import recorded
from hardware.cameras.camera import EndOfRecording
from hardware.cameras.child import Child
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.recorded import RecordedCamera, open_recording
from tests.support.recordings import LEGACY, SMALL, assert_equal, assert_shows_the_scene, make_frame, record


@pytest.fixture(scope="module")
def sound_db3(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return record(tmp_path_factory.mktemp("sound") / "r.db3", [make_frame(n) for n in range(8)]).read_bytes()


@pytest.mark.parametrize("suffix", [".bag", ".db3"])
@pytest.mark.parametrize(
    ("content", "said"),
    [("empty", "is empty"), ("foreign", "not a RealSense recording"), ("half", "cut off or damaged")],
)
def test_an_empty_foreign_or_cut_off_file_is_named(
    tmp_path: Path, sound_db3: bytes, suffix: str, content: str, said: str
) -> None:
    sound = LEGACY.read_bytes() if suffix == ".bag" else sound_db3
    file = tmp_path / f"r{suffix}"
    file.write_bytes({"empty": b"", "foreign": b"not a recording\n" * 100, "half": sound[: len(sound) // 2]}[content])
    with pytest.raises(CameraError, match=f"{file.name} .*{said}"):
        open_recording(file)


def read_until_error(file: Path) -> tuple[list[RgbdFrame], CameraError]:
    frames = []
    with open_recording(file) as camera, pytest.raises(CameraError) as caught:
        while True:
            frames.append(camera.read())
    assert not isinstance(caught.value, EndOfRecording)
    return frames, caught.value


def test_a_bag_garbled_in_the_middle_gives_what_is_sound_and_counts_what_is_lost(tmp_path: Path) -> None:
    damaged, file = bytearray(LEGACY.read_bytes()), tmp_path / "r.bag"
    start = damaged.rindex(b"\x04\x22\x4d\x18") + 100  # inside the last compressed chunk
    damaged[start : start + 40] = b"garbled!" * 5
    file.write_bytes(damaged)
    frames, error = read_until_error(file)
    assert 0 < len(frames) < 5
    assert "of 5" in error.cause
    for frame in frames:
        assert_shows_the_scene(frame, SMALL)


def test_a_bag_with_a_damaged_structure_is_refused_before_librealsense_hangs_on_it(tmp_path: Path) -> None:
    damaged, file = bytearray(LEGACY.read_bytes()), tmp_path / "r.bag"
    middle = len(damaged) // 2
    damaged[middle : middle + 8000] = bytes(8000)
    file.write_bytes(damaged)
    with pytest.raises(CameraError, match="damaged"):
        open_recording(file)


@pytest.mark.parametrize("image", range(12, 16), ids=["first", "second", "third", "fourth"])
def test_a_db3_with_a_garbled_image_never_gives_wrong_pixels(tmp_path: Path, sound_db3: bytes, image: int) -> None:
    damaged, file = bytearray(sound_db3), tmp_path / "r.db3"
    at = [start for start in range(len(damaged)) if damaged.startswith(b"\x89PNG", start)][image] + 1000
    damaged[at : at + 4] = b"oops"
    file.write_bytes(damaged)
    frames, error = read_until_error(file)
    assert "of 8" in error.cause
    assert 3 <= len(frames) <= 8  # all but one where only pixels are hit, those before where the file is
    for frame in frames:
        written = make_frame(frame.number)
        assert_equal(frame, replace(written, infrared=frame.infrared and written.infrared))


@pytest.fixture
def hanging_db3(tmp_path: Path, sound_db3: bytes) -> Path:
    file = tmp_path / "r.db3"
    file.write_bytes(sound_db3.replace(b"/device_0/sensor_1/Color_0/info", b"/device_0/sensor01/Color_0/info"))
    return file


@pytest.mark.slow
def test_a_description_librealsense_hangs_on_is_refused(hanging_db3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "_OPEN_S", 3.0)
    with pytest.raises(CameraError, match="librealsense hangs on it"):
        open_recording(hanging_db3)


@pytest.mark.slow
@pytest.mark.parametrize("wait_s", [0.0, 4.0], ids=["while it starts", "while librealsense hangs"])
def test_the_player_ends_with_the_program_that_started_it(hanging_db3: Path, wait_s: float) -> None:
    child = Child("hardware.cameras.player", str(hanging_db3))
    player = child.process
    with closing(child):
        assert player.stdin is not None
        time.sleep(wait_s)
        player.stdin.close()  # as when the program is killed
        try:
            assert player.wait(timeout=30.0) in (0, -signal.SIGKILL)
        finally:
            player.kill()


@pytest.mark.parametrize(("blow", "said"), [(signal.SIGKILL, "crashes"), (signal.SIGSTOP, "hangs")])
def test_a_file_that_brings_librealsense_down_does_not_take_the_program_along(
    sound_db3: bytes, tmp_path: Path, blow: signal.Signals, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "_STALL_S", 0.5)
    (tmp_path / "r.db3").write_bytes(sound_db3)
    with RecordedCamera(tmp_path / "r.db3") as camera:
        camera.read()
        camera._player.process.send_signal(blow)
        for _ in range(2):  # and it stays down
            with pytest.raises(CameraError, match=f"librealsense {said} on it") as caught:
                while True:
                    camera.read()
    assert "frames given are sound" in caught.value.remedy
    assert camera._player.process.returncode is not None
