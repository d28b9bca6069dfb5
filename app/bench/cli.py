"""The benches: slow proofs whose results docs/ keeps."""

import typer

from app.bench.options import BenchDepthOptions, BenchDktOptions, BenchGraspOptions
from app.options import add_command

benches = typer.Typer()


def bench_grasp(options: BenchGraspOptions) -> int:
    """Grasp success a surface in the digital cell; goes on where it was interrupted."""
    from app.bench.grasp import bench_grasps

    return bench_grasps(options)


def bench_dkt(options: BenchDktOptions) -> int:
    """DKT's speed and memory: fast and exact beside plain diffusers, the paper and the arithmetic's floor."""
    from app.bench.dkt import measure_dkt

    return measure_dkt(options)


def bench_depth(options: BenchDepthOptions) -> int:
    """Depth or normals against a data set's truth; goes on where it was interrupted."""
    from app.bench.depth import bench_depths

    return bench_depths(options)


add_command(benches, "grasp", bench_grasp, BenchGraspOptions)
add_command(benches, "dkt", bench_dkt, BenchDktOptions)
add_command(benches, "depth", bench_depth, BenchDepthOptions)
