"""The benches, slow proofs whose results docs/ keeps, and what they take."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.options import CellName, CellOption, Dtype, FreshOption, JsonOption, Parser, Weights, add_command
from app.run.options import Attempts, Boldness, Overlap, Planner
from core.errors import ConfigurationError
from core.size import Size, parse_size

commands = typer.Typer()

SurfaceNames = Annotated[str, typer.Option(help="Comma-separated.")]
EstimatorNames = Annotated[str, typer.Option(help="Comma-separated; all see the same scenes.")]
EstimatorName = Annotated[str, typer.Option(help="What turns colour into depth.")]
#: What `bench dkt` builds of random weights: a released size, or one that a CPU runs in seconds.
DktSize = Literal["small", "1.3b", "14b"]


def parse_lengths(text: str) -> tuple[int, ...] | None:
    """Lengths of clip of a comma-separated list, None of nothing.

    Raises:
        ConfigurationError: it is no such list.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ConfigurationError(f"--frames {text!r} is no list of lengths.", "For example: --frames 1,5,21,81")
    return tuple(dict.fromkeys(map(int, parts))) or None


@dataclass(frozen=True)
class BenchGraspOptions(JsonOption):
    """Grasp success a surface in the digital cell; goes on where it was interrupted."""

    surfaces: SurfaceNames = "translucent,reflective,diffuse"
    estimators: EstimatorNames = "raw,vitro-s,oracle"
    trials: Annotated[int, typer.Option(min=1, help="Scenes a surface.")] = 20
    objects: Annotated[int, typer.Option(min=1, max=6, help="Objects a scene; of several, all are picked.")] = 1
    seed: Annotated[int, typer.Option(min=0, help="First scene.")] = 1000
    log: Annotated[Path | None, typer.Option(help="Its own trial log; default runs/bench.db.")] = None
    attempts: Attempts = 3
    boldness: Boldness = 0.9


@dataclass(frozen=True, kw_only=True)
class BenchClearOptions(CellOption, JsonOption):
    """Tables of several objects cleared in the digital cell, surface after surface: objects lifted, picks an hour."""

    scenes: Annotated[int, typer.Option(min=1, help="Tables.")] = 6
    objects: Annotated[int, typer.Option(min=1, max=6, help="Objects a table.")] = 4
    estimator: EstimatorName = "oracle"
    attempts: Attempts = 3
    overlap: Overlap = False
    drawn: Annotated[bool, typer.Option("--drawn", help="Pictures drawn, not path-traced; for the oracle.")] = False
    seed: Annotated[int, typer.Option(min=0, help="First table.")] = 4000


@dataclass(frozen=True)
class BenchValidityOptions(FreshOption, JsonOption):
    """Grasps against the true shapes, without physics: in minutes; goes on where it was interrupted."""

    surfaces: SurfaceNames = "translucent,reflective,diffuse"
    estimators: EstimatorNames = "raw,vitro-s,oracle"
    degradations: Annotated[
        bool, typer.Option("--degradations", help="Also the truth made worse in known ways: what the chain forgives.")
    ] = False
    trials: Annotated[int, typer.Option(min=1, help="Scenes a surface.")] = 20
    objects: Annotated[int, typer.Option(min=1, max=6, help="Objects a scene.")] = 1
    seed: Annotated[int, typer.Option(min=0, help="First scene.")] = 1000
    out: Annotated[Path | None, typer.Option(help="Results and failures; default runs/bench-validity.")] = None
    dataset: Annotated[
        str | None, typer.Option(help="Instead, real captures with their truth: cleargrasp.", show_default=False)
    ] = None
    root: Annotated[Path | None, typer.Option(help="The data set's folder.", show_default=False)] = None


@dataclass(frozen=True)
class BenchCalibrateOptions(JsonOption):
    """Fit the probability of a grasp's success to logged trials, and tell how well it holds for others."""

    logs: Annotated[list[Path], typer.Argument(help="Trial logs, as of `bench grasp --boldness 1`.")]
    source: Annotated[str, typer.Option(help="What they are, kept with the coefficients.")] = ""
    out: Annotated[Path | None, typer.Option(help="Where coefficients go; grasping/success.json is what runs.")] = None


