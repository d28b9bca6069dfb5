"""A trial's recording as another program reads it, and what becomes of one that is cut, foreign or half written."""

import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mcap.reader import make_reader
from mcap.writer import Writer
from mcap_protobuf.decoder import DecoderFactory

from app.console import Console
from app.events import ErrorTold, Event, MotionBegin, StageBegin, TrialBegin, TrialEnd
from app.trial_recording.arm_messages import cell_scene
from app.trial_recording.messages import TimedMessage, log
from app.trial_recording.notes import TrialNotes
from app.trial_recording.reader import partial_of, read_recording
from app.trial_recording.recorder import RECORDING, TrialRecorder
from app.trial_recording.writer import write_recording
from core.errors import CameraError, StorageError, TrialError
from core.transforms import apply
from grasping.planning.grasp_plan import Phase
from hardware.cameras.recorded import open_recording
from hardware.robot.fixtures import fixtures_of
from hardware.robot.kinematics import forward_kinematics
from tests.support.drawn_cell import CELL
from tests.support.paths import ROOT
from tests.support.quick_cell import QuickCell
from tests.support.scenes.fixtures import RAISED
from tests.support.sessions.recorded_trial import RecordedTrial, record_trial
from tests.support.trial_rows import row
from trials.record import Outcome

SCHEMAS = {
    "/camera/color": "CompressedImage",
    "/camera/calibration": "CameraCalibration",
    "/camera/depth": "RawImage",
    "/estimate/depth": "RawImage",
    "/estimate/cloud": "PointCloud",
    "/tags": "SceneUpdate",
    "/tags/image": "ImageAnnotations",
    "/grasps": "SceneUpdate",
    **{f"/plan/{phase}": "SceneUpdate" for phase in Phase},
    "/joints/planned": "JointStates",
    "/joints/measured": "JointStates",
    "/scene/cell": "SceneUpdate",
    "/scene/robot": "SceneUpdate",
    "/tf": "FrameTransforms",
    "/states": "Log",
}
Said = dict[str, list[tuple[int, Any]]]


@pytest.fixture(scope="module")
def said(done: RecordedTrial) -> Said:
    """By topic, as a reader makes it of the file's own descriptors."""
    messages: Said = defaultdict(list)
    with done.recording.open("rb") as file:
        reader = make_reader(file, validate_crcs=True, decoder_factories=[DecoderFactory()])
        for _, channel, message, decoded in reader.iter_decoded_messages(log_time_order=False):
            messages[channel.topic].append((message.log_time, decoded))
    return messages


def positions(message: Any) -> dict[str, float]:
    return {joint.name: joint.position for joint in message.joints}


def image(message: Any) -> np.ndarray:
    return np.frombuffer(message.data, "<u2").reshape(message.height, message.width)


def test_an_independent_reader_finds_every_topic_in_foxglove_s_schemas_indexed_and_whose_it_is(
    done: RecordedTrial,
) -> None:
    with done.recording.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        (facts,) = [record.metadata for record in reader.iter_metadata() if record.name == "vitro"]
    schemas = {channel.topic: summary.schemas[channel.schema_id].name for channel in summary.channels.values()}
    assert schemas == {topic: f"foxglove.{name}" for topic, name in SCHEMAS.items()}
    assert summary.statistics.message_count > 300 and summary.chunk_indexes
    assert {chunk.compression for chunk in summary.chunk_indexes} == {"zstd"}
    assert (facts["trial"], facts["uuid"], facts["estimator"]) == (str(done.row.id), done.row.uuid, "raw")
    assert facts["label"].endswith(f"trials show {done.row.id}")
    assert facts["outcome"] == done.row.outcome and facts["frame_digest"] == done.row.frame_digest


def test_times_never_go_back_and_begin_when_the_trial_did(done: RecordedTrial, said: Said) -> None:
    with done.recording.open("rb") as file:
        times = [message.log_time for _, _, message in make_reader(file).iter_messages(log_time_order=False)]
    assert times == sorted(times)
    assert abs(times[0] / 1e9 - done.row.begun.timestamp()) < 5
    for topic, messages in said.items():
        for time_ns, message in messages:
            if hasattr(message, "timestamp"):
                stamp = message.timestamp
                assert stamp.seconds * 10**9 + stamp.nanos == time_ns, topic


