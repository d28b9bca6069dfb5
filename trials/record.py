"""One trial as the log keeps it, and as programs read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trials.outcome import Outcome, Reason


@dataclass(frozen=True)
class TrialRecord:
    """One row of the log. `outcome` is None while the trial runs.

    world: `hardware` or `digital cell`. verified: what the gripper said, None where it was never asked.
    simulator_verdict: the digital cell's own judgement, None on a real one. stages_s: seconds by
    stage. metric: scale, shift and residual_mm of the metric fit. notes: whatever the stages added.
    """

    id: int
    surface: str
    estimator: str
    detector: str
    planner: str
    cell: str
    world: str
    seed: int
    scene: Mapping[str, Any]
    begun: datetime
    finished: datetime | None
    outcome: Outcome | None
    reason: Reason
    detail: str
    verified: bool | None
    simulator_verdict: bool | None
    stages_s: Mapping[str, float]
    metric: Mapping[str, float | None]
    notes: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The row as `--json` prints it: plain types, no NaN."""
        return {
            "id": self.id,
            "surface": self.surface,
            "estimator": self.estimator,
            "detector": self.detector,
            "planner": self.planner,
            "outcome": self.outcome.value if self.outcome else None,
            "reason": self.reason.value,
            "verified": self.verified,
            "simulator_verdict": self.simulator_verdict,
            "stages_s": dict(self.stages_s),
            "metric": {key: self.metric.get(key) for key in ("scale", "shift", "residual_mm")},
        }
