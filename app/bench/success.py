"""`python main.py bench calibrate LOG...`: the probability of success, fitted to logged trials."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.bench.options import BenchCalibrateOptions
from app.console import Console
from core.errors import TrialError
from core.files import writing
from grasping.grasp_set import FEATURES
from grasping.success import WORDS
from grasping.success_fit import FOLDS, TriedGrasps, fit_success, held_out
from trials.record import Outcome, TrialRecord
from trials.store import TrialStore
from trials.summary import Proportion

#: Both outcomes this often, or there is nothing to be learnt.
LEAST = 3
EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
MOVED = (Outcome.SUCCESS, Outcome.FAILURE)


@dataclass(frozen=True)
class CalibrationBin:
    """Grasps expected to succeed with low..high: the mean of what was expected, and what they did."""

    low: float
    high: float
    expected: float
    success: Proportion


def calibrate_success(options: BenchCalibrateOptions) -> int:
    """Fits, tells how well that holds for scenes left out, and writes the coefficients where asked to."""
    console = Console(options.as_json)
    records: list[TrialRecord] = []
    for log in options.logs:
        if not log.is_file():
            raise TrialError(f"There is no log {log}.", "Make one: python main.py bench grasp --boldness 1 --log FILE")
        with TrialStore(log) as store:
            records += store.list()
    tried = tried_grasps(records)
    wins = int(tried.success.sum())
    if min(wins, len(tried) - wins) < LEAST:
        raise TrialError(
            f"{wins} of {len(tried)} tried grasps succeeded: too few of either end to learn from.",
            f"Log trials with at least {LEAST} successes and failures: python main.py bench grasp --boldness 1",
        )
    model, expected = fit_success(tried, options.source), held_out(tried)
    bins = calibration_bins(expected, tried.success)
    brier = float(((expected - tried.success) ** 2).mean())
    rows = [
        (
            f"{one.low:.1f}–{one.high:.1f}",
            f"{one.expected:.2f}",
            f"{one.success.rate:.2f} ({one.success.interval[0]:.2f}–{one.success.interval[1]:.2f})",
            str(one.success.of),
        )
        for one in bins
    ]
    title = f"{len(tried)} grasps, each judged by a fit without its scene ({FOLDS} folds), Brier score {brier:.3f}"
    console.table(title, ("expects", "mean", "succeeded (95 %)", "of"), rows)
    weights = [(WORDS[name], f"{weight:.2f}") for name, weight in zip(FEATURES, model.weights, strict=True)]
    console.table("What counts", ("feature", "weight"), weights)
    if options.out is not None:
        with writing(options.out):
            model.write(options.out)
        console.say(f"  coefficients: {options.out}")
    console.result({"model": model, "bins": bins, "brier": brier, "grasps": len(tried)})
    return 0


def tried_grasps(records: Iterable[TrialRecord]) -> TriedGrasps:
    """The grasps that were carried out, by the simulator's verdict where there is one, else by the gripper's."""
    features, success, scene = [], [], []
    for record in records:
        for attempt in record.notes.get("attempts", [_only_attempt(record)]):
            known = attempt.get("plan", {}).get("features")
            held = attempt["verified"] if attempt["simulator_verdict"] is None else attempt["simulator_verdict"]
            if known and held is not None and attempt["outcome"] in MOVED:
                values = [known.get(name) for name in FEATURES]
                features.append([np.nan if value is None else value for value in values])
                success.append(held)
                scene.append(record.seed)
    return TriedGrasps(np.reshape(features, (-1, len(FEATURES))), np.array(success, bool), np.array(scene, np.int64))


def calibration_bins(expected: np.ndarray, success: np.ndarray) -> list[CalibrationBin]:
    """Those of the bins between `EDGES` in which there are grasps."""
    number = np.clip(np.digitize(expected, EDGES) - 1, 0, len(EDGES) - 2)
    return [
        CalibrationBin(
            EDGES[k],
            EDGES[k + 1],
            float(expected[number == k].mean()),
            Proportion(int(success[number == k].sum()), int((number == k).sum())),
        )
        for k in np.unique(number)
    ]


def _only_attempt(record: TrialRecord) -> Mapping[str, Any]:
    said = {"verified": record.verified, "simulator_verdict": record.simulator_verdict, "outcome": record.outcome}
    return {**record.notes, **said}
