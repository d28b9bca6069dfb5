"""A trial's recording by time: where the arms were and should have been, what was seen by then, what was said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.trial_recording.arm_messages import joint_names
from app.trial_recording.reader import TrialRecording
from core.errors import TrialError
from hardware.cameras.frame import RgbdFrame
from perception.pictures import Image


@dataclass(frozen=True)
class JointTrack:
    """An arm's joints (N, 6) [rad] and the gap between its fingers (N,) [m, NaN where not said] at times (N,) [s]."""

    times_s: NDArray[np.float64]
    joints_rad: NDArray[np.float64]
    width_m: NDArray[np.float64]

    def at(self, time_s: float) -> tuple[NDArray[np.float64], float]:
        """Joints (6,) and gap, between the neighbours in time, held at both ends."""
        joints = np.array([np.interp(time_s, self.times_s, column) for column in self.joints_rad.T])
        return joints, float(np.interp(time_s, self.times_s, self.width_m))

    def before(self, time_s: float) -> NDArray[np.float64]:
        """The joints (6,) of the last report by then, or else of the first."""
        return np.array(self.joints_rad[max(0, int(np.searchsorted(self.times_s, time_s, "right")) - 1)])


@dataclass(frozen=True)
class StateNote:
    """One line of /states."""

    time_s: float
    name: str
    words: str
    is_error: bool


@dataclass(frozen=True)
class Timeline:
    """Times are seconds from the recording's begin. measured: by arm. planned: the planned arm's, by name."""

    duration_s: float
    measured: Mapping[str, JointTrack]
    planned: Mapping[str, JointTrack]
    notes: tuple[StateNote, ...]
    colors: tuple[tuple[float, Image], ...]
    depths: tuple[tuple[float, NDArray[np.float32]], ...]
    estimates: tuple[tuple[float, NDArray[np.float32]], ...]
    clouds: tuple[tuple[float, Any], ...]
    cameras: tuple[tuple[float, NDArray[np.float64]], ...]

    @property
    def seen_s(self) -> float:
        """When the first of every kind of picture was there, and nothing had moved yet; 0 where there is none."""
        kinds = (self.colors, self.depths, self.estimates, self.clouds)
        return max((kind[0][0] for kind in kinds if kind), default=0.0)

    @property
    def steps_s(self) -> tuple[float, ...]:
        """When something was said, each time once."""
        return tuple(sorted({note.time_s for note in self.notes}))


def newest(seen: Sequence[tuple[float, Any]], time_s: float) -> Any | None:
    """The last of what was there by then, None where nothing was."""
    return next((value for when_s, value in reversed(seen) if when_s <= time_s + 1e-6), None)


def timeline_of(recording: TrialRecording) -> Timeline:
    """The recording, decoded.

    Raises:
        TrialError: it has what no recording of ours has.
    """
    try:
        return _decode(recording)
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise TrialError(
            f"{recording.path} cannot be shown ({error}).", "Open it in Foxglove or Rerun; report it if Vitro wrote it."
        ) from error


def _decode(recording: TrialRecording) -> Timeline:
    begin_ns, end_ns = recording.span_ns

    def stamped_messages(topic: str) -> list[tuple[float, Any]]:
        return [((time_ns - begin_ns) / 1e9, message) for time_ns, message in recording.messages.get(topic, ())]

    notes = [StateNote(s, line.name, line.message, line.level >= 4) for s, line in stamped_messages("/states")]
    return Timeline(
        duration_s=(end_ns - begin_ns) / 1e9,
        measured=_tracks(stamped_messages("/joints/measured")),
        planned=_tracks(stamped_messages("/joints/planned")),
        notes=tuple(notes),
        colors=tuple((s, _color(message)) for s, message in stamped_messages("/camera/color")),
        depths=tuple((s, _depth_m(message)) for s, message in stamped_messages("/camera/depth")),
        estimates=tuple((s, _depth_m(message)) for s, message in stamped_messages("/estimate/depth")),
        clouds=tuple(stamped_messages("/estimate/cloud")),
        cameras=tuple(
            (s, _matrix(one)) for s, said in stamped_messages("/tf") for one in said.transforms if _is_camera(one)
        ),
    )


def timeline_of_frames(frames: Sequence[RgbdFrame], depth_m: NDArray[np.float32] | None) -> Timeline:
    """Of a trial that has no recording: its newest frame and the depth made of it, at the one time there is."""
    seen = [] if depth_m is None else [(0.0, depth_m)]
    colors, depths = [(0.0, frames[-1].color)], [(0.0, frames[-1].depth_m)]
    return Timeline(0.0, {}, {}, (), tuple(colors), tuple(depths), tuple(seen), (), ())


def cloud_points(message: Any) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Points (N, 3) [m] in the camera's frame and their colours (N, 3) of a `PointCloud` of ours."""
    points = np.frombuffer(message.data, np.dtype([("xyz", "<f4", 3), ("rgba", "u1", 4)]))
    return points["xyz"], points["rgba"][:, :3]


def _tracks(said: list[tuple[float, Any]]) -> dict[str, JointTrack]:
    rows: dict[str, list[list[float]]] = {}
    for time_s, message in said:
        values = {joint.name: joint.position for joint in message.joints}
        for arm in dict.fromkeys(name.rpartition("_")[0] for name in values):
            if all(name in values for name in joint_names(arm)):
                width_m = values.get(f"{arm}_gripper", float("nan"))
                rows.setdefault(arm, []).append([time_s, *(values[name] for name in joint_names(arm)), width_m])
    arrays = {arm: np.array(table) for arm, table in rows.items()}
    return {arm: JointTrack(table[:, 0], table[:, 1:7], table[:, 7]) for arm, table in arrays.items()}


def _is_camera(transform: Any) -> bool:
    return bool(transform.child_frame_id == "camera")


def _color(message: Any) -> Image:
    import cv2

    decoded = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise ValueError("a picture that no decoder takes")
    return np.ascontiguousarray(decoded[..., ::-1], np.uint8)


def _depth_m(message: Any) -> NDArray[np.float32]:
    millimetres = np.frombuffer(message.data, "<u2").reshape(message.height, message.width).astype(np.float32)
    return np.where(millimetres > 0, millimetres / 1000, np.nan).astype(np.float32)


def _matrix(transform: Any) -> NDArray[np.float64]:
    from scipy.spatial.transform import Rotation

    T, turn, at = np.eye(4), transform.rotation, transform.translation
    T[:3, :3] = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix()
    T[:3, 3] = at.x, at.y, at.z
    return T
