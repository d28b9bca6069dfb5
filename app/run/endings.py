"""What an error ends: an attempt, or the session too; and what the log calls it."""

from core.errors import (
    ArmError,
    CameraError,
    ConfigurationError,
    DeadlineError,
    GripperError,
    PerceptionError,
    PlanningError,
    StorageError,
    TrackingError,
    VitroError,
)
from trials.record import Reason

#: What a refusal in each stage is called, where the error does not say which part failed.
REASONS = {
    "capture": Reason.CAMERA,
    "locate": Reason.TABLE,
    "estimate": Reason.DEPTH,
    "scale": Reason.SCALE,
    "detect": Reason.NO_GRASP,
    "plan": Reason.NO_PLAN,
    "approve": Reason.OPERATOR,
}
#: By which part failed, the first that fits; `IN_MOTION` where a motion was to begin or under way.
OF_EQUIPMENT = {
    TrackingError: Reason.TRACKING,
    CameraError: Reason.CAMERA,
    ArmError: Reason.ARM,
    ConfigurationError: Reason.EQUIPMENT,
    DeadlineError: Reason.EQUIPMENT,
    StorageError: Reason.EQUIPMENT,
}
IN_MOTION = {PlanningError: Reason.NO_PLAN, PerceptionError: Reason.OPERATOR}  # who but people changed the scene?
#: After anything else another trial makes no sense: the cell itself, or the disk, needs a person.
OF_ONE_TRIAL = (PerceptionError, PlanningError)
FATAL_STAGES = ("capture", "locate")
#: How an attempt ended after which another may do better, and, once one was made, what need not end them all.
FAILED_GRASPS = (Reason.EMPTY, Reason.SLIP)
NOTHING_TO_TRY = (Reason.NO_GRASP, Reason.NO_PLAN)


def reason_of(error: VitroError, stage: str) -> Reason:
    """What the log calls an error in a stage."""
    known = OF_EQUIPMENT | ({} if stage in REASONS else IN_MOTION)
    return next((reason for kind, reason in known.items() if isinstance(error, kind)), REASONS.get(stage, Reason.ARM))


def ends_session(error: VitroError, stage: str, has_moved: bool) -> bool:
    """Whether no further trial may follow. has_moved: the arm left the place where the trial began."""
    if stage in REASONS:
        return stage in FATAL_STAGES or not isinstance(error, OF_ONE_TRIAL)
    return has_moved or not isinstance(error, (*OF_ONE_TRIAL, GripperError))


def may_help(reason: Reason, attempts: int, is_unreachable: bool = False) -> bool:
    """Whether after so many attempts, the last of which ended like this, another may come to more.

    is_unreachable: grasps were found, none of which an arm can carry out: in another picture the edges of glass lie
    elsewhere, and what was out of reach by millimetres is not.
    """
    return is_unreachable or reason in FAILED_GRASPS or (attempts > 1 and reason in NOTHING_TO_TRY)
