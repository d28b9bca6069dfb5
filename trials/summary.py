"""What a log of trials shows: success by surface and estimator, with intervals, beside the paper's."""

from collections.abc import Iterable
from dataclasses import dataclass

from trials.record import Outcome, Reason, TrialRecord

#: Success of real grasps in the DKT paper (arXiv 2512.23705): system -> surface -> rate.
PAPER = {
    "RAW": {"translucent": 0.47, "reflective": 0.18, "diffuse": 0.56},
    "DKT-1.3B": {"translucent": 0.80, "reflective": 0.59, "diffuse": 0.81},
}
#: Reasons that tell of equipment and people, not of the system under test.
INVALID = frozenset({Reason.CAMERA, Reason.ARM, Reason.OPERATOR, Reason.CRASH})


@dataclass(frozen=True)
class Proportion:
    """`hits` of `of`, with the Wilson score interval at 95 %."""

    hits: int
    of: int

    @property
    def rate(self) -> float | None:
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % score interval (Wilson 1927), (0, 1) of nothing."""
        from scipy.stats import binomtest

        if not self.of:
            return 0.0, 1.0
        interval = binomtest(self.hits, self.of).proportion_ci(method="wilson")
        return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class SurfaceSummary:
    """One surface and estimator.

    success: by the gripper's own verification, over the trials that count. simulated: the same by
    the simulator's verdict, over those that have one. agreement: how often the two say the same.
    excluded: trials that do not count, by rule (`counts`), and stay in the log.
    """

    surface: str
    estimator: str
    success: Proportion
    simulated: Proportion
    agreement: Proportion
    excluded: int


def counts(trial: TrialRecord) -> bool:
    """Whether a trial says something about the system.

    Those that a person, a crash or broken equipment ended do not; one that stopped because the arm
    could not follow its own plan does.
    """
    if trial.outcome is None or trial.reason in INVALID:
        return False
    return trial.outcome is not Outcome.INTERRUPTED or trial.reason is Reason.TRACKING


def summarise(trials: Iterable[TrialRecord]) -> tuple[SurfaceSummary, ...]:
    """One summary for each surface and estimator in the log, in alphabetical order."""
    groups: dict[tuple[str, str], list[TrialRecord]] = {}
    for trial in trials:
        groups.setdefault((trial.surface, trial.estimator), []).append(trial)
    summaries = []
    for key, group in sorted(groups.items()):
        counted = [trial for trial in group if counts(trial)]
        judged = [trial for trial in counted if trial.simulator_verdict is not None]
        both = [trial for trial in judged if trial.verified is not None]
        success = Proportion(sum(trial.outcome is Outcome.SUCCESS for trial in counted), len(counted))
        simulated = Proportion(sum(trial.simulator_verdict is True for trial in judged), len(judged))
        agreement = Proportion(sum(trial.verified == trial.simulator_verdict for trial in both), len(both))
        summaries.append(SurfaceSummary(*key, success, simulated, agreement, excluded=len(group) - len(counted)))
    return tuple(summaries)
