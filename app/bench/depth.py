"""`python main.py bench depth`: estimators on a data set, by the paper's protocol and as the robot uses them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rich.markup import escape

from app.bench.depth_facts import estimator_facts, table_facts
from app.bench.depth_options import BenchDepthOptions, demand_one_model
from app.bench.depth_store import PairStore, slug
from app.console import Console
from app.paths import cell_file, home
from core.cell import load_cell
from core.errors import DatasetError, VitroError
from core.files import replace_file, writing
from core.image_file import write_image
from core.work import digest_of
from perception.estimators.estimator import Estimator
from perception.estimators.options import EstimatorOptions
from perception.estimators.specification import EstimatorSpecification
from perception.learning.datasets.base import Dataset, open_dataset
from perception.learning.evaluation.exhibit import Exhibit
from perception.learning.evaluation.measure import ClipResult, Progress, measure, passes
from perception.learning.evaluation.pictures import frame_picture, pick_for_pictures, profile_picture
from perception.learning.evaluation.predictions import open_for_evaluation
from perception.learning.evaluation.report import tables_of
from perception.learning.evaluation.showing import Showing
from perception.learning.evaluation.stored import key_of
from perception.learning.evaluation.tables import ResultTable, as_csv, latex, markdown

#: Of so many clips there are pictures.
_PICTURED = 4
#: Only these tables are shown on the console; the files have all.
_SHOWN_REGIONS = ("all pixels", "pixels of objects", "transparent pixels", "transparent and mirror-like pixels")


@dataclass
class _Bench:
    """What is measured, and what came of it so far."""

    dataset: Dataset
    showings: dict[str, Showing]
    pictured: tuple[str, ...]
    cell_digest: str
    results: dict[str, list[ClipResult]]
    not_loaded: dict[str, str]
    not_read: dict[str, str]


def bench_depth(options: BenchDepthOptions, as_json: bool) -> int:
    """Measures the pairs that its folder lacks and writes tables and pictures; 1 where something was left out."""
    console = Console(as_json)
    demand_one_model(options.estimators, options.weights)
    dataset = open_dataset(options.kind, options.root)
    bench = _prepare(options, dataset, console)
    out = options.out or home() / "bench-depth" / f"{options.kind}-{options.root.resolve().name}"
    with PairStore(out).opened() as store:
        for estimator in options.estimators:
            _measure_all(bench, estimator, options.weights if estimator.has_weights else None, store, console)
        results = _of_common_clips(bench)
        if not results:
            raise DatasetError(
                "Nothing could be measured: " + "; ".join({**bench.not_loaded, **bench.not_read}.values()),
                "Mend what is named, or choose other estimators or clips.",
            )
        tables = tables_of(results, options.kind, dataset.name, options.seed)
        files = [*_write_tables(tables, bench, options, out), *_draw(bench, results, store)]
    _tell(console, tables, bench, out)
    console.result(
        {
            "dataset": dataset.name,
            "kind": options.kind,
            "seed": options.seed,
            "clips": [clip for clip in bench.showings if clip not in bench.not_read],
            "left_out": {**bench.not_loaded, **bench.not_read},
            "estimators": {name: estimator_facts(own) for name, own in results.items()},
            "tables": [table_facts(table) for table in tables],
            "out": str(out),
            "files": [str(path.relative_to(out)) for path in files],
        }
    )
    return 1 if bench.not_loaded or bench.not_read else 0


def _prepare(options: BenchDepthOptions, dataset: Dataset, console: Console) -> _Bench:
    """What is to be measured; a clip that does not even say how many frames it has is left out."""
    cell_path = cell_file(options.cell)
    cell = load_cell(cell_path)
    rng = np.random.default_rng(options.seed)
    count = len(dataset.clips) if options.clips is None else min(options.clips, len(dataset.clips))
    chosen = sorted(rng.permutation(len(dataset.clips))[:count])
    showings, not_read = {}, {}
    for clip in (dataset.clips[i] for i in chosen):
        try:
            frames = range(len(clip) if options.frames is None else min(options.frames, len(clip)))
        except DatasetError as error:
            not_read[clip.name] = f"clip {clip.name}: {error.cause}"
            console.error(error)
            continue
        showings[clip.name] = Showing(clip, frames, options.kind, cell)
    pictured = pick_for_pictures(list(showings), _PICTURED)
    return _Bench(dataset, showings, pictured, digest_of(cell_path), {}, {}, not_read)


def _measure_all(
    bench: _Bench, specification: EstimatorSpecification, weights: Path | None, store: PairStore, console: Console
) -> None:
    """Every clip by one estimator, which is loaded only if something of it is not there yet."""
    name, showings = specification.name, bench.showings.items()
    own = bench.results.setdefault(name, [])
    keys = {clip: key_of(showing, specification, weights, bench.cell_digest) for clip, showing in showings}
    kept = {clip: store.load(clip, name, key, clip in bench.pictured) for clip, key in keys.items()}
    own += [result for result in kept.values() if result is not None]
    lacking = [clip for clip, result in kept.items() if result is None and clip not in bench.not_read]
    if own:
        console.say(f"  {escape(name)}: {len(own)} of {len(kept)} clips are there already")
    if not lacking:
        return
    try:
        with console.stage("load") as line:
            estimator = open_for_evaluation(specification, EstimatorOptions(weights=weights))
            line.detail = name
    except VitroError as error:
        bench.not_loaded[name] = f"{name}: {error.cause}"
        console.error(error)
        return
    total = sum(passes(bench.showings[clip]) for clip in lacking)
    done = 0
    with console.frames_bar(name, total) as show:
        for clip in lacking:
            own += _measure_one(
                bench, clip, estimator, store, keys[clip], partial(_show_from, show, done, total), console
            )
            done += passes(bench.showings[clip])


def _show_from(show: Callable[[int, int | None], None], done: int, total: int, more: int) -> None:
    show(done + more, total)


def _measure_one(
    bench: _Bench,
    clip: str,
    estimator: Estimator,
    store: PairStore,
    key: str,
    progress: Progress,
    console: Console,
) -> list[ClipResult]:
    """The kept result of one pair; nothing where the clip cannot be read, which is told."""
    showing = bench.showings[clip]
    try:
        with writing(store.out):
            result, exhibit = measure(showing, estimator, store.scratch, clip in bench.pictured, progress)
    except DatasetError as error:
        bench.not_read[clip] = f"clip {clip}: {error.cause}"
        console.error(error)
        return []
    finally:
        showing.rest()
    store.save(result, exhibit, key)
    _tell_misses(console, result)
    return [result]


def _tell_misses(console: Console, result: ClipResult) -> None:
    """Once a clip, the first reason of each sort."""
    for sort, missed in (("no answer", result.misses), ("not made metric", result.unused)):
        if missed:
            number, why = missed[0]
            console.say(
                f"  [yellow]![/] {escape(result.subject)}, clip {escape(result.clip)}: {sort} on {len(missed)} of "
                f"{result.frames} frames; frame {number}: {escape(why)}"
            )


def _of_common_clips(bench: _Bench) -> dict[str, list[ClipResult]]:
    """Only clips that every estimator was measured on can be compared; in the order of the data set."""
    measured = {name: own for name, own in bench.results.items() if name not in bench.not_loaded}
    common = [clip for clip in bench.showings if clip not in bench.not_read]
    by_clip = {name: {result.clip: result for result in own} for name, own in measured.items()}
    common = [clip for clip in common if all(clip in own for own in by_clip.values())]
    return {name: [own[clip] for clip in common] for name, own in by_clip.items()} if common else {}


def _write_tables(tables: Sequence[ResultTable], bench: _Bench, options: BenchDepthOptions, out: Path) -> list[Path]:
    read = [showing for clip, showing in bench.showings.items() if clip not in bench.not_read]
    head = (
        f"# {bench.dataset.name}: {len(read)} clips, {sum(map(len, read))} frames, seed "
        f"{options.seed}\n\nIntervals: 95 %, bootstrap over clips. REL, RMSE and median over pixels with an answer "
        "(coverage); a hole is a miss for δ.\n\n"
    )
    texts = {"table.md": head + markdown(tables), "table.csv": as_csv(tables), "table.tex": latex(tables)}
    for name, text in texts.items():
        with writing(out / name):
            replace_file(out / name, text.encode())
    return [out / name for name in texts]


def _draw(bench: _Bench, results: Mapping[str, Sequence[ClipResult]], store: PairStore) -> list[Path]:
    """A picture of a frame, and for films one of a column of pixels over time, for each pictured clip."""
    made = []
    for clip in bench.pictured:
        found = {name: store.exhibit(clip, name) for name in results if clip not in bench.not_read}
        exhibits: dict[str, Exhibit] = {name: one for name, one in found.items() if one is not None}
        if not exhibits:
            continue
        pictures = {"frame": frame_picture(exhibits)}
        if bench.showings[clip].clip.is_video and len(bench.showings[clip]) > 1:
            pictures["profile"] = profile_picture(exhibits)
        for what, picture in pictures.items():
            path = store.out / f"{what}-{slug(clip)}.png"
            with writing(path):
                write_image(path, picture)
            made.append(path)
    return made


def _tell(console: Console, tables: Sequence[ResultTable], bench: _Bench, out: Path) -> None:
    for table in tables:
        if any(table.title.endswith(f": {region}") for region in _SHOWN_REGIONS):
            console.say("")
            console.table(table.title, table.header(), table.cells(intervals=False))
    for why in (*bench.not_loaded.values(), *bench.not_read.values()):
        console.say(f"  [red]left out[/] {escape(why)}")
    console.say(f"all tables, with their intervals, and pictures in [bold]{escape(str(out))}[/]")
