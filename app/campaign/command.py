"""`python main.py trials campaign NAME`: estimators compared on matched scenes, a number of them fixed beforehand."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, BinaryIO

from app.campaign.definition import chosen_estimators, define, demand_same, shared_settings
from app.campaign.options import CampaignOptions
from app.campaign.progress import breaks_plan, running_elsewhere
from app.campaign.runner import CampaignRunner
from app.console import Console
from app.interrupts import Interrupts
from app.paths import home, trial_log
from app.run.operator import Operator
from app.run.options import PipelineOptions, SharedOptions
from app.run.pipeline import Pipeline
from app.run.station import OpenWorld, Station
from app.run.trial_log import TrialLog
from app.trials.blinding import Blinding
from app.trials.tables import show_success
from core.errors import TrialError
from core.files import hold, writing
from core.report.words import counted
from hardware.worlds import open_world
from trials.arrays.blocks import read_arrays
from trials.campaign import Campaign, demand_name
from trials.record import DIGITAL_CELL
from trials.report.counting import CountedTrials
from trials.report.label_summary import summarise_counted
from trials.store import TrialStore


def run_campaign(options: CampaignOptions, console: Console | None = None, open_world: OpenWorld = open_world) -> int:
    """Begins a campaign or goes on with it; 0 when its last scene was worked on, 1 where some are missing still."""
    console = console or Console(options.as_json)
    with ExitStack() as stack, TrialStore(trial_log()) as store, Interrupts() as interrupts:
        station = Station(options, Operator(console, interrupts, options.yes, options.operator), open_world)
        _demand_sound(store, options, station)
        stack.enter_context(_hold_campaign(options.name))
        campaign, pipelines = _prepare(store, options, station)
        runner = CampaignRunner(campaign, store, TrialLog(store), station, pipelines, campaign.settings["attempts"])
        _begin(runner, console)
        try:
            missing = runner.run()
        except KeyboardInterrupt:
            console.say(f"The log is complete; go on with: python main.py trials campaign {campaign.name}")
            raise
        campaign = runner.campaign
        blinding = Blinding([campaign])
        trials = [blinding.shown(known) for known in store.labelled(campaign=campaign.id)]
        counts = CountedTrials(read_arrays(store, campaign.id))
    _say_end(console, campaign, missing, counts)
    console.result({"campaign": campaign, "missing": missing, "trials": [known.trial for known in trials]})
    return int(missing > 0)


def _hold_campaign(name: str) -> BinaryIO:
    """That this machine's other processes leave the campaign alone meanwhile."""
    folder = home() / "campaigns"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        refusal = TrialError(
            f"Another process on this machine runs the campaign {name!r}.", "Wait for its end, or stop it."
        )
        return hold(folder / f".{name}.lock", refusal)


def confirm_new(name: str, known: Iterable[str], operator: Operator) -> None:
    """Has a person say whether a name that reads like a known campaign's is a new one's, or a slip; --yes goes on.

    Raises:
        KeyboardInterrupt: the person quits.
    """
    close = get_close_matches(name, known)
    if not close:
        return
    told = f"There is no campaign {name!r} yet, but {' and '.join(map(repr, close))}."
    if operator.assume_yes:
        operator.console.say(f"  [yellow]![/] {told} A new one begins.")
    else:
        operator.ask(f"{told} Begin a new one?", {"y": "begin", "q": "quit"})


def _begin(runner: CampaignRunner, console: Console) -> None:
    """Says what is planned and to do; what another station is at, or what was seen already, is heeded.

    Raises:
        TrialError: a trial of this campaign runs elsewhere.
    """
    trials, to_do = runner.trials(), runner.missing()
    if (running := running_elsewhere(trials)) is not None:
        raise TrialError(
            f"Trial {running.id} of the campaign {runner.campaign.name!r} is running on another station.",
            "One station at a time works on a campaign: wait for its end, or stop it there.",
        )
    new = "" if trials else "new "
    console.say(f"{new}{_plan_line(runner.campaign)}; {len(to_do)} of them to do")
    if trials:
        console.say(f"  as begun: {_settings_line(runner.campaign)}")
    if breaks_plan(runner.campaign, to_do, trials) and not runner.campaign.is_exploratory:
        runner.campaign = runner.store.mark_exploratory(runner.campaign.id)
        console.say("  [yellow]![/] scenes are laid again after results could be seen: exploratory from now on")


def _demand_sound(store: TrialStore, options: CampaignOptions, station: Station) -> None:
    """Refuses what cannot be begun or gone on with before anything of it is left on the disk."""
    demand_name(options.name)  # of a known one too, which somebody's hand or an older import may have named
    campaigns = {one.name: one for one in store.campaigns()}
    if options.name in campaigns:
        demand_same(campaigns[options.name], options, _place(station))
    else:
        define(options, _place(station), {choice: choice for choice in chosen_estimators(options)})
        confirm_new(options.name, campaigns, station.operator)


def _place(station: Station) -> dict[str, str]:
    return {"world": DIGITAL_CELL if station.camera == "sim" else "hardware", "cell": station.cell.name}


def _prepare(store: TrialStore, options: CampaignOptions, station: Station) -> tuple[Campaign, dict[str, Pipeline]]:
    """The campaign, committed where it is new, and what perceives and plans for each of its estimators."""
    known = {one.name: one for one in store.campaigns()}.get(options.name)
    if known is not None:  # another process may have begun it meanwhile
        demand_same(known, options, _place(station))
    settings: Mapping[str, Any] = shared_settings(options) if known is None else known.settings
    choices = chosen_estimators(options) if known is None else known.settings["choices"].values()
    shared = {field.name: settings[field.name] for field in fields(SharedOptions)}
    opened = {choice: station.pipeline(PipelineOptions(estimator=choice, **shared)) for choice in choices}
    pipelines = {pipeline.estimator.name: pipeline for pipeline in opened.values()}
    if known is None:
        names = {pipeline.estimator.name: choice for choice, pipeline in opened.items()}
        known = store.add_campaign(define(options, _place(station), names))
    return known, pipelines


def _plan_line(campaign: Campaign) -> str:
    names = ", ".join(sorted(map(campaign.alias, campaign.estimators)))
    runs = len(list(campaign.plan()))
    return (
        f"campaign [bold]{campaign.name}[/]: {names} on {counted(campaign.scenes, 'scene')} of each of "
        f"{counted(len(campaign.surfaces), 'surface')}, {counted(runs, 'run')} in all"
    )


def _settings_line(campaign: Campaign) -> str:
    known = {name: campaign.settings[name] for name in shared_settings(CampaignOptions(name=""))}
    return ", ".join(f"{name} {value}" for name, value in known.items() if value is not None)


def _say_end(console: Console, campaign: Campaign, missing: int, counts: CountedTrials) -> None:
    """No rates before the end: who has seen them may be tempted to stop there."""
    if missing:
        console.say(
            f"  still missing: {counted(missing, 'run')}; go on: python main.py trials campaign {campaign.name}"
        )
    else:
        title = f"The campaign {campaign.name}: {counted(len(counts.arrays), 'trial')}"
        show_success(console, summarise_counted(counts, campaign.alias), title, "as labelled, unconfirmed is none")
        console.say(f"  complete; its report: python main.py trials report --campaign {campaign.name}")
