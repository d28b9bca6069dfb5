"""Logs of campaigns, as labs leave them."""

from dataclasses import replace
from random import Random
from typing import Any

from tests.support.trial_rows import row
from trials.campaign import Campaign
from trials.label import FailureReason, Label, LabelValue
from trials.record import MetricFit, Outcome, Reason, TrialRecord
from trials.store import TrialStore

SURFACES = ("translucent", "reflective", "diffuse")
#: How often a drawn campaign's estimators succeed.
RATES = {
    "raw": (0.4, 0.2, 0.6),
    "vitro-s": (0.85, 0.7, 0.95),
    "oracle": (0.95, 0.95, 1.0),
}
_CAUSES = (FailureReason.EMPTY, FailureReason.SLIP_ON_LIFT, FailureReason.MISSED, FailureReason.DEPTH_BIAS)


def campaign(**values: Any) -> Campaign:
    given = {"name": "glass", "estimators": ("raw", "vitro-s"), "surfaces": ("reflective",), "scenes": 10}
    return Campaign(**(given | values))


def add(
    store: TrialStore, says: LabelValue | None = None, because: FailureReason | None = None, **values: Any
) -> TrialRecord:
    """A trial that has ended, with its label where one is given; the machine said the same unless told otherwise."""
    outcome = Outcome.SUCCESS if says is LabelValue.SUCCESS else Outcome.FAILURE
    reason = Reason.NONE if outcome is Outcome.SUCCESS else Reason.EMPTY
    given = {"outcome": outcome, "reason": reason} | values
    record = store.begin(row(**{name: value for name, value in given.items() if name not in ("outcome", "reason")}))
    record = store.update(replace(record, outcome=given["outcome"], reason=given["reason"]))
    if says is not None:
        store.label(Label(trial=record.id, value=says, reason=because, by="ada"))
    return record


def log_campaign(store: TrialStore, plan: Campaign, seed: int = 1) -> Campaign:
    """Logs every planned scene of a campaign of single objects with results drawn by `RATES`, some trials invalid."""
    draw, kept = Random(seed), store.add_campaign(plan)
    luck = {}
    for scene in kept.plan():
        luck.setdefault((scene.surface, scene.number), draw.random())  # hard scenes are hard for everyone
        rate = RATES[scene.estimator][SURFACES.index(scene.surface)]
        succeeds = (luck[scene.surface, scene.number] if draw.random() < 0.6 else draw.random()) < rate
        says = LabelValue.SUCCESS if succeeds else LabelValue.FAILURE
        stages = {"capture": 4.2, "locate": 0.05, "estimate": 0.9, "detect": 0.3, "plan": 0.7, "execute": 1.8}
        values: dict[str, Any] = {
            "surface": scene.surface,
            "estimator": scene.estimator,
            "campaign": kept.id,
            "scene_number": scene.number,
            "seed": scene.seed,
            "objects": scene.objects,
            "expected": min(max(draw.gauss(0.8 if succeeds else 0.6, 0.15), 0.02), 0.99),
            "stages_s": {name: round(seconds * draw.uniform(0.8, 1.4), 3) for name, seconds in stages.items()},
            "metric": MetricFit(scale=1.0, shift=0.0, residual_mm=draw.uniform(0.5, 2.5)),
            "world": "digital cell",
            "software": "0.1.0",
        }
        if draw.random() < 0.04:
            add(store, LabelValue.INVALID, FailureReason.SETUP, **values)  # and laid again
        add(store, says, None if succeeds else draw.choice(_CAUSES), **values)
    return kept
