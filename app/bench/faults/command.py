"""`python main.py bench faults`: every fault in every phase where it can occur, in the digital cell."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.bench.faults.kinds import Fault
from app.bench.faults.registry import all_faults
from app.bench.faults.verdict import FaultVerdict, judge_case
from app.bench.options import BenchFaultsOptions
from app.bench.report_file import ReportFile
from app.console import Console
from core.errors import ConfigurationError
from hardware.simulation.motion_watch import STANDING_RAD_S

COLUMNS = ("fault", "phase", "stops in ms", "fastest after rad/s", "arm", "row", "exit", "wrong")


def bench_faults(options: BenchFaultsOptions) -> int:
    """Runs the cases; 0 where all ended as they must."""
    console = Console(options.as_json)
    cases = [(fault, phase) for fault in _choose_faults(options.only) for phase in fault.phases]
    if options.list_only:
        for fault in dict.fromkeys(fault for fault, _ in cases):
            console.say(f"{fault.name:34}{', '.join(fault.phases)}")
        return 0
    report, verdicts = ReportFile(options.report, "faults"), []
    with TemporaryDirectory(prefix="vitro-faults-") as folder:
        folders = [Path(folder) / str(number) for number in range(len(cases))]
        with ThreadPoolExecutor(options.workers) as pool:
            running = pool.map(judge_case, *zip(*cases, strict=True), folders)
            for verdict in console.progress(running, "cases", len(cases)):
                verdicts.append(verdict)
                if not verdict.is_good:
                    console.say(f"  {verdict.fault}, {verdict.phase}: {wrong_of(verdict)}")
    console.table(f"{len(verdicts)} cases", COLUMNS, map(_cells, verdicts))
    report.write(_report(verdicts))
    summary = _summary(verdicts)
    console.say("  " + ", ".join(f"{name} {value}" for name, value in summary.items() if name != "failures"))
    console.result(summary)
    return 0 if all(verdict.is_good for verdict in verdicts) else 1


def _choose_faults(only: str) -> list[Fault]:
    """Faults whose name, or whose part's, holds one of the comma-separated words.

    Raises:
        ConfigurationError: there is none.
    """
    words = [word.strip() for word in only.split(",")]
    found = [fault for fault in all_faults().values() if any(word in fault.name or word == fault.of for word in words)]
    if not found:
        raise ConfigurationError(f"No fault is called {only!r}.", "See them: python main.py bench faults --list")
    return found


def _summary(verdicts: Sequence[FaultVerdict]) -> dict[str, Any]:
    stops = [verdict.stop_ms for verdict in verdicts if verdict.stop_ms is not None]
    return {
        "cases": len(verdicts),
        "safe": sum(not verdict.unsafe for verdict in verdicts),
        "rows_intact": sum(not verdict.broken for verdict in verdicts),
        "worst_stop_ms": max(stops, default=0),
        "failures": [asdict(verdict) for verdict in verdicts if not verdict.is_good],
    }


def wrong_of(verdict: FaultVerdict) -> str:
    return "; ".join(filter(None, (verdict.unsafe, verdict.broken, verdict.unhelpful)))


def _cells(verdict: FaultVerdict) -> list[str]:
    numbers = ("" if value is None else str(value) for value in (verdict.stop_ms, verdict.fastest_rad_s))
    return [verdict.fault, verdict.phase, *numbers, verdict.arm, verdict.row, str(verdict.exit), wrong_of(verdict)]


def _report(verdicts: Sequence[FaultVerdict]) -> str:
    summary = _summary(verdicts)
    lines = [
        "# Faults",
        "",
        "Made by `python main.py bench faults --report docs/lab/faults.md`: every fault in every phase where it can",
        "occur, in the digital cell, each case a process of its own. Times are of the arm's clock, from the fault to",
        f"the stop of the true joints (below {STANDING_RAD_S} rad/s), whatever encoders say; speeds are of the fastest",
        "one once it should stand.",
        "",
        f"{summary['cases']} cases: {summary['safe']} safe, {summary['rows_intact']} rows intact, "
        f"worst stop {summary['worst_stop_ms']} ms, {len(summary['failures'])} with something wrong.",
        "",
        f"| {' | '.join((*COLUMNS, 'the log says'))} |",
        "|" + "---|" * (len(COLUMNS) + 1),
    ]
    lines += [f"| {' | '.join((*_cells(verdict), verdict.message.replace('|', '/')))} |" for verdict in verdicts]
    return "\n".join(lines) + "\n"
