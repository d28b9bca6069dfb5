"""The commands that train models."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.clips.cli import Dtype, parse_size
from app.options import Json, exits
from core.errors import ConfigurationError

trains = typer.Typer(help="Training of models, and going on with it.", no_args_is_help=True)


class Base(StrEnum):
    """What may be trained instead of a weights folder."""

    TINY = "tiny"


class Weighting(StrEnum):
    """How much each noise level counts."""

    PLAIN = "plain"
    RELEASED = "released"


def _hidden_default(text: str, *names: str, at_least: float | None = None) -> typer.models.OptionInfo:
    """An option whose default is the settings': the paper's, or a small one for `--base tiny`."""
    return typer.Option(*names, help=text, show_default=False, min=at_least)  # type: ignore[no-any-return]


@trains.command("dkt")
@exits
def train_dkt(
    out: Annotated[Path, typer.Option(help="The run's folder; a run that was cut off goes on there.")],
    data: Annotated[
        list[str] | None, typer.Option(help="KIND=FOLDER, repeatable: transphy3d, cleargrasp, dreds, hiss, ...")
    ] = None,
    weights: Annotated[Path | None, _hidden_default("The base's weights folder, as dkt-1.3b's.")] = None,
    base: Annotated[Base | None, _hidden_default("tiny: a small random model, to try the training itself.")] = None,
    config: Annotated[Path | None, _hidden_default("YAML of settings; options given here go before.")] = None,
    validation: Annotated[
        list[str] | None, typer.Option(help="KIND=FOLDER to validate on; default: clips held out of the data.")
    ] = None,
    init_lora: Annotated[Path | None, _hidden_default("A LoRA to begin from, as the released one.")] = None,
    steps: Annotated[int | None, _hidden_default("Optimizer steps in all; the paper: 70000.", at_least=1)] = None,
    batch: Annotated[int | None, _hidden_default("Clips a step, over all GPUs; the paper: 8.", at_least=1)] = None,
    size: Annotated[str, _hidden_default("WIDTHxHEIGHT; the paper: 832x480.")] = "",
    longest: Annotated[int | None, _hidden_default("Most frames of a clip, 4N+1; the paper: 21.", at_least=1)] = None,
    learning_rate: Annotated[float | None, _hidden_default("Of AdamW; the paper: 1e-5.")] = None,
    rank: Annotated[int | None, _hidden_default("Of the LoRA; default 32.", at_least=1)] = None,
    weighting: Annotated[Weighting | None, _hidden_default("Of noise levels; default plain.")] = None,
    seed: Annotated[int | None, _hidden_default("Of everything that is drawn; default 0.", at_least=0)] = None,
    precision: Annotated[Dtype | None, _hidden_default("Default: bfloat16 on CUDA, else float32.")] = None,
    gradient_checkpointing: Annotated[bool | None, _hidden_default("Less memory for time; default on CUDA.")] = None,
    deterministic: Annotated[bool | None, _hidden_default("On CUDA: only kernels that add in a fixed order.")] = None,
    device: Annotated[str | None, _hidden_default("auto or cpu.")] = None,
    workers: Annotated[int | None, _hidden_default("Processes that read ahead, a GPU.", at_least=0)] = None,
    checkpoint_every: Annotated[int | None, _hidden_default("In steps; default 500.", at_least=1)] = None,
    keep: Annotated[int | None, _hidden_default("How many checkpoints stay; default 3.", at_least=1)] = None,
    validate_every: Annotated[int | None, _hidden_default("In steps, 0: never; default 1000.", at_least=0)] = None,
    from_: Annotated[
        str, _hidden_default("A checkpoint to go on from, as step-000500; default: the last.", "--from")
    ] = "",
    as_json: Json = False,
) -> int:
    """DKT's LoRA by flow matching, as the paper trains it; goes on where it was cut off."""
    options = locals()
    from app.train.dkt import train
    from perception.learning.training.settings import TrainingSettings, read_settings

    # An option that is a setting is called as the setting is.
    given = {name: options[name] for name in TrainingSettings.model_fields if name in options}
    given |= {"size": parse_size(size), "data": data or None, "validation": validation or None}
    return train(read_settings(config, given), out, from_, as_json)


@trains.command("vitro-s")
@exits
def train_vitro_s(
    out: Annotated[Path, typer.Option(help="The run's folder; a run that was cut off goes on there.")],
    data: Annotated[list[Path], typer.Option(help="A folder that `synth --views jump` made; repeatable.")],
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps in all.")] = 20_000,
    decay: Annotated[int, typer.Option(min=0, help="Over how many last steps the learning rate falls to 0.")] = 12_000,
    batch: Annotated[int, typer.Option(min=1, help="Samples a step.")] = 16,
    crop: Annotated[
        str, typer.Option(help="WIDTHxHEIGHT around an object that is taken of a frame; whole: all of it.")
    ] = "whole",
    rate: Annotated[float, typer.Option(help="Factor on the learning rates.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    width: Annotated[int, typer.Option(min=0, help="Pixels across to which frames are brought; 0: as they are.")] = 160,
    init: Annotated[Path | None, _hidden_default("Weights to begin from, as the bundled ones.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Threads that share a batch: as many as cores are idle.")] = 2,
    checkpoint_every: Annotated[int, typer.Option(min=1, help="In steps; validates too.")] = 500,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:0.")] = "auto",
    as_json: Json = False,
) -> int:
    """The bundled small model, from nothing, on rendered scenes; goes on where it was cut off."""
    from app.train.vitro_s import train
    from perception.estimators.running import pick_device
    from perception.estimators.vitro_s.network import MULTIPLE as NARROWEST_PX
    from perception.learning.vitro_s.training import VitroSettings

    if 0 < width < NARROWEST_PX:
        raise ConfigurationError(f"Frames {width} px wide show nothing.", f"Give --width {NARROWEST_PX} or more.")
    part = None if crop == "whole" else parse_size(crop, "--crop")
    shape = (part[1], part[0]) if part else None
    on = str(pick_device(device))
    settings = VitroSettings(tuple(data), steps, decay, batch, shape, rate, seed, workers, width, init, on)
    return train(out, settings, checkpoint_every, as_json)
