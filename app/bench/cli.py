"""The benches: slow proofs whose results docs/ keeps."""

from pathlib import Path
from typing import Annotated

import typer

from app.bench.options import BenchDktOptions, BenchGraspOptions
from app.option_types import Weights
from app.options import CellName, Json, add_command, exits

benches = typer.Typer()


def bench_grasp(options: BenchGraspOptions) -> int:
    """Grasp success a surface in the digital cell; goes on where it was interrupted."""
    from app.bench.grasp import bench_grasps

    return bench_grasps(options)


def bench_dkt(options: BenchDktOptions) -> int:
    """DKT's speed and memory: fast and exact beside plain diffusers, the paper and the arithmetic's floor."""
    from app.bench.dkt import measure_dkt

    return measure_dkt(options)


add_command(benches, "grasp", bench_grasp, BenchGraspOptions)
add_command(benches, "dkt", bench_dkt, BenchDktOptions)


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
    from app.bench.depth_options import BenchDepthOptions
    from perception.estimators.registry import find_estimators

    chosen = find_estimators(estimators, "any")
    return measure(BenchDepthOptions(dataset, root, chosen, weights, clips, frames, out, seed, cell), as_json)