def test_planned_joints_are_the_plan_s_and_measured_ones_follow_them(done: RecordedTrial, said: Said) -> None:
    plan = done.trial.plan
    expected = np.vstack([motion.positions_rad for motion in plan.motions.values()])
    names = [f"{plan.arm}_joint{number}" for number in range(1, 7)]
    planned = np.array([[positions(message)[name] for name in names] for _, message in said["/joints/planned"]])
    np.testing.assert_array_equal(planned, expected)

    planned_s = np.array([time_ns for time_ns, _ in said["/joints/planned"]]) / 1e9
    moving = [(t / 1e9, positions(m)) for t, m in said["/joints/measured"] if planned_s[0] < t / 1e9 < planned_s[-1]]
    assert len(moving) > 20
    lags = [
        max(abs(measured[name] - np.interp(t, planned_s, planned[:, i])) for i, name in enumerate(names))
        for t, measured in moving
    ]
    worst_rad = max(report.worst_lag_rad for report in done.trial.tracking.values())
    assert max(lags) < worst_rad + np.deg2rad(5)
    assert np.median(lags) < 2 / 3 * worst_rad
    assert {"left_joint1", "right_joint6", "left_gripper", "right_gripper"} <= moving[0][1].keys()


def test_what_the_hand_pressed_with_is_in_the_measured_effort(done: RecordedTrial, said: Said) -> None:
    name = f"{done.trial.plan.arm}_gripper"
    efforts = [
        joint.effort for _, message in said["/joints/measured"] for joint in message.joints if joint.name == name
    ]
    assert max(efforts) >= 0.9 * done.row.effort_nm > 0


