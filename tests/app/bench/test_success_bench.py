"""`bench calibrate`: what it takes from a log, and what it leaves."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.bench.options import BenchCalibrateOptions
from app.bench.success import calibrate_success, tried_grasps
from core.errors import TrialError
from grasping.grasp_set import FEATURES
from grasping.success import load_success_model
from tests.support.trial_rows import row
from trials.record import Outcome, TrialRecord
from trials.store import TrialStore


def attempt(success: bool, value: float | None = 0.5) -> dict:
    return {
        "outcome": "success" if success else "failure",
        "verified": success,
        "simulator_verdict": success,
        "plan": {"features": dict.fromkeys(FEATURES, value)},
    }


def logged(success: bool, seed: int, value: float = 0.5, **notes: object) -> TrialRecord:
    outcome = Outcome.SUCCESS if success else Outcome.FAILURE
    notes = {"plan": {"features": dict.fromkeys(FEATURES, value)}} | notes
    return row(seed=seed, outcome=outcome, verified=success, simulator_verdict=success, notes=notes)


def log_it(store: TrialStore, record: TrialRecord) -> None:
    store.update(replace(record, id=store.begin(row()).id))


def test_every_attempt_that_moved_counts_once_and_refusals_do_not() -> None:
    refused = row(outcome=Outcome.REFUSED, simulator_verdict=False)
    twice = logged(True, 2, attempts=[attempt(False, 0.2), attempt(True, None)])
    tried = tried_grasps([refused, logged(True, 1), twice])
    assert tried.success.tolist() == [True, False, True]
    assert tried.scene.tolist() == [1, 2, 2]
    assert np.isnan(tried.features[2]).all() and (tried.features[1] == 0.2).all()


def test_coefficients_are_written_and_held_out_bins_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, out = tmp_path / "bench.db", tmp_path / "success.json"
    with TrialStore(log) as store:
        for seed in range(12):
            log_it(store, logged(seed % 3 > 0, seed, value=0.3 + 0.2 * (seed % 3)))
    assert calibrate_success(BenchCalibrateOptions([log], "a test", out, as_json=True)) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["grasps"] == sum(one["success"]["of"] for one in told["bins"]) == 12
    assert load_success_model(out).source == "a test: 8 of 12 grasps succeeded"


def test_a_log_of_successes_alone_teaches_nothing(tmp_path: Path) -> None:
    with TrialStore(tmp_path / "bench.db") as store:
        log_it(store, logged(True, 1))
    with pytest.raises(TrialError, match="too few"):
        calibrate_success(BenchCalibrateOptions([tmp_path / "bench.db"], as_json=True))
    with pytest.raises(TrialError, match="no log"):
        calibrate_success(BenchCalibrateOptions([tmp_path / "none.db"], as_json=True))