@dataclass(frozen=True)
class BenchCalibrationOptions(JsonOption):
    """Digital cells that stand otherwise each, calibrated: true errors, what was stated of them, touch, time."""

    cells: Annotated[int, typer.Option(min=1, help="How many.")] = 20
    seed: Annotated[int, typer.Option(min=0, help="First cell.")] = 0
    views: Annotated[int, typer.Option(min=8, max=60, help="Views of each arm.")] = 20
    cell: CellName = "sim"
    drawn: Annotated[bool, typer.Option("--drawn", help="Pictures drawn, not path-traced: many times sooner.")] = False
    workers: Annotated[int, typer.Option(min=1, help="Cells at a time.")] = 1
    out: Annotated[
        Path | None, typer.Option(help="Where results are kept, to go on from; default runs/bench-calibration.")
    ] = None


@dataclass(frozen=True)
class BenchDktOptions(JsonOption):
    """DKT's speed and memory: fast and exact beside plain diffusers, the paper and the arithmetic's floor."""

    weights: Annotated[
        Path | None, typer.Option(help="The model's folder; default: what is fetched, else random ones.")
    ] = None
    random_weights: Annotated[bool, typer.Option("--random-weights", help="Even where weights are fetched.")] = False
    size: Annotated[DktSize | None, typer.Option(help="Without a folder; default: 1.3b on CUDA, else small.")] = None
    frames: Annotated[
        tuple[int, ...] | None,
        Parser(parse_lengths),
        typer.Option(help="Lengths of clip; default: 1,5,21,81 on CUDA, else 1,5.", show_default=False),
    ] = None
    resolution: Annotated[
        Size | None,
        Parser(partial(parse_size, option="--resolution")),
        typer.Option(help="WIDTHxHEIGHT; default: 832x480 on CUDA, else 208x112.", show_default=False),
    ] = None
    steps: Annotated[int, typer.Option(min=1, help="Denoising steps.")] = 5
    dtype: Annotated[Dtype | None, typer.Option(help="Default: bfloat16 on CUDA, else float32.")] = None
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto"
    offload: Annotated[
        bool | None,
        typer.Option(help="Whether blocks wait in RAM; default: where they do not fit.", show_default=False),
    ] = None
    repeats: Annotated[int | None, typer.Option(min=1, help="Runs that count; default: 5 on CUDA, else 3.")] = None
    out: Annotated[Path | None, typer.Option(help="A Markdown file for the table.")] = None


@dataclass(frozen=True)
class BenchDepthOptions(CellOption, JsonOption):
    """Depth or normals against a data set's truth; goes on where it was interrupted."""

    dataset: Annotated[str, typer.Option(help="transphy3d, cleargrasp, dreds, hiss or clearpose.")]
    root: Annotated[Path, typer.Option(help="Its folder, as it was unpacked.")]
    estimators: Annotated[str, typer.Option(help="Comma-separated; plane: the table's plane everywhere.")] = "plane,raw"
    weights: Weights = None
    clips: Annotated[int | None, typer.Option(min=1, help="So many clips, drawn with the seed; default: all.")] = None
    frames: Annotated[int | None, typer.Option(min=1, help="The first so many of each clip; default: all.")] = None
    out: Annotated[Path | None, typer.Option(help="Results; default runs/bench-depth/DATASET-FOLDER.")] = None
    seed: Annotated[int, typer.Option(min=0, help="Draws the clips, and the intervals' resamples.")] = 0


@dataclass(frozen=True)
class BenchFaultsOptions(JsonOption):
    """Every fault in every phase where it can occur: does the arm stop, is the row whole, do the words help."""

    only: Annotated[str, typer.Option(help="Comma-separated parts of faults' names, or arm, camera, signal, ...")] = ""
    list_only: Annotated[bool, typer.Option("--list", help="Name the faults and their phases, and run none.")] = False
    workers: Annotated[int, typer.Option(min=1, help="Cases at a time.")] = 1
    report: Annotated[Path | None, typer.Option(help="A Markdown file for the table.", show_default=False)] = None


@dataclass(frozen=True)
class BenchPageOptions(JsonOption):
    """What the operator's page costs a cycle, and how old what it shows is: no page, a page, one in chromium."""

    trials: Annotated[int, typer.Option(min=1, help="Scenes, each run in all three ways.")] = 6
    estimator: EstimatorName = "vitro-s"
    detail: Annotated[
        float,
        typer.Option(min=0.05, max=1, help="How finely chromium draws in 3D: without a GPU, on these processors."),
    ] = 0.3
    seed: Annotated[int, typer.Option(min=0, help="First scene.")] = 5000


@dataclass(frozen=True)
class BenchFuzzOptions(JsonOption):
    """Damaged files for every reader: each is read, or refused by name, within a second and a gigabyte."""

    inputs: Annotated[int, typer.Option(min=1, help="Damaged files a reader.")] = 1000
    seed: Annotated[int, typer.Option(min=0, help="Draws the damage.")] = 0
    readers: Annotated[str, typer.Option(help="Comma-separated; default: all.", show_default=False)] = ""


