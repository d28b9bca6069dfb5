"""`python main.py bench plan`: in how many scenes a pick is found, how soon, how long it moves, what its gate says."""

import time
from collections import Counter
from collections.abc import Sequence

import numpy as np

from app.bench.gate.spoil import spoil
from app.bench.options import BenchPlanOptions
from app.bench.plan.scenes import WITHIN_S, SceneOutcome, plan_scenes
from app.bench.report_file import ReportFile
from app.console import Console
from app.paths import cell_file
from core.cell import load_cell
from core.errors import PlanningError
from core.report.words import counted
from grasping.detection.registry import create_detector
from grasping.planning.grasp_plan import Merits
from grasping.planning.registry import find_planner

#: Of how many spoiled picks the gate is asked, a scene.
BAD_A_SCENE = 3
_SHARES = (("p5", 5), ("median", 50))


def bench_plan(options: BenchPlanOptions) -> int:
    """Plans a pick in every scene and has its gate look at all of them, and at spoiled ones.

    Returns 0 where the gate told good from bad. Raises PlanningError where no scene gave a plan.
    """
    console = Console(options.as_json)
    find_planner(options.planner)
    report = ReportFile(options.report, "plan")
    cell = load_cell(cell_file(options.cell))
    detector = create_detector("antipodal", min(arm.gripper_stroke_m for arm in cell.arms.values()))
    seeds = range(options.seed, options.seed + options.scenes)
    scenes = plan_scenes(cell, detector, seeds, options.planner, options.patience)
    outcomes = list(console.progress(scenes, "scenes", options.scenes))
    result = summary(outcomes)
    if not result["planned"]:
        raise PlanningError(
            f"No plan was found in {counted(options.scenes, 'scene')}: {outcomes[0].reason}",
            "Try more --scenes, another --seed.",
        )
    result["gate"] = gate_summary(outcomes, np.random.default_rng(options.seed), console)
    _show(outcomes, result, options, console)
    report.write(_report(result, options))
    console.result(result)
    gate = result["gate"]
    return 0 if gate["rejected"] == gate["bad"] and gate["accepted"] == gate["good"] else 1


def summary(outcomes: Sequence[SceneOutcome]) -> dict:
    """Counts of scenes, and of those with a plan its time [s] and its motions' length [s]."""
    found = [one for one in outcomes if one.pick is not None]
    seconds = [one.seconds for one in found] or [float("nan")]
    rejections: Counter[str] = Counter()
    for one in outcomes:
        rejections.update(one.rejections)
    return {
        "scenes": len(outcomes),
        "feasible": sum(one.is_feasible for one in outcomes),
        "planned": sum(one.is_planned for one in outcomes),
        "median_s": round(float(np.median(seconds)), 3),
        "p95_s": round(float(np.percentile(seconds, 95)), 3),
        "motion_median_s": round(float(np.median([one.motion_s for one in found] or [float("nan")])), 2),
        "merits": merits_summary([one.merits for one in found if one.merits is not None]),
        "rejections": dict(rejections.most_common()),
    }


def merits_summary(merits: Sequence[Merits]) -> dict[str, dict[str, float]]:
    """Of each figure that grasps are ranked by, what the chosen ones have: the 5th percentile and the median."""
    chosen = [one.rounded for one in merits]
    return {
        name: {of: round(float(np.percentile([one[name] for one in chosen], share)), 4) for of, share in _SHARES}
        for name in (chosen[0] if chosen else ())
    }


def gate_summary(outcomes: Sequence[SceneOutcome], rng: np.random.Generator, console: Console) -> dict:
    """How the gate takes the picks that were planned, and picks spoiled in every known way."""
    good = [one.pick for one in outcomes if one.pick is not None]
    accepted, seconds = 0, []
    for pick in console.progress(good, "good picks", len(good)):
        started_s = time.perf_counter()
        accepted += pick.check().passed
        seconds.append(time.perf_counter() - started_s)
    tallies = spoil(good, BAD_A_SCENE * len(outcomes), rng, console)
    return {
        "bad": sum(one.of for one in tallies.values()),
        "rejected": sum(one.refused for one in tallies.values()),
        "good": len(good),
        "accepted": accepted,
        "median_ms": round(1000 * float(np.median(seconds)), 1),
    }


def _rows(result: dict) -> list[list[str]]:
    gate = result["gate"]
    return [
        ["scenes where some grasp can be carried out", f"{result['feasible']} of {result['scenes']}"],
        [f"planned within {WITHIN_S:g} s", f"{result['planned']} of {result['feasible']}"],
        ["time to a plan, median, 95th percentile", f"{result['median_s']:.2f} s, {result['p95_s']:.2f} s"],
        ["motion of a pick, median", f"{result['motion_median_s']:.1f} s"],
        *_merits_rows(result["merits"]),
        ["good picks the gate passed", f"{gate['accepted']} of {gate['good']}"],
        ["spoiled picks it refused", f"{gate['rejected']} of {gate['bad']}"],
        ["a pick's check, median", f"{gate['median_ms']:.0f} ms"],
    ]


def _merits_rows(merits: dict[str, dict[str, float]]) -> list[list[str]]:
    return [
        [f"{name} of the chosen grasps, 5th percentile, median", f"{told['p5']:.3f}, {told['median']:.3f}"]
        for name, told in merits.items()
    ]


def _show(outcomes: Sequence[SceneOutcome], result: dict, options: BenchPlanOptions, console: Console) -> None:
    console.table(f"{options.planner}, scenes {options.seed} to {outcomes[-1].seed}", ("", ""), _rows(result))
    console.table(
        "What grasps came to nothing for, each with both arms and turned both ways",
        ("reason", "times"),
        [[reason, str(count)] for reason, count in result["rejections"].items()],
    )
    for one in outcomes:
        if not one.is_planned:
            why = one.reason or f"the plan took {one.seconds:.1f} s"
            console.say(f"  scene {one.seed}, {one.objects} objects, {one.grasps} grasps: {why}")


def _report(result: dict, options: BenchPlanOptions) -> str:
    rows = [f"| {what} | {value} |" for what, value in _rows(result)]
    reasons = [f"| {reason} | {count} |" for reason, count in result["rejections"].items()]
    header = f"`bench plan --planner {options.planner} --scenes {options.scenes} --seed {options.seed}`"
    return "\n".join([header, "", "| | |", "|---|---|", *rows, "", "| rejected | |", "|---|---|", *reasons, ""])
