"""The settings of a training run of the objects' network, which are options of `train objects`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

WARM_UP = 60


@dataclass(frozen=True, kw_only=True)
class ObjectsSettings:
    """rate: on the optimizer's learning rates, which rise over `WARM_UP` steps, stay, and fall to 0 over the second
    half. minutes: of steps, the wait for the first scenes apart; the run ends then, or with its steps."""

    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps in all.")] = 4000
    minutes: Annotated[
        float, typer.Option(min=0, help="End after so long, with as many steps as that made; 0: never.")
    ] = 0.0
    batch: Annotated[int, typer.Option(min=1, help="Views a step.")] = 12
    rate: Annotated[float, typer.Option(help="Factor on the learning rates.")] = 1.0
    seed: Annotated[int, typer.Option(min=0, help="Of the scenes, and of everything that is drawn.")] = 0
    renderers: Annotated[int, typer.Option(min=1, help="Processes that render while others train.")] = 1
    workers: Annotated[int, typer.Option(min=1, help="Threads that share a batch: as many as cores are idle.")] = 1
    scenes: Annotated[int, typer.Option(min=2, help="Scenes in all, four views each, kept in memory.")] = 1500
    views: Annotated[
        Path | None, typer.Option(help="A folder where rendered scenes stay, to be read again.", show_default=False)
    ] = None
    init: Annotated[
        Path | None, typer.Option(help="Weights to begin from; default: the bundled ones.", show_default=False)
    ] = None
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:0.")] = "auto"

    def factor(self, share: float, step: int) -> float:
        """On the optimizer's rates: share of the run done, and steps counted from 0."""
        return self.rate * min(1.0, (step + 1) / WARM_UP, max(0.0, 2 * (1 - share)))
