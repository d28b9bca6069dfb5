"""`python main.py refine RECORDING` or `--trials`: a larger model's depth, and where it disagrees with the first."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.markup import escape

from app.clips.clip_run import ClipRequest
from app.console import Console
from app.paths import home
from app.refine.clip import refine_clip
from app.refine.disagreements import COLUMNS, DISAGREEMENT, how_much, row_of, short
from app.refine.log import LOGGED, NOTHING, RefineOptions, TrialsRun
from core.errors import PerceptionError, TrialError
from perception.estimators.registry import find_estimator
from trials.store import TrialStore

#: What a recording's refined depth is compared with where nothing else is named.
CELL_MODEL = "dkt-1.3b"


def refine_recording(options: RefineOptions, recording: Path, out: Path | None, as_json: bool) -> int:
    """Works a recording through with both models; 0 when all is on disk.

    Raises:
        VitroError: what `depth` raises for either model.
    """
    console = Console(as_json)
    options = replace(options, against=options.against or CELL_MODEL)
    _demand_models(options)
    folder = out or home() / "refined" / _name_of(recording)
    request = ClipRequest(recording, folder, options.estimator, options.settings, options.fresh)
    first = None
    if options.against != NOTHING:
        first = replace(request, estimator=options.against, settings=options.against_settings())
    summary = refine_clip(request, first, options.cell or "sim", console)
    if (facts := summary[DISAGREEMENT]) is None:
        console.say(f"  not compared: {escape(summary['not_compared'])}")
    else:
        frames = sorted(facts["frames"], key=how_much, reverse=True)
        rows = [[str(frame["frame"]), *row_of(frame)] for frame in frames]
        console.table(f"{facts['refined']} against {facts['first']}", ("frame", *COLUMNS), rows)
    console.say(f"refined depth in [bold]{escape(str(folder))}[/]")
    console.result(summary)
    return 0


def refine_logged(options: RefineOptions, last: int | None, id: int | None, as_json: bool) -> int:
    """Refines logged trials, those done before skipped; 1 where some could not be, which are named at the end.

    Raises:
        ConfigurationError: options or a disk that will not do for any trial.
        PerceptionError: weights that cannot be used.
        TrialError: no such trial, or none that kept its frames.
    """
    console = Console(as_json)
    _demand_models(options)
    with TrialStore(home() / "trials.db") as store:
        records = [store.get(id)] if id is not None else list(store.list(last=last))
        run = TrialsRun(options, store, console)
        without = run.take(records)
        if without:
            console.say(f"  skipped, for they kept no frames: trial {', '.join(map(str, without))}")
        if not run.trials and not run.failed:
            raise TrialError(
                f"None of the {len(records)} trial(s) kept its frames.",
                "Trials logged from now on do: python main.py --surface reflective. Recordings can be refined too.",
            )
        rows = run.finish()
    headings = ("trial", "surface", "outcome", "first", *COLUMNS)
    console.table(f"{len(rows)} trial(s) refined by {options.estimator}", headings, [_row(row) for row in rows])
    for trial, error in run.failed.items():
        console.say(f"  [red]✗[/] trial {trial}: {escape(error.cause)}")
    failed = {str(trial): error.cause for trial, error in run.failed.items()}
    console.result({"trials": rows, "without_frames": without, "failed": failed})
    return 1 if run.failed else 0


def _row(row: dict[str, Any]) -> list[str]:
    facts = row["disagreement"]
    cells = (
        ["nothing to compare with", *[""] * len(COLUMNS)] if facts is None else [short(facts["first"]), *row_of(facts)]
    )
    return [str(row["id"]), row["surface"], row["outcome"], *cells]


def _demand_models(options: RefineOptions) -> None:
    """Finds now what would else be found after hours of the other model.

    Raises:
        ConfigurationError: a name that is no model for recordings.
        PerceptionError: no folder of weights.
    """
    chosen = {"--weights": (options.estimator, options.settings)}
    if options.against not in (LOGGED, NOTHING):
        chosen["--against-weights"] = (options.against, options.against_settings())
    for option, (name, settings) in chosen.items():
        specification = find_estimator(name)
        folder = settings.weights or specification.weights_folder()
        if folder is not None and not folder.is_dir():
            otherwise = "" if name == options.estimator else " Or compare with something else: --against raw, or none."
            raise PerceptionError(
                f"There are no weights of {name} in {folder}.",
                f"Run python main.py weights fetch {specification.weights or name}, or name their folder with "
                f"{option}.{otherwise}",
            )


def _name_of(recording: Path) -> str:
    """Its own folder for every recording, the same again when a run that was cut off goes on."""
    whole = recording.resolve()
    return f"{whole.stem}-{hashlib.sha256(str(whole).encode()).hexdigest()[:6]}"
