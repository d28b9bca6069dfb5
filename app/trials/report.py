"""`python main.py trials report`: what a campaign or the whole log came to, as a page to keep and tables to print."""

from functools import partial
from pathlib import Path

from app.console import Console
from app.paths import home, trial_folder, trial_log
from app.trials.blinding import Blinding
from app.trials.options import ReportOptions
from core.errors import ConfigurationError
from core.files import demand_writable
from core.report.words import counted
from trials.campaign import Campaign, is_name
from trials.report.contents import TrialReport, read_report
from trials.report.files import write_report
from trials.report.filmstrip import filmstrips
from trials.report.verdict import with_interval
from trials.store import TrialStore

#: The folder of the whole log's report; no campaign is called so (`is_name`).
WHOLE_LOG = "@all"


def report_trials(options: ReportOptions) -> int:
    """Raises:
    TrialError: there is no such campaign, or no trial in it.
    ConfigurationError: of a campaign whose name is no name, where to write is not told.
    StorageError: the report's folder takes no file.
    """
    console = Console(options.as_json)
    with TrialStore(trial_log(is_written=False), is_read=True) as store:
        campaign = None if options.campaign is None else store.campaign(options.campaign)
        report, files = write_trial_report(console, store, options.out or _page(campaign), campaign)
    _show(console, report, files)
    console.result(
        {
            "title": report.title,
            "verdict": report.verdict,
            "is_descriptive": bool(report.caveats),
            "caveats": report.caveats,
            "rates": report.rates,
            "totals": report.totals,
            "comparisons": report.comparisons,
            "files": files,
        }
    )
    return 0


def _page(campaign: Campaign | None) -> Path:
    """Where a report goes that was not told where: `mirrors.html` and `all` are as good names of campaigns as any."""
    name = WHOLE_LOG if campaign is None else campaign.name
    if campaign is not None and not is_name(name):
        raise ConfigurationError(f"No folder is named after the campaign {name!r}.", "Say where: --out FOLDER.")
    return home() / "reports" / name / "report.html"


def write_trial_report(
    console: Console, store: TrialStore, out: Path, campaign: Campaign | None = None
) -> tuple[TrialReport, tuple[Path, ...]]:
    """What a campaign, or the whole log, came to, and the files that say so; raises as `report_trials`."""
    demand_writable(out)
    report = read_report(store, campaign, Blinding(store.campaigns(is_open=True)).shown)
    folder = partial(trial_folder, store.where)
    strips = list(console.progress(filmstrips(report.trials, folder, report.is_blind), "pictures"))
    return report, write_report(report, out, strips, partial(console.progress, label="files"))


def _show(console: Console, report: TrialReport, files: tuple[Path, ...]) -> None:
    columns = (*report.surfaces, "")
    rows = [
        [name, *(with_interval(rate.success) if (rate := report.rate(name, where)) else "–" for where in columns)]
        for name in report.estimators
    ]
    console.table(
        f"{report.title}: {counted(len(report.counted.arrays), 'trial')}", ("method", *report.surfaces, "all"), rows
    )
    console.say(f"  {report.verdict}")
    for caveat in report.caveats:
        console.say(f"  [yellow]p values are descriptive:[/] {caveat}.")
    console.say(f"  report: {files[0]}")
    console.say(f"  beside it: {', '.join(path.name for path in files[1:])}")
