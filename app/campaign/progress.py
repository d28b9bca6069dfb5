"""What of a campaign is done, read from the log alone: so a campaign that was killed goes on where it was."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from trials.campaign import Campaign, PlannedScene
from trials.label import FailureReason, Label, LabelledTrial, LabelValue
from trials.record import Reason, TrialRecord
from trials.store import TrialStore
from trials.summary import counts

SceneKey = tuple[str, int, str]
#: Who takes back what an interruption left of a scene.
BY = "campaign"


def scenes_to_do(campaign: Campaign, trials: Iterable[LabelledTrial]) -> list[PlannedScene]:
    """The planned scenes that no trials stand for yet, in the planned order."""
    rows: dict[SceneKey, list[LabelledTrial]] = defaultdict(list)
    for one in trials:
        rows[_key(one.trial)].append(one)
    return [scene for scene in campaign.plan() if not is_done(scene, rows[key_of(scene)])]


def key_of(scene: PlannedScene) -> SceneKey:
    return scene.surface, scene.number, scene.estimator


def is_done(scene: PlannedScene, rows: Sequence[LabelledTrial]) -> bool:
    """Whether the scene was worked on to its end in a way that says something about the system."""
    if scene.objects > 1:
        return any(_ends(one.trial) for one in rows if not one.is_called_invalid)
    return any(one.counts for one in rows)


def _ends(trial: TrialRecord) -> bool:
    """Whether nothing more was picked from its scene, and that was the system's doing."""
    return "scene_ended" in trial.notes.get("later", {}) or (counts(trial) and trial.reason is Reason.TRACKING)


def breaks_plan(campaign: Campaign, to_do: Sequence[PlannedScene], trials: Iterable[LabelledTrial]) -> bool:
    """Whether a scene is to be laid again though its results may have been seen: the campaign has ended, or was looked
    at, and a person called one of its trials invalid since."""
    if campaign.finished is not None and to_do:
        return True
    keys = {key_of(scene) for scene in to_do}
    by_hand = [one for one in trials if one.is_called_invalid and one.label is not None and one.label.by != BY]
    return bool(campaign.looks) and any(_key(one.trial) in keys for one in by_hand)


def running_elsewhere(trials: Iterable[LabelledTrial]) -> TrialRecord | None:
    """A trial that some process is at, asked before this one begins any."""
    return next((one.trial for one in trials if one.trial.outcome is None), None)


def _key(trial: TrialRecord) -> SceneKey:
    return trial.surface, trial.scene_number, trial.estimator


def discard_unfinished(store: TrialStore, scene: PlannedScene, campaign: Campaign) -> int:
    """Labels what an interruption left of a scene invalid, before it is laid again; how many trials that were.

    They stay in the log and in its reports, left out of every rate.
    """
    left = [
        one.trial.id
        for one in store.labelled(campaign=campaign.id, surface=scene.surface, estimator=scene.estimator)
        if one.trial.scene_number == scene.number and not one.is_called_invalid
    ]
    for trial in left:
        why = "the scene was not worked on to its end and is laid again"
        store.label(Label(trial=trial, value=LabelValue.INVALID, reason=FailureReason.SETUP, note=why, by=BY))
    return len(left)
