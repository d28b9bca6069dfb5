"""One trial as the log keeps it, and as programs read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """The four ends of a trial, as the machine saw them; what a person says of it is a `trials.label.Label`."""

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
    EQUIPMENT = "equipment"  # a server, setting, disk or computation that a stage needs
    TABLE_EMPTY = "table empty"  # the look that closes a scene of which nobody knew how many objects it held


#: What `world` is of trials without hardware.
DIGITAL_CELL = "digital cell"

#: Reasons that tell of equipment, people or an empty table, not of the system under test.
INVALID = frozenset({Reason.CAMERA, Reason.ARM, Reason.OPERATOR, Reason.CRASH, Reason.EQUIPMENT, Reason.TABLE_EMPTY})


@dataclass(frozen=True)
class MetricFit:
    """The fit that made depth metric; None where it was not reached or not measured."""

    scale: float | None = None
    shift: float | None = None
    residual_mm: float | None = None


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One row of the log: its fields are the columns of the table, in this order (`trials/table.py`).

    A new column is a new field here, with a default for the rows that were logged before it.

    id: 0 until the log has given one. world: `hardware` or `digital cell`. outcome: None while the trial runs.
    verified: what the gripper said, None where it was never asked. simulator_verdict: the digital cell's own
    judgement, None on a real one: whether any attempt was a lift. objects: how many were laid, 0 while nobody knows;
    pick: which pick of that scene this is. expected: the probability of success that the last tried grasp was given.
    attempts: how many were begun. first_outcome, first_simulator_verdict: of the first attempt, None where it was not
    reached or, in old rows, was the only one. stages_s: seconds by stage, of all attempts. notes: whatever the stages
    added in the last attempt; of several, each one's as a list, `attempts`. scene_key: a number that the picks of one
    scene share and no other scene laid at about that time has, drawn when it is laid; 0 in old rows.
    """

    id: int = 0
    surface: str
    estimator: str
    detector: str
    planner: str
    cell: str
    world: str
    seed: int
    scene: Mapping[str, Any] = field(default_factory=dict)
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished: datetime | None = None
    outcome: Outcome | None = None
    reason: Reason = Reason.NONE
    detail: str = ""
    verified: bool | None = None
    simulator_verdict: bool | None = None
    objects: int = 1
    pick: int = 1
    expected: float | None = None
    attempts: int = 1
    first_outcome: Outcome | None = None
    first_simulator_verdict: bool | None = None
    stages_s: Mapping[str, float] = field(default_factory=dict)
    metric: MetricFit = MetricFit()
    notes: Mapping[str, Any] = field(default_factory=dict)
    uuid: str = ""
    campaign: int = 0
    scene_number: int = 0
    calibration: str = ""
    software: str = ""
    frame_digest: str = ""
    width_m: float | None = None
    effort_nm: float | None = None
    scene_key: int = 0

    @property
    def ending(self) -> str:
        """Outcome, reason and detail, as far as there are any."""
        return " ".join(filter(None, (self.outcome, self.reason, self.detail)))
