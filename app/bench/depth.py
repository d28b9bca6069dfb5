"""`python main.py bench depth`: estimators on a data set, by the paper's protocol and as the robot uses them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.bench.options import BenchDepthOptions
from app.console import Console
from app.paths import cell_file, home
from core.errors import ConfigurationError, VitroError
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import find_estimators
from perception.estimators.specification import EstimatorSpecification
from perception.learning.datasets.base import open_dataset
from perception.learning.evaluation.bench import DepthBench
from perception.learning.evaluation.evaluate import ClipResult, passes
from perception.learning.evaluation.predictions import open_for_evaluation
from perception.learning.evaluation.report import tables_of
from perception.learning.evaluation.store import PairStore
from perception.learning.evaluation.tables import ResultTable

#: Only these tables are on the console; the files have all.
_SAID_REGIONS = ("all pixels", "pixels of objects", "transparent pixels", "transparent and mirror-like pixels")


def bench_depths(options: BenchDepthOptions) -> int:
    """Evaluates the pairs that its folder lacks and writes tables and pictures; 1 where something was left out."""
    console = Console(options.as_json)
    estimators = _estimators(options)
    kind, dataset = options.dataset, open_dataset(options.dataset, options.root)
    out = options.out or home() / "bench-depth" / f"{kind}-{options.root.resolve().name}"
    store = PairStore(out)
    bench = DepthBench(dataset, kind, cell_file(options.cell), store, console.error)
    bench.choose(options.clips, options.frames, options.seed)
    with store.opened():
        for estimator in estimators:
            _evaluate(bench, estimator, options.weights if estimator.has_weights else None, console)
        results = bench.results()
        tables = tables_of(results, kind, dataset.name, options.seed)
        files = bench.write(tables, results, options.seed)
    left_out = bench.not_loaded | bench.not_read
    _say_tables(tables, left_out, console)
    console.say(f"all tables, with their intervals, and pictures in [bold]{out!s}[/]")
    result = {
        "dataset": dataset.name,
        "kind": kind,
        "seed": options.seed,
        "clips": bench.clips,
        "left_out": left_out,
        "estimators": {name: _facts(own) for name, own in results.items()},
        "tables": [{"title": table.title, "rows": table.rows} for table in tables],
        "out": out,
        "files": [path.relative_to(out) for path in files],
    }
    console.result(result)
    return 1 if left_out else 0


def _estimators(options: BenchDepthOptions) -> Sequence[EstimatorSpecification]:
    """Those named. Raises a ConfigurationError where it is not plain whose the weights are."""
    estimators = find_estimators(options.estimators, "any")
    models = [estimator.name for estimator in estimators if estimator.has_weights]
    if options.weights is not None and len(models) != 1:
        raise ConfigurationError(
            f"--weights are of one model, and --estimators names {', '.join(models) or 'none'}.",
            "Measure one model with weights of its own at a time; plane, raw, oracle and depth may stand beside it.",
        )
    return estimators


def _say_tables(tables: Sequence[ResultTable], left_out: Mapping[str, str], console: Console) -> None:
    for table in tables:
        if any(table.title.endswith(f": {region}") for region in _SAID_REGIONS):
            console.say("")
            console.table(table.title, table.header(), table.cells(intervals=False))
    for why in left_out.values():
        console.say(f"  [red]left out[/] {why}")


def _evaluate(bench: DepthBench, specification: EstimatorSpecification, weights: Path | None, console: Console) -> None:
    """Every clip by one estimator, which is loaded only if something of it is not there yet."""
    name, pending = specification.name, bench.pending(specification, weights)
    if kept := bench.kept(name):
        console.say(f"  {name}: {kept} of {len(bench.samples)} clips are there already")
    if not pending:
        return
    try:
        with console.stage("load") as line:
            estimator = open_for_evaluation(specification, EstimatorOptions(weights=weights))
            line.detail = name
    except VitroError as error:
        bench.leave_out_estimator(name, error)
        return
    total, done = sum(passes(bench.samples[clip]) for clip in pending), 0
    with console.frames_bar(name, total) as show:

        def progress(frames: int) -> None:
            show(done + frames, total)

        for clip, key in pending.items():
            result = bench.evaluate(clip, key, estimator, progress)
            done += passes(bench.samples[clip])
            if result is None:
                continue
            for sort, missed in (("no answer", result.misses), ("not made metric", result.unused)):
                if missed:
                    # Once a clip, the first reason of each sort.
                    number, why = missed[0]
                    console.say(
                        f"  [yellow]![/] {name}, clip {clip}: {sort} on {len(missed)} of "
                        f"{result.frames} frames; frame {number}: {why}"
                    )


def _facts(own: Sequence[ClipResult]) -> dict[str, Any]:
    """How an estimator ran on all of its clips, and what it failed at, with the reasons."""
    frames = sum(result.frames for result in own)
    return {
        "ran_as": own[0].ran_as,
        "frames": frames,
        "seconds_per_frame": sum(result.seconds * result.frames for result in own) / frames,
        "misses": [[result.clip, number, why] for result in own for number, why in result.misses],
        "not_made_metric": [[result.clip, number, why] for result in own for number, why in result.unused],
    }
