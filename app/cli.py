"""The commands and their options; the bodies live in `app/<subject>/` and load when called."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.bench.cli import benches
from app.clips.cli import Weights, clips
from app.options import CellName, Json, exits
from app.refine.cli import refining
from app.synth.cli import synthesis
from app.train.cli import trains
from app.weights.command import weights_app

app = typer.Typer(
    name="vitro",
    help="Lets a robot pick up what depth cameras cannot see.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
trials_app = typer.Typer(help="The log of trials.", no_args_is_help=True)
app.add_typer(trials_app, name="trials")
app.add_typer(weights_app, name="weights")
app.add_typer(benches, name="bench")
app.add_typer(trains, name="train")
app.add_typer(clips)
app.add_typer(refining)
app.add_typer(synthesis)


class SurfaceChoice(StrEnum):
    """The table's surface, as the success table names it."""

    REFLECTIVE = "reflective"
    TRANSLUCENT = "translucent"
    DIFFUSE = "diffuse"


Estimator = Annotated[
    str,
    typer.Option(
        help="What turns colour into depth: auto, vitro-s, dkt-1.3b, raw, oracle (a cheat), ... (docs/estimators.md)."
    ),
]
SeenAtOnce = Annotated[int, typer.Option("--clip", min=1, help="Newest frames that the estimator sees at once.")]
Detector = Annotated[str, typer.Option(help="What proposes grasps: antipodal, anygrasp.")]
Planner = Annotated[str, typer.Option(help="What plans motions: ompl, curobo.")]
Seed = Annotated[int, typer.Option(min=0, help="First scene; trial k lays scene seed + k.")]


@app.command()
@exits
def run(
    surface: Annotated[SurfaceChoice, typer.Option(help="The table's surface; trials are logged under it.")],
    estimator: Estimator = "auto",
    weights: Weights = None,
    clip: SeenAtOnce = 1,
    detector: Detector = "antipodal",
    planner: Planner = "ompl",
    camera: Annotated[str, typer.Option(help="auto, sim, d435 or d435:SERIAL.")] = "auto",
    arms: Annotated[str, typer.Option(help="auto, sim or piper.")] = "auto",
    cell: CellName = "",
    trials: Annotated[int, typer.Option(min=1, help="How many scenes to attempt.")] = 1,
    objects: Annotated[int, typer.Option(min=1, max=6, help="Objects on the table (digital cell).")] = 1,
    seed: Seed = 0,
    yes: Annotated[bool, typer.Option("--yes", help="Approve every motion that the gate passes.")] = False,
    headless: Annotated[bool, typer.Option("--headless", help="No live page in the browser.")] = False,
    as_json: Json = False,
) -> int:
    """Grasp: capture, see, plan, ask, move, verify and log (the default command)."""
    from app.run.command import RunOptions, run_trials

    options = RunOptions(
        surface.value,
        estimator,
        weights,
        clip,
        detector,
        planner,
        camera,
        arms,
        cell,
        trials,
        objects,
        seed,
        yes,
        headless,
    )
    return run_trials(options, as_json)


@app.command("dry-run")
@exits
def dry_run(
    recording: Annotated[Path, typer.Argument(help="A .bag or .db3 recording, or a frame folder.")],
    out: Annotated[Path | None, typer.Option(help="Report folder; default runs/dry-run/<name>.")] = None,
    frame: Annotated[int, typer.Option(min=0, help="Which frame to work on.")] = 0,
    estimator: Estimator = "auto",
    weights: Weights = None,
    clip: SeenAtOnce = 1,
    detector: Detector = "antipodal",
    planner: Planner = "ompl",
    cell: CellName = "sim",
    seed: Seed = 0,
    as_json: Json = False,
) -> int:
    """Everything but motion, on a recording; leaves a report folder with pictures."""
    from app.run.dry_run import DryRunOptions, dry_run_recording

    return dry_run_recording(
        DryRunOptions(recording, out, frame, estimator, weights, clip, detector, planner, cell, seed), as_json
    )


@app.command()
@exits
def record(
    out: Annotated[Path, typer.Option(help="The recording to write: NAME.db3, or a folder for frames.")],
    camera: Annotated[str, typer.Option(help="auto, sim, d435, d435:SERIAL, or a recording to convert.")] = "auto",
    frames: Annotated[int, typer.Option(min=1, help="How many frames to record.")] = 3,
    surface: Annotated[SurfaceChoice, typer.Option(help="Table of the digital cell.")] = SurfaceChoice.REFLECTIVE,
    objects: Annotated[int, typer.Option(min=1, max=6, help="Objects on the table (digital cell).")] = 1,
    cell: CellName = "",
    seed: Seed = 0,
    as_json: Json = False,
) -> int:
    """Record any camera to a RealSense file that plays back anywhere."""
    from app.run.record import RecordOptions, record_camera

    return record_camera(RecordOptions(out, camera, frames, surface.value, objects, cell, seed), as_json)


@app.command()
@exits
def grasps(
    rgb: Annotated[Path, typer.Option(help="Colour image.")],
    depth: Annotated[Path, typer.Option(help="Aligned depth: .npy metres, .exr metres, or 16-bit .png.")],
    intrinsics: Annotated[str, typer.Option(help="fx,fy,cx,cy in pixels.")],
    out: Annotated[Path, typer.Option(help="Where the N x 17 GraspNet rows go (.npy).")],
    depth_scale: Annotated[float, typer.Option(help="Metres per unit of a 16-bit depth image.")] = 0.001,
    max_width: Annotated[float, typer.Option(help="Largest gripper opening in metres.")] = 0.1,
    normals: Annotated[
        Path | None, typer.Option(help="normals.npy of this image, used instead of the depth's own.")
    ] = None,
    detector: Detector = "antipodal",
    as_json: Json = False,
) -> int:
    """Grasps on one RGB-D image, as GraspNet rows in the camera frame, with a picture."""
    from app.run.grasps import GraspsOptions, grasps_of_image

    options = GraspsOptions(rgb, depth, intrinsics, out, depth_scale, max_width, detector, normals)
    return grasps_of_image(options, as_json)


@app.command()
@exits
def doctor(as_json: Json = False) -> int:
    """What this machine can run, and the command that mends what it cannot."""
    from app.doctor.command import examine

    return examine(as_json)


@app.command("tag-sheet")
@exits
def tag_sheet(
    out: Annotated[Path, typer.Option(help="The PDF to write.")],
    cell: CellName = "sim",
) -> int:
    """The cell's AprilTags as a PDF to print true to scale."""
    from app.calibrate.tag_sheet import print_tags

    return print_tags(out, cell)


@trials_app.command("list")
@exits
def trials_list(
    last: Annotated[int, typer.Option(min=1, help="How many of the newest to show.")] = 50,
    as_json: Json = False,
) -> int:
    """The logged trials, newest last; those a crash cut off are marked interrupted."""
    from app.trials.command import list_trials

    return list_trials(last, as_json)


@trials_app.command("summary")
@exits
def trials_summary(as_json: Json = False) -> int:
    """Success per surface and estimator with intervals, beside the paper's."""
    from app.trials.command import summarise_trials

    return summarise_trials(as_json)


def main(arguments: Sequence[str]) -> None:
    """Runs one command and exits with its code; options without a command mean `run`."""
    arguments = list(arguments)
    if arguments and arguments[0].startswith("-") and arguments[0] not in ("--help", "-h"):
        arguments.insert(0, "run")
    app(arguments, prog_name="main.py")
