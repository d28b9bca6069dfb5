"""The bench of the planner: what it counts of scenes, and that its keys are those that programs read."""

import json

import numpy as np
import pytest

from app.bench.options import BenchPlanOptions
from app.bench.plan.command import bench_plan, summary
from app.bench.plan.scenes import WITHIN_S, SceneOutcome


@pytest.mark.slow
def test_scenes_are_planned_and_the_gate_tells_good_picks_from_spoiled_ones(
    capsys: pytest.CaptureFixture[str], tmp_path
) -> None:
    report = tmp_path / "planning.md"
    assert bench_plan(BenchPlanOptions(scenes=2, seed=5, as_json=True, report=report)) == 0
    result = json.loads(capsys.readouterr().out)
    assert result.keys() == {
        "scenes", "feasible", "planned", "median_s", "p95_s", "motion_median_s", "merits", "rejections", "gate"
    }  # fmt: skip
    assert result["scenes"] == result["feasible"] == 2
    assert 0 < result["median_s"] <= result["p95_s"]
    gate = result["gate"]
    assert (gate["good"], gate["bad"]) == (gate["accepted"], gate["rejected"]) == (2, 6)
    assert 0.5 < result["merits"]["success"]["p5"] <= result["merits"]["success"]["median"] <= 1.0
    assert result["rejections"]["out of reach"] > 0
    assert "| planned within 2 s |" in report.read_text()


def test_a_plan_that_came_late_is_feasible_but_not_planned() -> None:
    pick = object()
    outcomes = [
        SceneOutcome(0, 1, 9, WITHIN_S / 2, True, 6.0, pick=pick, rejections={"out of reach": 2}),
        SceneOutcome(1, 1, 9, WITHIN_S * 2, True, 8.0, pick=pick, rejections={"out of reach": 3}),
        SceneOutcome(2, 1, 9, 8.0, True, reason="time ran out"),
        SceneOutcome(3, 1, 0, 0.1, False, reason="nothing in reach"),
    ]
    result = summary(outcomes)
    assert (result["scenes"], result["feasible"], result["planned"]) == (4, 3, 1)
    assert result["motion_median_s"] == 7.0
    assert result["rejections"] == {"out of reach": 5}
    assert np.isclose(result["median_s"], 1.5 * WITHIN_S / 1.2)