def test_colour_is_lossless_and_depth_is_the_sensor_s_to_half_a_millimetre(done: RecordedTrial, said: Said) -> None:
    frame = done.trial.frame
    ((_, picture),) = said["/camera/color"]
    decoded = cv2.imdecode(np.frombuffer(picture.data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(decoded, frame.color)
    ((_, depth),) = said["/camera/depth"]
    known = np.isfinite(frame.depth_m)
    np.testing.assert_array_equal(image(depth) > 0, known)
    np.testing.assert_allclose(image(depth)[known] / 1000, frame.depth_m[known], atol=0.00051)
    assert (depth.encoding, picture.frame_id, depth.frame_id) == ("16UC1", "camera", "camera")


def test_frames_lead_from_the_cloud_to_the_table_and_to_the_fingertips(done: RecordedTrial, said: Said) -> None:
    """The cloud, by the recording's own transforms, lies on the table; the tool is where the joints put it."""
    latest = {t.child_frame_id: t for _, message in said["/tf"] for t in message.transforms}
    assert {"camera", "left_base", "right_base", "left_tcp", "right_tcp"} == latest.keys()
    ((_, cloud),) = said["/estimate/cloud"]
    points = np.frombuffer(cloud.data, np.dtype([("xyz", "<f4", 3), ("rgba", "u1", 4)]))["xyz"]
    heights_m = apply(matrix(latest["camera"]), points)[:, 2]
    assert abs(np.median(heights_m)) < 0.005
    arm = done.trial.plan.arm
    q = positions(said["/joints/measured"][-1][1])
    joints = [q[f"{arm}_joint{number}"] for number in range(1, 7)]
    expected = forward_kinematics(joints, CELL.arms[arm].firmware)
    np.testing.assert_allclose(matrix(latest[f"{arm}_tcp"]), expected, atol=1e-9)


def matrix(t: Any) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    T = np.eye(4)
    T[:3, :3] = Rotation.from_quat([t.rotation.x, t.rotation.y, t.rotation.z, t.rotation.w]).as_matrix()
    T[:3, 3] = t.translation.x, t.translation.y, t.translation.z
    return T


def test_states_tell_each_stage_and_the_outcome(done: RecordedTrial, said: Said) -> None:
    lines = [(message.name, message.message) for _, message in said["/states"]]
    for stage in ("capture", "locate", "estimate", "scale", "detect", "plan", "approve", "execute", "verify", "clear"):
        assert next(words for name, words in lines if name == stage) == "begins"
    assert lines[-1] == ("outcome", "success")


def test_a_refused_trial_is_recorded_with_its_fault_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    refused = record_trial(tmp_path, is_covered=True)
    recording = read_recording(refused.recording)
    words = " ".join(message.message for _, message in recording.messages["/states"])
    assert refused.row.detail in words and "refused" in words
    assert recording.first("/camera/color") is not None and recording.first("/joints/planned") is None


def test_a_recording_cut_anywhere_is_named_and_never_a_traceback(done: RecordedTrial, tmp_path: Path) -> None:
    whole, cut = done.recording.read_bytes(), tmp_path / "trial.mcap"
    lengths = {0, 1, 7, 8, 9, len(whole) - 1, len(whole) - 8, *np.linspace(0, len(whole) - 1, 60).astype(int).tolist()}
    for length in lengths:
        cut.write_bytes(whole[:length])
        with pytest.raises(TrialError, match=r"cut short|no MCAP"):
            read_recording(cut)


def test_a_recording_with_a_flipped_byte_reads_the_same_or_is_named(done: RecordedTrial, tmp_path: Path) -> None:
    whole, harmed = done.recording.read_bytes(), tmp_path / "trial.mcap"
    for place in np.linspace(8, len(whole) - 9, 40).astype(int):
        content = bytearray(whole)
        content[place] ^= 0x10
        harmed.write_bytes(content)
        try:
            read_recording(harmed)
        except TrialError as error:
            assert str(harmed) in error.cause


def foreign(path: Path) -> None:
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start()
        writer.finish()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (foreign, "of no trial"),
        (lambda path: path.write_bytes(b"SQLite format 3\0" * 9), "no MCAP"),
        (lambda path: None, "no recording"),
    ],
)
def test_what_is_no_recording_of_a_trial_is_said_to_be_none(
    make: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    make(tmp_path / "trial.mcap")
    with pytest.raises(TrialError, match=said):
        read_recording(tmp_path / "trial.mcap")


def test_a_crash_in_mid_write_leaves_a_partial_file_that_the_next_reading_names(tmp_path: Path) -> None:
    path = tmp_path / "trial.mcap"
    code = f"""
import os, signal
from functools import partial
from pathlib import Path
from app.trial_recording.messages import TimedMessage, log
from app.trial_recording.writer import write_recording
said = [TimedMessage(n, "/states", partial(log, "x" * 5000, "x", n)) for n in range(500)]
said.append(TimedMessage(500, "/states", lambda: os.kill(os.getpid(), signal.SIGKILL)))
write_recording(Path({str(path)!r}), said, {{}})
"""
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not path.exists() and partial_of(path).exists()
    with pytest.raises(TrialError, match="its process ended"):
        read_recording(path)


def test_a_message_that_cannot_be_made_leaves_nothing_half_written(tmp_path: Path) -> None:
    def fail() -> Any:
        raise OSError(28, "No space left on device")

    first = TimedMessage(0, "/states", lambda: log("x", "x", 0))
    with pytest.raises(StorageError, match="No space left"):
        write_recording(tmp_path / "trial.mcap", [first, TimedMessage(1, "/states", fail)], {})
    assert not list(tmp_path.iterdir())


def test_what_fails_in_it_costs_one_trials_recording_and_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a bug")

    console, told = Console(is_quiet=True), list[Event]()
    with closing(QuickCell()) as world:
        console.events.add(TrialRecorder(world, CELL, console).hear)
        console.events.add(told.append)
        console.events.tell(TrialBegin(row(id=1), tmp_path / "1"))
        console.events.tell(MotionBegin("left"))
        assert "arm-sampler" in {thread.name for thread in threading.enumerate()}
        with monkeypatch.context() as patch:
            patch.setattr(TrialNotes, "say", fail)
            console.events.tell(StageBegin("plan"))
            console.events.tell(StageBegin("approve"))
        assert "arm-sampler" not in {thread.name for thread in threading.enumerate()}
        (error,) = [event for event in told if isinstance(event, ErrorTold)]
        assert "Trial 1 is not recorded (KeyError: 'a bug')" in error.cause and "test_recorder.py:" in error.remedy
        console.events.tell(TrialEnd(row(id=1, outcome=Outcome.SUCCESS)))
        console.events.tell(TrialBegin(row(id=2), tmp_path / "2"))
        console.events.tell(TrialEnd(row(id=2, outcome=Outcome.SUCCESS)))
    assert not (tmp_path / "1").exists()
    assert read_recording(tmp_path / "2" / RECORDING).facts["trial"] == "2"


def test_a_dry_run_of_a_trials_recording_is_told_of_replay_and_its_folder_is_played(done: RecordedTrial) -> None:
    with pytest.raises(CameraError, match="records a trial") as caught:
        open_recording(done.recording)
    assert f"replay {done.recording}" in caught.value.remedy
    with open_recording(done.folder) as camera:
        np.testing.assert_array_equal(camera.read().color, done.trial.frame.color)


def test_a_recording_shows_table_bin_and_what_is_fixed() -> None:
    cubes = cell_scene(RAISED, 0).entities[0].cubes
    fixed = fixtures_of(RAISED)
    assert len(cubes) == 1 + len(RAISED.bin.slabs) + len(fixed)
    for cube, one in zip(cubes[-len(fixed) :], fixed, strict=True):
        at, size = cube.pose.position, cube.size
        np.testing.assert_allclose([at.x, at.y, at.z], one.T_world_box[:3, 3])
        np.testing.assert_allclose([size.x, size.y, size.z], one.size_m)
