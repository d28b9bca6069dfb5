"""`python main.py trials export|import|merge`: the log to a file, and other logs into this one."""

from collections.abc import Callable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from app.console import Console
from app.paths import demand_file, trial_log
from app.trials.blinding import Blinding
from app.trials.opened_log import opened_log
from app.trials.options import ExportTrialsOptions, ImportTrialsOptions, MergeTrialsOptions
from core.errors import ConfigurationError
from core.files import demand_writable, replacing, writing
from core.report.words import counted
from trials.exchange.content import LogContent, read_content
from trials.exchange.flat import FlatTable
from trials.exchange.intake import take_in
from trials.exchange.lines import reading_lines, write_lines, write_zip
from trials.label import LabelledTrial
from trials.store import TrialStore

_FLAT = (".csv", ".parquet")
_LOSSLESS = (".jsonl", ".zip")


def export_trials(options: ExportTrialsOptions) -> int:
    """Raises:
    ConfigurationError: a file name of another kind.
    TrialError: there is no such campaign.
    StorageError: the disk takes no more; what was there before stays.
    """
    console = Console(options.as_json)
    kind = options.file.suffix.lower()
    if kind not in (*_FLAT, *_LOSSLESS):
        raise ConfigurationError(
            f"{options.file} is of no kind that trials are exported to.",
            "Call it .csv or .parquet (for reading), .jsonl or .zip (to import elsewhere).",
        )
    demand_writable(options.file)
    with opened_log(console) as store:
        campaign = None if options.campaign is None else store.campaign(options.campaign).id
        write = _write_flat if kind in _FLAT else _write_lossless
        with writing(options.file), replacing(options.file) as file:
            count = write(store, campaign, kind, file)
    console.say(f"{counted(count, 'trial')} in {options.file}")
    console.result({"file": options.file, "trials": count})
    return 0


def import_trials(options: ImportTrialsOptions) -> int:
    """Raises a TrialError where the file cannot be used, a ConfigurationError where there is none or it is for
    reading; then nothing was imported."""
    if options.file.suffix.lower() in _FLAT:
        raise ConfigurationError(
            f"{options.file} is for reading: it lacks what a log needs.",
            "Export the other log as .jsonl or .zip, and import that.",
        )
    demand_file(options.file, "Name what `trials export FILE.jsonl` or `.zip` wrote.")
    with reading_lines(options.file) as content:
        return _take(Console(options.as_json), content, str(options.file))


def merge_trials(options: MergeTrialsOptions) -> int:
    """Raises a TrialError where the other log cannot be used, a ConfigurationError where it is not there; then nothing
    was taken in."""
    if "://" not in options.other and not Path(options.other).is_file():
        raise ConfigurationError(f"There is no log {options.other}.", "Name another log's file, as OTHER/trials.db.")
    with TrialStore(options.other, is_read=True) as other:
        return _take(Console(options.as_json), read_content(other), other.where)


def _take(console: Console, content: LogContent, source: str) -> int:
    with TrialStore(trial_log()) as store:
        intake = take_in(store, content)
    console.say(
        f"{counted(intake.added, 'trial')} of {source} taken into {store.where}, {intake.known} were there; "
        f"{counted(intake.labels, 'label')}, {counted(intake.campaigns, 'campaign')}"
    )
    for name, now in intake.renamed.items():
        console.say(f"  another campaign is called {name!r} here: the one that came is {now!r}")
    console.result({"source": source, **vars(intake)})
    return 0


def _write_flat(store: TrialStore, campaign: int | None, kind: str, file: BinaryIO) -> int:
    blinding = Blinding(store.campaigns())

    def trials() -> Iterator[LabelledTrial]:
        return map(blinding.shown, store.each_labelled(campaign))

    table = FlatTable(trials, {campaign.id: campaign.name for campaign in blinding.campaigns.values()})
    return _as_text(table.write_csv, file) if kind == ".csv" else table.write_parquet(file)


def _write_lossless(store: TrialStore, campaign: int | None, kind: str, file: BinaryIO) -> int:
    content = read_content(store, campaign)
    if kind == ".zip":
        return write_zip(content, file)
    return _as_text(lambda text: write_lines(content, text), file)


def _as_text(write: Callable[[TextIOWrapper], int], file: BinaryIO) -> int:
    text = TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        return write(text)
    finally:
        text.detach()
