"""`python main.py bench log`: what the log of trials survives, and how fast it answers."""

import tempfile
from pathlib import Path

from app.bench.log.million import FIRST, answer_times_s, command_times_s, fill, logging_s
from app.bench.log.places import new_log
from app.bench.log.sweeps import Sweep, sweep_kills, sweep_writes
from app.bench.log.writers import lost_rows
from app.bench.options import BenchLogOptions
from app.console import Console
from app.paths import home

#: What a command that asks a log may take, and what logging may add to a trial [s].
MOST_ANSWER_S, MOST_LOGGING_S = 2.0, 0.05


def bench_log(options: BenchLogOptions) -> int:
    """1 where a row was lost, doubled or damaged, or something took too long."""
    console = Console(options.as_json)
    servers = {"SQLite": None} | ({"PostgreSQL": options.server} if options.server else {})
    failures: list[str] = []
    result: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="bench-log-", dir=home()) as place:
        folder = Path(place)
        for name, server in servers.items():
            result[f"kills, {name}"] = _sweep(console, f"kills, {name}", sweep_kills(folder, server), failures)
            with console.stage(f"writers, {name}") as line, new_log(folder, server) as where:
                wrong = lost_rows(where)
                line.detail = "2 processes, 200 rows each: " + ("; ".join(wrong) or "none lost, none twice")
            failures += wrong
            with new_log(folder, server) as where:
                added_s = result[f"logging, {name} [s]"] = logging_s(where)
            console.say(f"  logging adds {1000 * added_s:.1f} ms to a trial on {name}")
            failures += [f"logging on {name} takes {added_s:.3f} s"] if added_s > MOST_LOGGING_S else []
        result["writes"] = _sweep(console, "writes", sweep_writes(folder), failures)
        if options.trials:
            result["answers [s]"] = _time(console, folder, options.trials, failures)
    for failure in failures:
        console.say(f"  [red]✗[/] {failure}")
    console.result(result | {"failures": failures})
    return 1 if failures else 0


def _sweep(console: Console, name: str, sweep: Sweep, failures: list[str]) -> Sweep:
    left = "until nothing failed" if sweep.is_clean else "and no end of it"
    console.say(f"  {name}: {sweep.points} points {left}, {len(sweep.failures)} failures")
    failures += sweep.failures + ([] if sweep.is_clean else [f"{name}: no clean pass"])
    return sweep


def _time(console: Console, folder: Path, trials: int, failures: list[str]) -> dict[str, float]:
    with new_log(folder, None) as where:
        with console.stage("fill") as line:
            fill(where, trials)
            line.detail = f"{trials} trials, {Path(where).stat().st_size / 1e6:.0f} MB"
        times_s = answer_times_s(where) | command_times_s(where)
    console.table(
        f"a log of {trials} trials answers", ("asked for", "s"), [(name, f"{s:.3f}") for name, s in times_s.items()]
    )
    failures += [f"{name}: {s:.1f} s" for name, s in times_s.items() if s > MOST_ANSWER_S and name != FIRST]
    return times_s
