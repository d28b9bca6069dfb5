"""The settings of a training run of vitro-s, which are options of `train vitro-s`."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import typer

from core.size import parse_size

WARM_UP = 50
WHOLE = "whole"


@dataclass(frozen=True, kw_only=True)
class VitroSettings:
    """rate: on the optimizer's learning rates, which rise over `WARM_UP` steps, stay, and fall to 0 over the last
    `decay` of `steps`; so a run may be prolonged before they have fallen. width: larger frames are made smaller or
    taken in parts. workers: each of a batch's parts counts alike, so their number belongs to the run; on a GPU there
    is one."""

    data: Annotated[list[Path], typer.Option(help="A folder that `synth --views jump` made; repeatable.")]
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps in all.")] = 20_000
    decay: Annotated[int, typer.Option(min=0, help="Over how many last steps the learning rate falls to 0.")] = 12_000
    batch: Annotated[int, typer.Option(min=1, help="Samples a step.")] = 16
    crop: Annotated[
        str, typer.Option(help="WIDTHxHEIGHT around an object that is taken of a frame; whole: all of it.")
    ] = WHOLE
    rate: Annotated[float, typer.Option(help="Factor on the learning rates.")] = 1.0
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0
    workers: Annotated[int, typer.Option(min=1, help="Threads that share a batch: as many as cores are idle.")] = 2
    width: Annotated[int, typer.Option(min=0, help="Pixels across to which frames are brought; 0: as they are.")] = 160
    init: Annotated[
        Path | None, typer.Option(help="Weights to begin from, as the bundled ones.", show_default=False)
    ] = None
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:0.")] = "auto"

    def __post_init__(self) -> None:
        """Refuses a `crop` that is no size, before anything is read."""
        _ = self.crop_shape

    def facts(self) -> dict[str, str]:
        """What a checkpoint keeps of them, to say in what a run goes on otherwise."""
        values = {field.name: str(getattr(self, field.name)) for field in fields(VitroSettings) if field.name != "init"}
        return values | {"data": ", ".join(str(path.resolve()) for path in self.data)}

    @property
    def crop_shape(self) -> tuple[int, int] | None:
        """(height, width) of `crop`, None of the whole.

        Raises:
            ConfigurationError: it is no size.
        """
        if self.crop == WHOLE:
            return None
        size = parse_size(self.crop, "--crop")
        return None if size is None else size[::-1]

    def factor(self, step: int) -> float:
        """On the optimizer's rates, of a step counted from 0."""
        decay = min(self.decay, self.steps)
        fall = (self.steps - step) / decay if decay else 1.0
        return self.rate * min(1.0, (step + 1) / WARM_UP, fall)
