"""How a trial can end, and why."""

from enum import StrEnum


class Outcome(StrEnum):
    """The four ends of a trial."""

    SUCCESS = "success"
    FAILURE = "failure"
    REFUSED = "refused"  # nothing moved: a stage said no
    INTERRUPTED = "interrupted"  # stopped by a person, a fault or a crash


class Reason(StrEnum):
    """Why a trial did not succeed, by the stage that knows."""

    NONE = ""
    CAMERA = "camera"
    TABLE = "table"
    DEPTH = "depth"
    SCALE = "scale"
    NO_GRASP = "no grasp"
    NO_PLAN = "no plan"
    OPERATOR = "operator"
    ARM = "arm"
    TRACKING = "tracking"
    EMPTY = "empty grasp"
    SLIP = "slip"
    CRASH = "crash"