@dataclass(frozen=True)
class BenchGateOptions(JsonOption):
    """Good picks and bad ones of many kinds before the gate: all bad ones refused, no good one."""

    good: Annotated[int, typer.Option(min=1, help="Good picks, planned in drawn scenes.")] = 500
    bad: Annotated[int, typer.Option(min=1, help="Bad ones made of them, of all kinds in turn.")] = 600
    seed: Annotated[int, typer.Option(min=0, help="First scene; draws the changes too.")] = 0
    report: Annotated[Path | None, typer.Option(help="A Markdown file for the table.")] = None


@dataclass(frozen=True)
class BenchPlanOptions(CellOption, JsonOption):
    """Picks planned in scenes of 1 to 5 objects on exact depth: how many, how soon, and what the gate says of them."""

    scenes: Annotated[int, typer.Option(min=1, help="How many.")] = 200
    seed: Annotated[int, typer.Option(min=0, help="First scene.")] = 0
    planner: Planner = "ompl"
    patience: Annotated[
        float, typer.Option(min=1, help="Longest search [s] for any grasp that can be carried out, where time ran out.")
    ] = 60
    report: Annotated[Path | None, typer.Option(help="A Markdown file for the tables.", show_default=False)] = None


@dataclass(frozen=True)
class BenchArmCheckOptions(CellOption, JsonOption):
    """Whether the camera sees that an arm stands elsewhere than its joints say: each joint forced, and none."""

    scenes: Annotated[int, typer.Option(min=1, help="How many; four path-traced pictures each.")] = 20
    seed: Annotated[int, typer.Option(min=0, help="First scene.")] = 0
    degrees: Annotated[float, typer.Option(min=1, max=30, help="By how much a joint is forced.")] = 10.0
    pose: Annotated[Literal["shown", "parked"], typer.Option(help="Arms held out to the camera, or folded.")] = "shown"
    out: Annotated[Path | None, typer.Option(help="A folder for the pictures, outlines drawn.")] = None


@dataclass(frozen=True)
class BenchSoakOptions(JsonOption):
    """Trials in the digital cell for so long: memory, threads, file handles, temporary files and rows."""

    minutes: Annotated[float, typer.Option(min=0, help="How long; the first trials fill caches and do not count.")] = 60
    estimator: Annotated[str, typer.Option(help="Which sees the scenes.")] = "vitro-s"
    drawn: Annotated[bool, typer.Option("--drawn", help="Pictures drawn, not path-traced: several times sooner.")] = (
        False
    )
    seed: Annotated[int, typer.Option(min=0, help="First scene.")] = 3000


@dataclass(frozen=True)
class BenchLogOptions(JsonOption):
    """The log of trials: killed at every commit, on disks that fill, written by two at once, with a million rows."""

    trials: Annotated[int, typer.Option(min=0, help="Rows of the large log; 0 leaves it out.")] = 1_000_000
    server: Annotated[
        str | None,
        typer.Option(help="A PostgreSQL database's URL: kills and writers on it too.", show_default=False),
    ] = None


add_command(commands, "grasp", "app.bench.grasp:bench_grasps", BenchGraspOptions)
add_command(commands, "clear", "app.bench.clear:bench_clear", BenchClearOptions)
add_command(commands, "gate", "app.bench.gate.command:bench_gate", BenchGateOptions)
add_command(commands, "plan", "app.bench.plan.command:bench_plan", BenchPlanOptions)
add_command(commands, "arm-check", "app.bench.arm_check.command:bench_arm_check", BenchArmCheckOptions)
add_command(commands, "validity", "app.bench.validity:bench_validity", BenchValidityOptions)
add_command(commands, "calibrate", "app.bench.success:calibrate_success", BenchCalibrateOptions)
add_command(commands, "calibration", "app.bench.calibration:bench_calibration", BenchCalibrationOptions)
add_command(commands, "dkt", "app.bench.dkt:measure_dkt", BenchDktOptions)
add_command(commands, "depth", "app.bench.depth:bench_depths", BenchDepthOptions)
add_command(commands, "faults", "app.bench.faults.command:bench_faults", BenchFaultsOptions)
add_command(commands, "fuzz", "app.bench.fuzz.command:bench_fuzz", BenchFuzzOptions)
add_command(commands, "log", "app.bench.log.command:bench_log", BenchLogOptions)
add_command(commands, "page", "app.bench.page.command:bench_page", BenchPageOptions)
add_command(commands, "soak", "app.bench.soak:bench_soak", BenchSoakOptions)
