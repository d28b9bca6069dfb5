"""`python main.py trials campaign`: what may be asked of it."""

from dataclasses import dataclass
from typing import Annotated

import typer

from app.options import JsonOption
from app.run.options import SharedOptions, StationOptions

#: Which of a campaign's options are fixed with its first call, and what holds where one is not given then.
DEFAULTS = {
    "question": "",
    "estimators": "raw,vitro-s",
    "surfaces": "translucent,reflective,diffuse",
    "trials": 10,
    "objects": "1-5",
    "seed": 0,
    "blind": False,
    "exploratory": False,
}


@dataclass(frozen=True, kw_only=True)
class CampaignOptions(SharedOptions, StationOptions, JsonOption):
    """Every estimator on the same scenes of each surface, as many as fixed at the start; called again, it goes on."""

    name: Annotated[str, typer.Argument(help="The campaign; a new name begins one, a known one goes on.")]
    question: Annotated[str | None, typer.Option(help="What it is to answer; stands in the report.")] = None
    estimators: Annotated[
        str | None, typer.Option(help=f"Comma-separated; new campaigns: {DEFAULTS['estimators']}.")
    ] = None
    surfaces: Annotated[str | None, typer.Option(help="Comma-separated; new campaigns: all three.")] = None
    trials: Annotated[
        int | None, typer.Option(min=1, help=f"Scenes a surface, fixed now; new campaigns: {DEFAULTS['trials']}.")
    ] = None
    objects: Annotated[
        str | None,
        typer.Option(help=f"Objects a scene, in turns: 1, or 1,3, or 1-5; new: {DEFAULTS['objects']}."),
    ] = None
    seed: Annotated[int | None, typer.Option(min=0, help="First scene; new campaigns: 0.")] = None
    blind: Annotated[bool | None, typer.Option("--blind", help="Estimators are shown as letters until its end.")] = None
    exploratory: Annotated[
        bool | None, typer.Option("--exploratory", help="Not meant to prove anything; its report says so.")
    ] = None
    attempts: Annotated[int, typer.Option(min=1, max=5, help="Grasps tried of one object; the paper's table: 1.")] = 1
