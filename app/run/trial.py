"""Everything one trial has found out so far; the stages fill it in, in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.run.pick import Pick, Verification
from grasping.grasp_set import GraspSet
from grasping.planning.grasp_plan import GraspPlan
from hardware.cameras.frame import RgbdFrame
from hardware.world import Verdict
from perception.depth_types import MetricDepth, RelativeDepth, TableView
from trials.outcome import Outcome, Reason


@dataclass
class Trial:
    """One attempt at one scene. Stages read what earlier ones wrote; None means not reached."""

    surface: str
    seed: int
    id: int | None = None
    frame: RgbdFrame | None = None
    #: Those just before it, oldest first, where the estimator sees several at once.
    earlier: Sequence[RgbdFrame] = ()
    #: Wall clock (monotonic) of the frame, and where every arm stood when the plan was made.
    seen_s: float = 0.0
    planned_from: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    view: TableView | None = None
    relative: RelativeDepth | None = None
    #: Of what stands on the table, as the estimator has it, the share that it is unsure of; None: it tells none.
    unsure: float | None = None
    metric: MetricDepth | None = None
    grasps: GraspSet | None = None
    plan: GraspPlan | None = None
    approved: bool = False
    may_move: bool = False
    pick: Pick | None = None
    verification: Verification | None = None
    verdict: Verdict | None = None
    stages_s: dict[str, float] = field(default_factory=dict)
    outcome: Outcome | None = None
    reason: Reason = Reason.NONE
    message: str = ""
    #: Every error on the way, those after the outcome was settled too.
    faults: list[str] = field(default_factory=list)

    @property
    def gate_passed(self) -> bool:
        """Whether the independent gate passed this trial's plan."""
        return self.plan is not None and self.plan.gate.passed

    def end(self, outcome: Outcome, reason: Reason = Reason.NONE, message: str = "") -> None:
        """Settles how the trial ended; the first word stands."""
        if self.outcome is None:
            self.outcome, self.reason, self.message = outcome, reason, message

    def metric_summary(self) -> dict[str, Any]:
        """Scale, shift and residual of the metric fit, None where it was not reached."""
        if self.metric is None:
            return {"scale": None, "shift": None, "residual_mm": None}
        residual = float(self.metric.residual_mm)
        return {
            "scale": float(self.metric.scale),
            "shift": float(self.metric.shift),
            "residual_mm": residual if residual == residual else None,
        }

    def notes(self) -> dict[str, Any]:
        """What the stages found out, for the log's row."""
        notes: dict[str, Any] = {"metric_source": self.metric.anchor_source if self.metric else None}
        if self.view is not None:
            notes["table"] = {"source": self.view.source, "tags": len(self.view.tags), "px": self.view.residual_px}
        if self.unsure is not None:
            notes["unsure"] = round(self.unsure, 4)
        if self.metric is not None and self.metric.correction is not None:
            notes["table_correction"] = self.metric.correction.facts()
        if self.plan is not None:
            notes["plan"] = {
                "arm": self.plan.arm,
                "row": self.plan.row.tolist(),
                "T_world_tcp": self.plan.T_world_tcp.tolist(),
                "candidates": self.plan.candidates_tried,
                "gate": list(self.plan.gate.violations) or "passed",
            }
        if self.pick is not None:
            notes["tracking_rad"] = {
                phase.value: {"worst_lag": report.worst_lag_rad, "final_error": report.final_error_rad}
                for phase, report in self.pick.tracking.items()
            }
        if self.verification is not None:
            notes["verification"] = self.verification.detail
        if self.verdict is not None:
            notes["simulator"] = self.verdict.detail
        if self.faults:
            notes["faults"] = self.faults
        return notes
