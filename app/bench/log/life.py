"""A lab's day with its log, change by change, and what a log holds that was cut off after any of them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from trials.campaign import Campaign
from trials.exchange.intake import take_in
from trials.exchange.lines import reading_lines
from trials.label import FailureReason, Label, LabelValue
from trials.record import DIGITAL_CELL, Outcome, Reason, TrialRecord
from trials.store import TrialStore

Change = Callable[[TrialStore], object]
#: Campaigns and trials with their labels, none of what every log gives for itself.
State = tuple[tuple[Any, ...], ...]

_ESTIMATORS = ("raw", "oracle")


def changes(imported: Path, scenes: int = 2) -> Iterator[Change]:
    """What is done one after the other in an empty log; each commits once.

    imported: what another lab exported, taken in at the end.
    """
    yield lambda store: store.add_campaign(
        Campaign(name="day", estimators=_ESTIMATORS, surfaces=("diffuse",), scenes=scenes, is_blind=True)
    )
    for number in range(scenes):
        for place, estimator in enumerate(_ESTIMATORS):
            yield from _trial(1 + number * len(_ESTIMATORS) + place, number, estimator)
        yield partial(TrialStore.note_look, campaign=1, trials=2 * number + 2)
    yield lambda store: store.begin(drawn_row(0, "raw", 0))  # is never ended
    yield lambda store: store.mark_exploratory(1)
    yield lambda store: store.finish_campaign(1)
    yield partial(_import, path=imported)


def _trial(id_: int, number: int, estimator: str) -> Iterator[Change]:
    yield lambda store: store.begin(drawn_row(1, estimator, number))
    yield lambda store: store.update(replace(store.get(id_), notes={"grasps": list(range(200))}))
    lifted = {"outcome": Outcome.SUCCESS, "verified": True, "width_m": 0.05, "effort_nm": 1.0}
    lost = {"outcome": Outcome.FAILURE, "reason": Reason.SLIP, "verified": False}
    end: dict[str, Any] = lifted if number % 2 else lost
    yield lambda store: store.settle(replace(store.get(id_), **end))
    yield lambda store: store.update(replace(store.get(id_), stages_s={"execute": 1.5}))
    yield lambda store: store.label(Label(trial=id_, value=LabelValue.SUCCESS, by="ada"))
    if number % 2 == 0:
        dropped: dict[str, Any] = {"value": LabelValue.FAILURE, "reason": FailureReason.SLIP_ON_LIFT, "note": "x" * 500}
        yield lambda store: store.undo(id_)
        yield lambda store: store.label(Label(trial=id_, by="bo", **dropped))
    yield lambda store: store.annotate(id_, refined={"median_mm": 1.0})


def drawn_row(campaign: int, estimator: str, number: int) -> TrialRecord:
    """A trial that was not begun yet."""
    scene = {"objects": [{"family": "tumbler", "position_m": [0.1, 0.2]}]}
    place: dict[str, Any] = {"surface": "diffuse", "detector": "antipodal", "planner": "ompl", "cell": "sim"}
    place["world"] = DIGITAL_CELL
    return TrialRecord(**place, estimator=estimator, seed=number, scene=scene, campaign=campaign, scene_number=number)


def _import(store: TrialStore, path: Path) -> None:
    with reading_lines(path) as content:
        take_in(store, content)


def state_of(store: TrialStore) -> State:
    """A trial that runs is told as the crash that it is for who opens the log next."""
    campaigns = tuple(
        (one.name, one.is_exploratory, one.finished is not None, [look["trials"] for look in one.looks])
        for one in store.campaigns()
    )
    trials = []
    for record in store.list():
        outcome = (record.outcome, record.reason) if record.outcome else (Outcome.INTERRUPTED, Reason.CRASH)
        said = tuple(
            (label.value, label.reason, label.by, label.note, label.undone is not None)
            for label in store.labels(record.id)
        )
        own = (record.campaign, record.estimator, record.seed, len(record.uuid), record.width_m, record.stages_s)
        trials.append((*own, *outcome, record.scene, record.notes, said))
    return campaigns, tuple(trials)


def states(where: str, imported: Path) -> list[State]:
    """What an empty log holds before the first change and after each."""
    with TrialStore(where) as store:
        reached = [state_of(store)]
        for change in changes(imported):
            change(store)
            reached.append(state_of(store))
    return reached
