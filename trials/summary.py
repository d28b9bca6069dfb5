"""What a log of trials shows: success by surface and estimator, with intervals, beside the paper's."""

from collections.abc import Iterable
from dataclasses import dataclass

from trials.record import DIGITAL_CELL, INVALID, Outcome, Reason, TrialRecord
from trials.statistics.proportion import Proportion

#: Success of real grasps in the DKT paper (arXiv 2512.23705): system -> surface -> rate.
PAPER = {
    "RAW": {"translucent": 0.47, "reflective": 0.18, "diffuse": 0.56},
    "DKT-1.3B": {"translucent": 0.80, "reflective": 0.59, "diffuse": 0.81},
}
#: The means that its table gives; of the two in between it gives by surface what is not known here.
PAPER_MEANS = {"RAW": 0.384, "DAv2": 0.46, "DepthCrafter": 0.48, "DKT-1.3B": 0.73}
_NOTHING = Proportion(0, 0)


@dataclass(frozen=True)
class SurfaceSummary:
    """One surface and estimator.

    success: by labels or by the gripper's own verification, over the trials that count, within the attempts that were
    allowed.
    simulated: the same by the simulator's verdict, over those that have one. agreement: of attempts, how often the two
    say the same. excluded: trials that do not count, by rule (`counts`), and stay in the log. first, first_simulated:
    success at the first attempt, over the trials whose first attempt counts. attempts: the most that a trial made.
    cleared: objects lifted of those laid, over the scenes of several that were worked on to their end.
    """

    surface: str
    estimator: str
    success: Proportion
    simulated: Proportion
    agreement: Proportion
    excluded: int
    first: Proportion = _NOTHING
    first_simulated: Proportion = _NOTHING
    attempts: int = 1
    cleared: Proportion = _NOTHING


def counts(trial: TrialRecord) -> bool:
    """Whether a trial says something about the system.

    Those that a person, a crash or broken equipment ended do not; one that stopped because the arm
    could not follow its own plan does, and so does every fault of an arm in the digital cell, where nothing breaks but
    by what it was made to do.
    """
    if trial.outcome is None:
        return False
    if trial.world == DIGITAL_CELL and trial.reason is Reason.ARM:
        return True
    if trial.reason in INVALID:
        return False
    return trial.outcome is not Outcome.INTERRUPTED or trial.reason is Reason.TRACKING


def first_counts(trial: TrialRecord) -> bool:
    """Whether its first attempt says something about the system: if there was a second, the first failed."""
    return trial.attempts > 1 or counts(trial)


@dataclass(frozen=True)
class JudgedTrial:
    """A trial, and what somebody says of it: whether it counts, and its first attempt; whether it succeeded, and
    lifted its object, None where that was not told."""

    trial: TrialRecord
    counts: bool
    first_counts: bool
    is_success: bool
    is_lift: bool | None


def summarise(trials: Iterable[TrialRecord]) -> tuple[SurfaceSummary, ...]:
    """One summary for each surface and estimator, in alphabetical order, by what the machine saw."""
    return summarise_judged(
        JudgedTrial(
            trial,
            counts(trial),
            first_counts(trial),
            trial.outcome is Outcome.SUCCESS,
            is_lift=trial.verified if trial.simulator_verdict is None else trial.simulator_verdict,
        )
        for trial in trials
    )


def summarise_judged(trials: Iterable[JudgedTrial]) -> tuple[SurfaceSummary, ...]:
    """As `summarise`, by whoever judged them."""
    groups: dict[tuple[str, str], list[JudgedTrial]] = {}
    for judged in trials:
        groups.setdefault((judged.trial.surface, judged.trial.estimator), []).append(judged)
    return tuple(_summary(*key, group) for key, group in sorted(groups.items()))


def _summary(surface: str, estimator: str, group: list[JudgedTrial]) -> SurfaceSummary:
    counted = [judged.trial for judged in group if judged.counts]
    first = [judged.trial for judged in group if judged.first_counts]
    return SurfaceSummary(
        surface,
        estimator,
        success=_share([judged.is_success for judged in group if judged.counts]),
        simulated=_share([trial.simulator_verdict for trial in counted]),
        agreement=_share([held == lifted for trial in counted for held, lifted in _judgements(trial)]),
        excluded=len(group) - len(counted),
        first=_share([judged.trial.attempts == 1 and judged.is_success for judged in group if judged.first_counts]),
        first_simulated=_share(
            [trial.simulator_verdict if trial.attempts == 1 else trial.first_simulator_verdict for trial in first]
        ),
        attempts=max(judged.trial.attempts for judged in group),
        cleared=_cleared(group),
    )


def _cleared(group: list[JudgedTrial]) -> Proportion:
    """An object lifted twice counts once; a scene of which no trial counts does not."""
    lifted: dict[tuple[int, int], int] = {}
    laid: dict[tuple[int, int], int] = {}
    count = {_scene(judged.trial) for judged in group if judged.counts}
    for judged in group:
        trial, scene = judged.trial, _scene(judged.trial)
        lifted[scene] = lifted.get(scene, 0) + (judged.is_lift is True)
        ended = "scene_ended" in trial.notes.get("later", {})
        if scene in count and (ended or (trial.reason is Reason.TRACKING and trial.objects > 1)):
            laid[scene] = trial.objects
    return Proportion(sum(min(lifted[scene], number) for scene, number in laid.items()), sum(laid.values()))


def _scene(trial: TrialRecord) -> tuple[int, int]:
    return trial.campaign, trial.scene_key or trial.seed


def _share(values: Iterable[bool | None]) -> Proportion:
    """Of those that are known."""
    known = [value for value in values if value is not None]
    return Proportion(sum(known), len(known))


def _judgements(trial: TrialRecord) -> list[tuple[bool, bool]]:
    """What the gripper and the simulator said of each attempt of which both said something."""
    own = {"verified": trial.verified, "simulator_verdict": trial.simulator_verdict}
    attempts = (trial.attempts > 1 and trial.notes.get("attempts")) or [own]
    said = [(attempt["verified"], attempt["simulator_verdict"]) for attempt in attempts]
    return [(held, lifted) for held, lifted in said if held is not None and lifted is not None]
