"""The benches: slow proofs whose results docs/ keeps."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.clips.cli import Dtype, Weights, parse_size
from app.options import CellName, Json, exits

benches = typer.Typer(help="Slow proofs, with the results kept in docs/.", no_args_is_help=True)


class DktSize(StrEnum):
    """What `bench dkt` builds of random weights: a released size, or one that a CPU runs in seconds."""

    SMALL = "small"
    SMALLER_RELEASE = "1.3b"
    LARGER_RELEASE = "14b"


@benches.command("grasp")
@exits
def bench_grasp(
    surfaces: Annotated[str, typer.Option(help="Comma-separated.")] = "translucent,reflective,diffuse",
    estimators: Annotated[str, typer.Option(help="Comma-separated; all see the same scenes.")] = "raw,vitro-s,oracle",
    trials: Annotated[int, typer.Option(min=1, help="Scenes a surface.")] = 20,
    objects: Annotated[int, typer.Option(min=1, max=6, help="Objects a scene.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="First scene.")] = 1000,
    log: Annotated[Path | None, typer.Option(help="Its own trial log; default runs/bench.db.")] = None,
    as_json: Json = False,
) -> int:
    """Grasp success a surface in the digital cell; goes on where it was interrupted."""
    from app.bench.grasp import BenchOptions, bench_grasps, split_choices
    from perception.estimators import ESTIMATORS

    chosen = split_choices(estimators, tuple(ESTIMATORS))
    return bench_grasps(BenchOptions(split_choices(surfaces), chosen, trials, objects, seed, log), as_json)


@benches.command("dkt")
@exits
def bench_dkt(
    weights: Annotated[
        Path | None, typer.Option(help="The model's folder; default: what is fetched, else random ones.")
    ] = None,
    random_weights: Annotated[bool, typer.Option("--random-weights", help="Even where weights are fetched.")] = False,
    size: Annotated[DktSize | None, typer.Option(help="Without a folder; default: 1.3b on CUDA, else small.")] = None,
    frames: Annotated[str, typer.Option(help="Lengths of clip; default: 1,5,21,81 on CUDA, else 1,5.")] = "",
    resolution: Annotated[str, typer.Option(help="WIDTHxHEIGHT; default: 832x480 on CUDA, else 208x112.")] = "",
    steps: Annotated[int, typer.Option(min=1, help="Denoising steps.")] = 5,
    dtype: Annotated[Dtype | None, typer.Option(help="Default: bfloat16 on CUDA, else float32.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    offload: Annotated[
        bool | None,
        typer.Option(help="Whether blocks wait in RAM; default: where they do not fit.", show_default=False),
    ] = None,
    repeats: Annotated[int | None, typer.Option(min=1, help="Runs that count; default: 5 on CUDA, else 3.")] = None,
    out: Annotated[Path | None, typer.Option(help="A Markdown file for the table.")] = None,
    as_json: Json = False,
) -> int:
    """DKT's speed and memory: fast and exact beside plain diffusers, the paper and the arithmetic's floor."""
    from app.bench.dkt import BenchDktOptions, measure_dkt, parse_frames

    options = BenchDktOptions(
        weights,
        random_weights,
        None if size is None else size.value,
        parse_frames(frames),
        parse_size(resolution, "--resolution"),
        steps,
        None if dtype is None else dtype.value,
        device,
        offload,
        repeats,
        out,
    )
    return measure_dkt(options, as_json)


@benches.command("depth")
@exits
def bench_depth(
    dataset: Annotated[str, typer.Option(help="transphy3d, cleargrasp, dreds, hiss or clearpose.")],
    root: Annotated[Path, typer.Option(help="Its folder, as it was unpacked.")],
    estimators: Annotated[
        str, typer.Option(help="Comma-separated; plane: the table's plane everywhere.")
    ] = "plane,raw",
    weights: Weights = None,
    clips: Annotated[int | None, typer.Option(min=1, help="So many clips, drawn with the seed; default: all.")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="The first so many of each clip; default: all.")] = None,
    out: Annotated[Path | None, typer.Option(help="Results; default runs/bench-depth/DATASET-FOLDER.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws the clips, and the intervals' resamples.")] = 0,
    cell: CellName = "sim",
    as_json: Json = False,
) -> int:
    """Depth or normals against a data set's truth; goes on where it was interrupted."""
    from app.bench.depth import bench_depth as measure
    from app.bench.depth_options import BenchDepthOptions, parse_estimators

    names = parse_estimators(estimators)
    return measure(BenchDepthOptions(dataset, root, names, weights, clips, frames, out, seed, cell), as_json)
