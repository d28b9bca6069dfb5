"""A trial's recording, topic by topic, from what was heard of it.

/camera/color          CompressedImage        the frame that was acted on (a clip's others lie in frames/)
/camera/calibration    CameraCalibration
/camera/depth          RawImage, 16UC1        what the sensor gave, millimetres
/estimate/depth        RawImage, 16UC1        what the estimator made of it, metric, millimetres
/estimate/cloud        PointCloud             the same as coloured points
/tags, /tags/image     SceneUpdate, ImageAnnotations
/grasps                SceneUpdate            the best ones and the chosen one, with their scores
/plan/<phase>          SceneUpdate            the path of the fingertips
/joints/planned        JointStates            every position of the plan, at its time
/joints/measured       JointStates            20 times a second while an arm may move
/scene/cell, /robot    SceneUpdate            table, bin, fixtures; the arms' links
/tf                    FrameTransforms        world to camera and arms, arms to their fingertips
/states                Log                    stages, questions, faults with their remedies, the outcome
"""

from collections.abc import Iterator
from functools import partial

from app.run.trial import Trial
from app.trial_recording.arm_messages import (
    cell_scene,
    fixed_frames,
    measured_states,
    path_scene,
    planned_states,
    robot_scene,
    tool_frames,
)
from app.trial_recording.camera_messages import (
    calibration_message,
    cloud_message,
    color_message,
    depth_message,
    tags_on_image,
)
from app.trial_recording.messages import TimedMessage, log
from app.trial_recording.notes import TrialNotes
from app.trial_recording.sampler import ArmSample
from app.trial_recording.scene_messages import chosen_scene, grasps_scene, tags_scene
from core.cell import Cell
from core.transforms import invert
from grasping.planning.grasp_plan import Phase

#: Of the recording's layout, raised when a reader must know.
FORMAT = 1
#: What in its metadata is the whole cell, as it was calibrated: its file may be changed, or its name be another's.
CELL_CONTENT = "cell_content"
#: Links are drawn no more often than this [ns]; joints and frames have every sample.
_DRAWN_EVERY_NS = 200_000_000


def facts(notes: TrialNotes, cell: Cell) -> dict[str, str]:
    """The recording's metadata: which trial it is of, and how its numbers are to be read."""
    record = notes.record
    return {
        "format": str(FORMAT),
        "trial": str(record.id),
        "uuid": record.uuid,
        "surface": record.surface,
        "estimator": (notes.trial.shown if notes.trial is not None else "") or record.estimator,
        "detector": record.detector,
        "planner": record.planner,
        "software": record.software,
        "calibration": record.calibration,
        "cell": cell.name,
        CELL_CONTENT: cell.model_dump_json(),
        "world": record.world,
        "seed": str(record.seed),
        "outcome": str(record.outcome or ""),
        "reason": str(record.reason),
        "label": f"in the log alone, for people give it later: python main.py trials show {record.id}",
        "frame_digest": record.frame_digest,
        "units": "m, rad, s, N·m; depth images in mm; quaternions x y z w",
        "frames": "world: table's centre, z up; camera: x right, y down, z forward; <arm>_base; <arm>_tcp",
        "time": "monotonic, laid onto the wall clock at the trial's begin; while arms move, the cell's clock",
    }


def contents(notes: TrialNotes, cell: Cell) -> Iterator[TimedMessage]:
    """All of it, topic after topic; who writes it puts it in order of time."""
    begun_ns = notes.begun_ns
    yield TimedMessage(begun_ns, "/scene/cell", partial(cell_scene, cell, begun_ns))
    yield TimedMessage(begun_ns, "/tf", partial(fixed_frames, cell, cell.camera.T_world_camera, begun_ns))
    for line in notes.lines:
        said = partial(log, line.words, line.name, line.time_ns, line.level)
        yield TimedMessage(line.time_ns, "/states", said)
    yield from _samples(notes.samples, cell)
    for attempt, known_ns, phases_ns in notes.attempts():
        yield from _seen(attempt, known_ns, cell)
        yield from _plan_messages(attempt, known_ns, phases_ns, cell)


def _samples(samples: list[ArmSample], cell: Cell) -> Iterator[TimedMessage]:
    drawn_ns = 0
    for sample in samples:
        time_ns = sample.time_ns
        yield TimedMessage(time_ns, "/joints/measured", partial(measured_states, sample.states, time_ns))
        yield TimedMessage(time_ns, "/tf", partial(tool_frames, cell, sample.states, time_ns))
        if time_ns - drawn_ns >= _DRAWN_EVERY_NS or sample is samples[-1]:
            yield TimedMessage(time_ns, "/scene/robot", partial(robot_scene, cell, sample.states, time_ns))
            drawn_ns = time_ns


def _seen(attempt: Trial, known_ns: dict[str, int], cell: Cell) -> Iterator[TimedMessage]:
    frame, view, metric = attempt.frame, attempt.view, attempt.metric
    if frame is not None and (at := known_ns.get("frames")) is not None:
        yield TimedMessage(at, "/camera/color", partial(color_message, frame, at))
        yield TimedMessage(at, "/camera/calibration", partial(calibration_message, frame.intrinsics, at))
        yield TimedMessage(at, "/camera/depth", partial(depth_message, frame.depth_m, at))
    if view is not None and (at := known_ns.get("view")) is not None:
        if view.source == "tags":
            yield TimedMessage(at, "/tf", partial(fixed_frames, cell, invert(view.T_camera_world), at))
        yield TimedMessage(at, "/tags", partial(tags_scene, view, cell, at))
        yield TimedMessage(at, "/tags/image", partial(tags_on_image, view.tags, at))
    if frame is not None and metric is not None and (at := known_ns.get("metric")) is not None:
        yield TimedMessage(at, "/estimate/depth", partial(depth_message, metric.depth_m, at))
        yield TimedMessage(at, "/estimate/cloud", partial(cloud_message, metric.depth_m, frame, at))


def _plan_messages(
    attempt: Trial, known_ns: dict[str, int], phases_ns: dict[Phase, int], cell: Cell
) -> Iterator[TimedMessage]:
    grasps, plan = attempt.grasps, attempt.plan
    if grasps is not None and (at := known_ns.get("grasps")) is not None:
        yield TimedMessage(at, "/grasps", partial(grasps_scene, grasps, at))
    if plan is not None and (at := known_ns.get("plan")) is not None:
        yield TimedMessage(at, "/grasps", partial(chosen_scene, plan.row, at))
        for phase in plan.motions:
            yield TimedMessage(at, f"/plan/{phase}", partial(path_scene, plan, phase, cell.arms[plan.arm], at))
        yield from planned_states(plan, phases_ns, at)
