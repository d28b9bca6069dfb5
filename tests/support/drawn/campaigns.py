"""Logs of campaigns, as labs leave them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

from sqlalchemy import create_engine

from core.json_values import to_json
from tests.support.trial_rows import row
from trials.campaign import Campaign, PlannedScene
from trials.columns import values_of
from trials.label import FailureReason, Label, LabelValue
from trials.process import ProcessStamp
from trials.record import DIGITAL_CELL, MetricFit, Outcome, Reason, TrialRecord
from trials.store import TrialStore
from trials.table import labels, trials

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
    at_end = {name: given.pop(name) for name in ("outcome", "reason")}
    record = store.begin(row(**given))
    record = store.update(replace(record, **at_end))
    if says is not None:
        store.label(Label(trial=record.id, value=says, reason=because, by="ada"))
    return record


def draw_verdicts(draw: Random) -> dict[str, Any]:
    """What gripper and simulator may say of a trial of one attempt, or of two with what its notes keep of each."""
    said = (None, False, True)
    one, other = ({"verified": draw.choice(said), "simulator_verdict": draw.choice(said)} for _ in range(2))
    if draw.random() < 0.5:
        return {"attempts": 1, **one}
    notes = draw.choices(({"attempts": [one, other]}, {"attempts": []}, {}), (8, 1, 1))[0]
    return {"attempts": 2, **other, "first_simulator_verdict": one["simulator_verdict"], "notes": notes}


def log_campaign(store: TrialStore, plan: Campaign, seed: int = 1) -> Campaign:
    """Logs every planned scene of a campaign of single objects with results drawn by `RATES`, some trials invalid."""
    draw, kept = Random(seed), store.add_campaign(plan)
    luck: dict[tuple[str, int], float] = {}
    logged: list[tuple[TrialRecord, LabelValue, FailureReason | None]] = []
    for scene in kept.plan():
        luck.setdefault((scene.surface, scene.number), draw.random())  # hard scenes are hard for everyone
        rate = RATES[scene.estimator][SURFACES.index(scene.surface)]
        succeeds = (luck[scene.surface, scene.number] if draw.random() < 0.6 else draw.random()) < rate
        record = _record(kept, scene, succeeds, draw)
        if draw.random() < 0.04:
            logged.append((record, LabelValue.INVALID, FailureReason.SETUP))  # and laid again
        says = LabelValue.SUCCESS if succeeds else LabelValue.FAILURE
        logged.append((record, says, None if succeeds else draw.choice(_CAUSES)))
    _log(store, logged)
    return kept


def _record(kept: Campaign, scene: PlannedScene, succeeds: bool, draw: Random) -> TrialRecord:
    stages = {"capture": 4.2, "locate": 0.05, "estimate": 0.9, "detect": 0.3, "plan": 0.7, "execute": 1.8}
    return row(
        surface=scene.surface,
        estimator=scene.estimator,
        campaign=kept.id,
        scene_number=scene.number,
        seed=scene.seed,
        objects=scene.objects,
        expected=min(max(draw.gauss(0.8 if succeeds else 0.6, 0.15), 0.02), 0.99),
        stages_s={name: round(seconds * draw.uniform(0.8, 1.4), 3) for name, seconds in stages.items()},
        metric=MetricFit(scale=1.0, shift=0.0, residual_mm=draw.uniform(0.5, 2.5)),
        world=DIGITAL_CELL,
        software="0.1.0",
        outcome=Outcome.SUCCESS if succeeds else Outcome.FAILURE,
        reason=Reason.NONE if succeeds else Reason.EMPTY,
        finished=datetime.now(UTC) + timedelta(seconds=draw.uniform(20, 40)),
    )


def _log(store: TrialStore, logged: list[tuple[TrialRecord, LabelValue, FailureReason | None]]) -> None:
    """All at once: one commit a trial would take a test's time."""
    stamp = values_of(ProcessStamp.own())
    last = max((record.id for record in store.list(last=1)), default=0)
    ids = range(last + 1, last + 1 + len(logged))
    rows = [
        {"id": id_} | values_of(replace(record, uuid=uuid4().hex)) | stamp
        for id_, (record, _, _) in zip(ids, logged, strict=True)
    ]
    said = [
        values_of(Label(trial=id_, value=says, reason=why, by="ada"))
        for id_, (_, says, why) in zip(ids, logged, strict=True)
    ]
    with create_engine(f"sqlite:///{store.where}", json_serializer=to_json).begin() as connection:
        connection.execute(trials.insert(), rows)
        connection.execute(labels.insert(), said)
