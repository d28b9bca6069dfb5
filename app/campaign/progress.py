"""What of a campaign is done, read from the log alone: so a campaign that was killed goes on where it was."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from trials.campaign import Campaign, PlannedScene
from trials.label import FailureReason, Label, LabelledTrial, LabelValue
from trials.store import TrialStore
from trials.summary import counts

SceneKey = tuple[str, int, str]
#: Who takes back what an interruption left of a scene.
BY = "campaign"


def scenes_to_do(campaign: Campaign, trials: Iterable[LabelledTrial]) -> list[PlannedScene]:
    """The planned scenes that no trials stand for yet, in the planned order."""
    rows: dict[SceneKey, list[LabelledTrial]] = defaultdict(list)
    for one in trials:
        rows[one.trial.surface, one.trial.scene_number, one.trial.estimator].append(one)
    return [scene for scene in campaign.plan() if not is_done(scene, rows[key_of(scene)])]


def key_of(scene: PlannedScene) -> SceneKey:
    return scene.surface, scene.number, scene.estimator


def is_done(scene: PlannedScene, rows: Sequence[LabelledTrial]) -> bool:
    """Whether the scene was worked on to its end in a way that says something about the system."""
    standing = [one for one in rows if one.label is None or one.label.value is not LabelValue.INVALID]
    if scene.objects > 1:
        return any("scene_ended" in one.trial.notes.get("later", {}) for one in standing)
    return any(one.counts and (one.label is not None or counts(one.trial)) for one in standing)


def discard_unfinished(store: TrialStore, scene: PlannedScene, campaign: Campaign) -> int:
    """Labels what an interruption left of a scene invalid, before it is laid again; how many trials that were.

    They stay in the log and in its reports, left out of every rate.
    """
    left = [
        one.trial.id
        for one in store.labelled(campaign=campaign.id, surface=scene.surface, estimator=scene.estimator)
        if one.trial.scene_number == scene.number and (one.label is None or one.label.value is not LabelValue.INVALID)
    ]
    for trial in left:
        why = "the scene was not worked on to its end and is laid again"
        store.label(Label(trial=trial, value=LabelValue.INVALID, reason=FailureReason.SETUP, note=why, by=BY))
    return len(left)
