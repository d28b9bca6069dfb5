"""What is known of one trial: a record that grows by the result of each stage, attempt by attempt."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from grasping.execution import Verification
from grasping.experience import FailedGrasp
from grasping.grasp_set import FEATURES, OBJECT, SCORE, GraspSet
from grasping.planning.grasp_plan import GraspPlan, Phase
from hardware.arms.arm import TrackingReport
from hardware.cameras.frame import RgbdFrame
from hardware.world import Verdict
from perception.depth_types import MetricDepth, RelativeDepth, TableView
from trials.record import INVALID, MetricFit, Outcome, Reason, TrialRecord


@dataclass(frozen=True)
class Estimate:
    """An estimator's answer. unsure: the share of what stands there that it is unsure of, None where it tells none."""

    relative: RelativeDepth
    unsure: float | None


@dataclass(frozen=True)
class Trial:
    """One attempt at one scene, and the `earlier` ones, which failed. None means not reached.

    frames: those that the estimator sees at once, the newest last. tracking: how every motion so far was followed.
    faults: every error on the way, those after the outcome was settled too. shown: what people are shown for the
    estimator's name, where that is hidden. motion_s: how long the arm and its hand took, by the cell's clock.
    arms_seen: by arm, whether a picture showed it to stand as its joints say.
    """

    surface: str
    seed: int
    frames: tuple[RgbdFrame, ...] = ()
    view: TableView | None = None
    estimate: Estimate | None = None
    metric: MetricDepth | None = None
    grasps: GraspSet | None = None
    plan: GraspPlan | None = None
    tracking: Mapping[Phase, TrackingReport] = field(default_factory=dict)
    verification: Verification | None = None
    verdict: Verdict | None = None
    stages_s: Mapping[str, float] = field(default_factory=dict)
    outcome: Outcome | None = None
    reason: Reason = Reason.NONE
    message: str = ""
    faults: tuple[str, ...] = ()
    earlier: tuple["Trial", ...] = ()
    shown: str = ""
    motion_s: float = 0.0
    overlap: Mapping[str, Any] = field(default_factory=dict)
    arms_seen: Mapping[str, str] = field(default_factory=dict)

    @property
    def attempts(self) -> tuple["Trial", ...]:
        """All so far, this one last."""
        return (*self.earlier, self)

    def again(self) -> "Trial":
        """The next attempt at the scene, of which nothing is known yet."""
        return Trial(self.surface, self.seed, earlier=(*self.earlier, replace(self, earlier=())), shown=self.shown)

    @property
    def shown_estimator(self) -> str:
        """The estimator as people may know it; empty before there is an estimate."""
        return self.shown or (self.estimate.relative.estimator if self.estimate else "")

    @property
    def failed_grasp(self) -> FailedGrasp | None:
        """What this attempt teaches the next, None where no fingers closed in vain."""
        if self.plan is None or self.grasps is None or self.verification is None or self.verification.held:
            return None
        points = self.grasps.cloud_m[self.grasps.labels == int(self.plan.row[OBJECT])]
        return FailedGrasp(self.plan.row, points, self.verification.closed_m)

    @property
    def sees_nothing(self) -> bool:
        """Whether the detector was asked and nothing stood there for it."""
        return self.grasps is not None and not len(self.grasps) and not len(self.grasps.cloud_m)

    @property
    def stood_back(self) -> bool:
        """Whether it was to reach while another arm carried, and waited instead: no pick was tried."""
        return "reached_beside" in self.overlap and self.outcome is Outcome.REFUSED

    @property
    def objects_seen(self) -> int | None:
        """How many objects the detector was given, the picked one too; None where it was not asked."""
        return None if self.grasps is None else len(np.unique(self.grasps.labels[self.grasps.labels >= 0]))

    @property
    def frame(self) -> RgbdFrame | None:
        """The one that is acted on."""
        return self.frames[-1] if self.frames else None

    def end(self, outcome: Outcome, reason: Reason = Reason.NONE, message: str = "") -> "Trial":
        """Settles how the trial ended; the first word stands."""
        return self if self.outcome else replace(self, outcome=outcome, reason=reason, message=message)

    def fit(self) -> MetricFit:
        metric = self.metric
        return MetricFit() if metric is None else MetricFit(metric.scale, metric.shift, metric.residual_mm)

    def result(self) -> tuple[Outcome | None, Reason, str]:
        """How all attempts together ended: outcome, reason, message.

        What refuses another attempt leaves the failure of the last one that moved, unless people or equipment
        ended it: then nobody knows how it would have gone on.
        """
        failures = [attempt for attempt in self.earlier if attempt.outcome is Outcome.FAILURE]
        if self.outcome is not Outcome.REFUSED or not failures:
            return self.outcome, self.reason, self.message
        if self.reason in INVALID:
            return Outcome.INTERRUPTED, self.reason, self.message
        return Outcome.FAILURE, failures[-1].reason, f"{failures[-1].message}; then: {self.message}"

    def row(self, record: TrialRecord) -> TrialRecord:
        """The log's row of this trial as it stands. record: the row as it was at the start."""
        outcome, reason, message = self.result()
        attempts, first = self.attempts, self.attempts[0]
        verified = [attempt.verification.held for attempt in attempts if attempt.verification]
        verdicts = [attempt.verdict.success for attempt in attempts if attempt.verdict]
        last = next((attempt.verification for attempt in reversed(attempts) if attempt.verification), None)
        return replace(
            record,
            outcome=outcome,
            reason=reason,
            detail=message,
            verified=verified[-1] if verified else None,
            simulator_verdict=any(verdicts) if verdicts else None,
            expected=next((one.expected for one in reversed(attempts) if one.plan), None),
            attempts=len(attempts),
            first_outcome=first.outcome,
            first_simulator_verdict=first.verdict.success if first.verdict else None,
            stages_s={
                stage: round(sum(attempt.stages_s.get(stage, 0.0) for attempt in attempts), 3)
                for stage in dict.fromkeys(name for attempt in attempts for name in attempt.stages_s)
            },
            metric=self.fit(),
            width_m=last.width_m if last else None,
            effort_nm=last.effort_nm if last else None,
            notes=self.notes() | ({"attempts": [attempt.facts() for attempt in attempts]} if self.earlier else {}),
        )

    @property
    def rank(self) -> int | None:
        """The planned grasp's among those proposed, from 1; None where either is not known."""
        if self.plan is None or self.grasps is None or not len(self.grasps):
            return None
        return 1 + int(np.abs(self.grasps.rows - self.plan.row).sum(axis=1).argmin())

    @property
    def expected(self) -> float | None:
        """The probability of success that the planned grasp was given."""
        return round(float(self.plan.row[SCORE]), 4) if self.plan else None

    def facts(self) -> dict[str, Any]:
        """One attempt of several, as the row's notes keep it."""
        return {
            "outcome": self.outcome,
            "reason": self.reason,
            "detail": self.message,
            "verified": self.verification.held if self.verification else None,
            "simulator_verdict": self.verdict.success if self.verdict else None,
            "expected": self.expected,
            "stages_s": self.stages_s,
            **self.notes(),
        }

    def _features(self) -> dict[str, float | None]:
        """What the detector knew of the planned grasp, None where it knew nothing."""
        if self.grasps is None or self.rank is None:
            return {}
        values = self.grasps.features_or_unknown[self.rank - 1]
        return {name: round(float(v), 4) if np.isfinite(v) else None for name, v in zip(FEATURES, values, strict=True)}

    def notes(self) -> dict[str, Any]:
        notes: dict[str, Any] = {"metric_source": self.metric.anchor_source if self.metric else None}
        if self.arms_seen:
            notes["arms_seen"] = dict(self.arms_seen)
        if self.motion_s:
            notes["motion_s"] = round(self.motion_s, 3)
        if self.overlap:
            notes["overlap"] = dict(self.overlap)
        if self.view is not None:
            notes["table"] = {"source": self.view.source, "tags": len(self.view.tags), "px": self.view.residual_px}
            if self.view.sensor_factor != 1:
                notes["table"]["sensor_factor"] = round(self.view.sensor_factor, 4)
        if self.metric is not None and self.metric.objects is not None:
            notes["objects"] = self.metric.objects.count
        if self.objects_seen is not None:
            notes["objects_seen"] = self.objects_seen
        if self.estimate is not None:
            notes["ran_as"] = self.estimate.relative.estimator  # a retry with less memory included
        if self.estimate is not None and self.estimate.unsure is not None:
            notes["unsure"] = round(self.estimate.unsure, 4)
        if self.metric is not None and self.metric.correction is not None:
            notes["table_correction"] = self.metric.correction.facts()
        if self.plan is not None:
            notes["plan"] = {
                "arm": self.plan.arm,
                "row": self.plan.row,
                "T_world_tcp": self.plan.T_world_tcp,
                "grasps": 0 if self.grasps is None else len(self.grasps),
                "candidates": self.plan.candidates_tried,
                "merits": self.plan.merits.rounded,
                **({"pace": self.plan.pace} if self.plan.pace else {}),
                "features": self._features(),
                "gate": list(self.plan.gate.violations) or "passed",
                "stopped": list(self.plan.stopped),
            }
        if self.tracking:
            notes["tracking_rad"] = {
                phase: {"worst_lag": report.worst_lag_rad, "final_error": report.final_error_rad}
                for phase, report in self.tracking.items()
            }
        if self.verification is not None:
            notes["verification"] = self.verification.detail
        if self.verdict is not None:
            notes["simulator"] = self.verdict.detail
        if self.faults:
            notes["faults"] = self.faults
        return notes
