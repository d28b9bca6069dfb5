"""What a trial takes over from the one before: both act on one picture, and each row tells how long seeing it took."""

from dataclasses import replace
from typing import Any

from app.run.live_trial import LiveTrial
from grasping.grasp_set import GraspSet

#: What of a trial each stage gives.
_PARTS = {"capture": "frames", "locate": "view", "estimate": "estimate", "scale": "metric"}


def take_over(trial: LiveTrial, before: LiveTrial, left: GraspSet) -> None:
    """Walks a trial through the stages up to detection with what the trial before saw.

    left: of what was detected, what is still there.
    """
    told, of = before.trial, f"as in trial {before.record.id}"
    picture_of = told.overlap.get("picture_of", before.record.id)  # it may have taken it over itself
    notes = {"picture_of": picture_of, "reached_beside": before.record.id}
    trial.trial = replace(trial.trial, overlap=notes)
    for stage, part in _PARTS.items():
        value: Any = trial.stage(stage, lambda part=part: getattr(told, part), lambda _: of)  # type: ignore[misc]
        trial.trial = replace(trial.trial, **{part: value})
    trial.stage("detect", lambda: left, lambda _: of)
    took_s = {stage: told.stages_s[stage] for stage in (*_PARTS, "detect") if stage in told.stages_s}
    trial.trial = replace(trial.trial, grasps=left, stages_s={**trial.trial.stages_s, **took_s})
