"""The fault bench: it runs whole trials, strikes in their midst, and sees what a fault did to true joints and row."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.bench.faults.case import Ended
from app.bench.faults.cell import Motion
from app.bench.faults.registry import all_faults
from app.bench.faults.script import MOVING, Stage
from app.bench.faults.verdict import judge_case, what_is_unsafe
from app.cli import app

FAULTS = all_faults()
STILL = Motion(stopped_after_s=0.1, fastest_rad_s=0.0, moved_rad=0.1, is_powered=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "phase", "outcome"),
    [("e-stop pressed", Stage.LIFT, "interrupted (arm)"), ("kill -9", Stage.PLAN, "interrupted (crash)")],
)
def test_a_fault_ends_a_trial_safely_with_its_row_whole(name: str, phase: Stage, outcome: str, tmp_path: Path) -> None:
    verdict = judge_case(FAULTS[name], phase, tmp_path / "case")
    assert verdict.is_good, verdict
    assert verdict.row == outcome
    assert (verdict.stop_ms is not None and verdict.stop_ms > 10) == (phase in MOVING)


@pytest.mark.parametrize(
    ("phase", "motion", "word"),
    [
        (Stage.LIFT, Motion(0.25, 0.0, 0.1, True), "stood after 250 ms"),
        (Stage.LIFT, Motion(0.1, 0.4, 0.1, True), "rad/s"),
        (Stage.LIFT, Motion(0.1, 0.0, 0.1, False), "fell"),
        (Stage.PLAN, Motion(0.1, 0.0, 0.1, True), "moved"),
        (Stage.PLAN, None, "never struck"),
    ],
)
def test_what_is_unsafe_is_seen(phase: Stage, motion: Motion | None, word: str) -> None:
    fault = FAULTS["bus silent"]
    assert word in what_is_unsafe(fault, phase, Ended(1, "", motion))
    assert what_is_unsafe(fault, Stage.LIFT, Ended(1, "", STILL)) == ""
    assert what_is_unsafe(fault, phase, Ended(None, "", STILL)) == "hangs"


def test_a_fault_that_there_is_not_is_refused_and_those_there_are_are_named() -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["bench", "faults", "--only", "nothing"]).exit_code == 2
    listed = runner.invoke(app, ["bench", "faults", "--list", "--json"])
    assert listed.exit_code == 0 and all(name in listed.output for name in FAULTS)
