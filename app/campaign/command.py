"""`python main.py trials campaign NAME`: estimators compared on matched scenes, a number of them fixed beforehand."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from app.campaign.definition import chosen_estimators, define, demand_same, shared_settings
from app.campaign.options import CampaignOptions
from app.campaign.runner import CampaignRunner
from app.console import Console
from app.interrupts import Interrupts
from app.paths import trial_log
from app.run.operator import Operator
from app.run.options import PipelineOptions, SharedOptions
from app.run.pipeline import Pipeline
from app.run.station import OpenWorld, Station
from app.run.trial_log import TrialLog
from app.trials.tables import show_success
from hardware.worlds import open_world
from trials.campaign import Campaign
from trials.record import DIGITAL_CELL
from trials.store import TrialStore
from trials.summary import summarise


def run_campaign(options: CampaignOptions, console: Console | None = None, open_world: OpenWorld = open_world) -> int:
    """Begins a campaign or goes on with it; 0 when its last scene was worked on, 1 where some are missing still."""
    console = console or Console(options.as_json)
    with TrialStore(trial_log()) as store, Interrupts() as interrupts:
        station = Station(options, Operator(console, interrupts, options.yes, options.operator), open_world)
        campaign, pipelines = _prepare(store, options, station)
        runner = CampaignRunner(campaign, store, TrialLog(store), station, pipelines, campaign.settings["attempts"])
        missing = len(runner.missing())
        console.say(f"{_plan_line(campaign)}; {missing} of them to do")
        try:
            missing = runner.run()
        except KeyboardInterrupt:
            console.say(f"The log is complete; go on with: python main.py trials campaign {campaign.name}")
            raise
        if not missing:
            campaign = store.finish_campaign(campaign.id)
        trials = [one.trial for one in store.labelled(campaign=campaign.id)]
    show_success(console, summarise(trials), f"The campaign {campaign.name}: {len(trials)} trial(s)")
    _say_end(console, campaign, missing)
    console.result({"campaign": campaign, "missing": missing, "trials": trials})
    return int(missing > 0)


def _prepare(store: TrialStore, options: CampaignOptions, station: Station) -> tuple[Campaign, dict[str, Pipeline]]:
    """The campaign, committed where it is new, and what perceives and plans for each of its estimators."""
    place = {"world": DIGITAL_CELL if station.camera == "sim" else "hardware", "cell": station.cell.name}
    known = next((one for one in store.campaigns() if one.name == options.name), None)
    if known is not None:
        demand_same(known, options, place)
    settings: Mapping[str, Any] = shared_settings(options) if known is None else known.settings
    choices = chosen_estimators(options) if known is None else known.settings["choices"].values()
    shared = {field.name: settings[field.name] for field in fields(SharedOptions)}
    opened = {choice: station.pipeline(PipelineOptions(estimator=choice, **shared)) for choice in choices}
    pipelines = {pipeline.estimator.name: pipeline for pipeline in opened.values()}
    if known is None:
        names = {pipeline.estimator.name: choice for choice, pipeline in opened.items()}
        known = store.add_campaign(define(options, place, names))
    return known, pipelines


def _plan_line(campaign: Campaign) -> str:
    names = ", ".join(sorted(map(campaign.alias, campaign.estimators)))
    scenes = len(list(campaign.plan()))
    return (
        f"campaign [bold]{campaign.name}[/]: {names} on {campaign.scenes} scenes of each of {len(campaign.surfaces)} "
        f"surface(s), {scenes} in all"
    )


def _say_end(console: Console, campaign: Campaign, missing: int) -> None:
    if missing:
        console.say(f"  {missing} scene(s) are missing still; go on: python main.py trials campaign {campaign.name}")
    else:
        console.say(f"  complete; its report: python main.py trials report --campaign {campaign.name}")
