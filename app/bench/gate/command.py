"""`python main.py bench gate`: good picks, and bad ones made of them, before the gate."""

from collections.abc import Sequence
from itertools import islice

import numpy as np

from app.bench.gate.picks import good_picks
from app.bench.gate.spoil import spoil
from app.bench.options import BenchGateOptions
from app.bench.report_file import ReportFile
from app.console import Console
from app.paths import cell_file
from core.cell import load_cell

COLUMNS = ("bad in this", "of", "refused", "for this reason")


def bench_gate(options: BenchGateOptions) -> int:
    """Checks good picks and spoiled ones; 0 where every bad one was refused and no good one."""
    console = Console(options.as_json)
    report, cell = ReportFile(options.report, "gate"), load_cell(cell_file("sim"))
    seeds = range(options.seed, options.seed + 10 * options.good)
    picks = islice(good_picks(cell, seeds), options.good)
    proposed = list(console.progress(picks, "good picks", options.good))
    good, stopped = [pick for pick, _ in proposed], [why for _, reasons in proposed for why in reasons]
    wrongly = [report.violations for report in (pick.check() for pick in good) if not report.passed]
    tallies = spoil(good, options.bad, np.random.default_rng(options.seed), console)
    rows = [[kind, str(one.of), str(one.refused), str(one.named)] for kind, one in tallies.items()]
    console.table(f"{len(good)} good picks, {len(wrongly)} refused", COLUMNS, rows)
    console.say(f"  {len(stopped)} candidates were stopped on the way to these: {'; '.join(stopped) or 'none'}")
    bad, refused = (sum(getattr(one, name) for one in tallies.values()) for name in ("of", "refused"))
    report.write(_report(len(good), len(wrongly), len(stopped), bad, refused, rows))
    console.result(
        {
            "good": len(good),
            "good_refused": len(wrongly),
            "bad": bad,
            "bad_refused": refused,
            "kinds": len(tallies),
            "named": sum(one.named for one in tallies.values()),
            "violations_of_good": wrongly,
            "stopped_while_planning": stopped,
        }
    )
    return 0 if good and not wrongly and bad == refused else 1


def _report(good: int, wrongly: int, stopped: int, bad: int, refused: int, rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(
        [
            "# The gate",
            "",
            "Made by `python main.py bench gate --report docs/lab/gate.md`: picks that the planner proposes in drawn",
            "scenes of one to three things, and bad ones made of them by one change each.",
            "",
            f"{good} good picks: {wrongly} refused, and {stopped} candidates stopped while these were planned.",
            f"{bad} bad ones of {len(rows)} kinds: {refused} refused.",
            "",
            f"| {' | '.join(COLUMNS)} |",
            "|---|---|---|---|",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
        ]
    )
