"""The commands of `python main.py trials`, and what they take."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.campaign.options import CampaignOptions
from app.options import JsonOption, add_command
from core.surfaces import Surface
from trials.record import Outcome

commands = typer.Typer()

TrialId = Annotated[int, typer.Argument(min=1, help="The trial's number.")]


OfCampaign = Annotated[str | None, typer.Option(help="Of this campaign alone.")]


@dataclass(frozen=True)
class ListOptions(JsonOption):
    """The logged trials, newest last; those a crash cut off are marked interrupted."""

    last: Annotated[int, typer.Option(min=1, help="How many of the newest to show.")] = 50
    surface: Annotated[Surface | None, typer.Option(help="Of this surface alone.")] = None
    estimator: Annotated[str | None, typer.Option(help="Of this estimator alone, as it is shown.")] = None
    campaign: OfCampaign = None
    outcome: Annotated[Outcome | None, typer.Option(help="Of this outcome alone, as the machine saw it.")] = None
    unconfirmed: Annotated[bool, typer.Option("--unconfirmed", help="Those alone that await a label.")] = False


@dataclass(frozen=True)
class SummaryOptions(JsonOption):
    """Success per surface and estimator with intervals, beside the paper's."""

    campaign: OfCampaign = None


@dataclass(frozen=True)
class ShowTrialOptions(JsonOption):
    """All that is known of one trial: its row, every label it was ever given, its files."""

    id: TrialId


@dataclass(frozen=True)
class LabelOptions(JsonOption):
    """Say what a trial came to; asked by single keys where no option says it. Earlier labels are kept."""

    id: TrialId
    success: Annotated[bool, typer.Option("--success", help="It was lifted and held.")] = False
    failure: Annotated[bool, typer.Option("--failure", help="It was not.")] = False
    invalid: Annotated[bool, typer.Option("--invalid", help="It says nothing of the system: kept, not counted.")] = (
        False
    )
    reason: Annotated[str, typer.Option(help="Why: a key or a name, as i or 'slip on lift'.")] = ""
    note: Annotated[str, typer.Option(help="Whatever else is worth telling.")] = ""
    by: Annotated[str, typer.Option("--by", "--operator", help="Who says it; default: the login name.")] = ""


@dataclass(frozen=True)
class UndoOptions(JsonOption):
    """Take back the newest label, of one trial or of all that you gave: the one before it counts again."""

    id: Annotated[int | None, typer.Argument(min=1, help="The trial's number; default: the one you labelled last.")] = (
        None
    )
    by: Annotated[
        str, typer.Option("--by", "--operator", help="Without a number: who gave it; default: the login name.")
    ] = ""


@dataclass(frozen=True)
class ExportTrialsOptions(JsonOption):
    """Write the log to a file: .csv and .parquet for reading, .jsonl and .zip to import without loss elsewhere."""

    file: Annotated[Path, typer.Argument(help="NAME.csv, .parquet, .jsonl or .zip; replaced where it is there.")]
    campaign: OfCampaign = None


@dataclass(frozen=True)
class ImportTrialsOptions(JsonOption):
    """Take in what another log exported, all of it or nothing; what is here already is not taken twice."""

    file: Annotated[Path, typer.Argument(help="What `trials export NAME.jsonl` or `.zip` wrote.")]


@dataclass(frozen=True)
class MergeTrialsOptions(JsonOption):
    """Take in another log, as `import` does; an older one is brought to today's form, a copy kept beside it."""

    other: Annotated[str, typer.Argument(help="Its file, or its SQLAlchemy URL.")]


@dataclass(frozen=True)
class ReportOptions(JsonOption):
    """Success by surface and estimator with intervals, tests, reasons, times and pictures, as one page; beside it
    Markdown, LaTeX, CSV, Parquet."""

    campaign: Annotated[str | None, typer.Option(help="Of this campaign; default: of the whole log.")] = None
    out: Annotated[
        Path | None,
        typer.Option(help="A folder, or the HTML file to write; default: reports/NAME.", show_default=False),
    ] = None


@dataclass(frozen=True)
class CompareOptions(JsonOption):
    """Whether two estimators differ: exact McNemar on matched scenes, else Barnard; Holm over the surfaces."""

    first: Annotated[str, typer.Argument(help="An estimator, or CAMPAIGN:ESTIMATOR.")]
    second: Annotated[str, typer.Argument(help="The one to compare it with.")]
    campaign: Annotated[str | None, typer.Option(help="In this campaign alone.")] = None
    surface: Annotated[Surface | None, typer.Option(help="On this surface alone.")] = None


@dataclass(frozen=True)
class PowerOptions(JsonOption):
    """How many trials tell two success rates apart, and what difference a number of trials can tell."""

    first: Annotated[float, typer.Argument(min=0, max=1, help="A success rate, as 0.60.")]
    second: Annotated[
        float | None, typer.Argument(min=0, max=1, help="The other one, as 0.80.", show_default=False)
    ] = None
    trials: Annotated[
        int | None, typer.Option(min=2, max=100_000, help="What so many of each can tell.", show_default=False)
    ] = None
    matched: Annotated[bool, typer.Option("--matched", help="Both attempt the same scenes, as in a campaign.")] = False
    discordance: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of scenes that one gets right and the other not.", show_default=False),
    ] = None


add_command(commands, "list", "app.trials.listing:list_trials", ListOptions)
add_command(commands, "show", "app.trials.show:show_trial", ShowTrialOptions)
add_command(commands, "label", "app.trials.label:label_trial", LabelOptions)
add_command(commands, "undo", "app.trials.label:undo_label", UndoOptions)
add_command(commands, "export", "app.trials.exchange:export_trials", ExportTrialsOptions)
add_command(commands, "import", "app.trials.exchange:import_trials", ImportTrialsOptions)
add_command(commands, "merge", "app.trials.exchange:merge_trials", MergeTrialsOptions)
add_command(commands, "campaign", "app.campaign.command:run_campaign", CampaignOptions)
add_command(commands, "summary", "app.trials.listing:summarise_trials", SummaryOptions)
add_command(commands, "report", "app.trials.report:report_trials", ReportOptions)
add_command(commands, "compare", "app.trials.compare:compare_estimators", CompareOptions)
add_command(commands, "power", "app.trials.power:tell_power", PowerOptions)
