"""The commands that look at one scene: `run`, `dry-run`, `record` and `grasps`."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.options import (
    ArmsName,
    CameraName,
    CellName,
    CellOption,
    Check,
    JsonOption,
    PageHost,
    Weights,
    Yes,
    add_command,
    demand_part,
)
from app.paths import demand_existing, demand_file
from core.surfaces import Surface

commands = typer.Typer()

Planner = Annotated[
    str, Check(demand_part), typer.Option(help="What plans motions: ompl, curobo, or a file of your own.")
]
Boldness = Annotated[
    float, typer.Option(min=0, max=1, help="A grasp is tried that is expected to succeed with 1 - boldness or more.")
]
Attempts = Annotated[int, typer.Option(min=1, max=5, help="Tries of an object that is missed, lost or without a plan.")]
Overlap = Annotated[
    bool, typer.Option("--overlap", help="One arm reaches for the next object while the other carries one to the bin.")
]
Objects = Annotated[
    int, typer.Option(min=1, max=6, help="Objects on the table (digital cell); `run` picks all of several.")
]


@dataclass(frozen=True, kw_only=True)
class DetectorOption:
    detector: Annotated[
        str,
        Check(demand_part),
        typer.Option(help="What proposes grasps: antipodal, anygrasp, graspgen, or a file."),
    ] = "antipodal"


@dataclass(frozen=True, kw_only=True)
class SeedOption:
    seed: Annotated[int, typer.Option(min=0, help="First scene; trial k lays scene seed + k.")] = 0


@dataclass(frozen=True, kw_only=True)
class SharedOptions(DetectorOption):
    """What to detect and plan with, whatever estimates the depth."""

    clip: Annotated[int, typer.Option(min=1, help="Newest frames that the estimator sees at once.")] = 1
    estimate_deadline: Annotated[
        float | None,
        typer.Option(min=1, help="Longest that depth may take [s]; default: the estimator's own.", show_default=False),
    ] = None
    planner: Planner = "ompl"
    boldness: Boldness = 0.9
    speed: Annotated[float, typer.Option(min=0.05, max=1, help="Share of the planner's speed that arms move at.")] = 1.0


@dataclass(frozen=True, kw_only=True)
class PipelineOptions(SharedOptions):
    """What to perceive, detect and plan with."""

    estimator: Annotated[
        str,
        Check(demand_part),
        typer.Option(
            help="What turns colour into depth: auto, vitro-s, dkt-1.3b, raw, oracle (a cheat), ... "
            "(docs/estimators.md)."
        ),
    ] = "auto"
    weights: Weights = None


@dataclass(frozen=True, kw_only=True)
class StationOptions:
    """Where trials run, and who is beside it."""

    camera: CameraName = "auto"
    arms: ArmsName = "auto"
    cell: CellName = ""
    yes: Yes = False
    unattended: Annotated[
        bool,
        typer.Option("--unattended", help="With --yes on real arms: they move though nobody watches or can stop them."),
    ] = False
    no_arm_check: Annotated[
        bool, typer.Option("--no-arm-check", help="Arms move though no picture showed that they stand as they say.")
    ] = False
    operator: Annotated[
        str, typer.Option(help="Who labels the trials; default: the login name.", show_default=False)
    ] = ""
    headless: Annotated[bool, typer.Option("--headless", help="No live page in the browser.")] = False
    page_host: PageHost = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class RunOptions(PipelineOptions, StationOptions, SeedOption, JsonOption):
    """Grasp: capture, see, plan, ask, move, verify and log (the default command)."""

    surface: Annotated[Surface, typer.Option(help="The table's surface; trials are logged under it.")]
    trials: Annotated[int, typer.Option(min=1, help="How many scenes to attempt.")] = 1
    objects: Objects = 1
    attempts: Attempts = 3
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="Pick from each scene until nothing is seen on it any more.")
    ] = False
    overlap: Overlap = False
    forced_joint: Annotated[
        int, typer.Option(min=0, max=6, help="Digital cell: this joint of both arms stands 10° elsewhere than it says.")
    ] = 0
    practice: Annotated[
        bool, typer.Option("--practice", help="To try out cell and keys: everything as always, but nothing is kept.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class ClearOptions(PipelineOptions, StationOptions, SeedOption, JsonOption):
    """Pick until the table is empty, or two picks in a row lift nothing; says what is left, and picks an hour."""

    surface: Annotated[Surface, typer.Option(help="The table's surface; picks are logged under it.")]
    objects: Annotated[int, typer.Option(min=1, max=6, help="Objects on the table of the digital cell.")] = 4
    attempts: Attempts = 3
    overlap: Overlap = False


def pipeline_options(options: PipelineOptions, estimator: str) -> PipelineOptions:
    """What of a command's options the pipeline takes, with the estimator that `auto` came to."""
    given = {field.name: getattr(options, field.name) for field in fields(PipelineOptions)}
    return PipelineOptions(**given | {"estimator": estimator})


def demand_recording(path: Path) -> None:
    """Raises ConfigurationError for one that is not there."""
    demand_existing(path, "recording", "Name an existing .bag, .db3, .mcap or folder of frames.")


@dataclass(frozen=True, kw_only=True)
class DryRunOptions(PipelineOptions, SeedOption, CellOption, JsonOption):
    """Everything but motion, on a recording; leaves a report folder with pictures."""

    recording: Annotated[
        Path, Check(demand_recording), typer.Argument(help="A .bag or .db3 recording, or a frame folder.")
    ]
    out: Annotated[Path | None, typer.Option(help="Report folder; default runs/dry-run/<name>.")] = None
    estimators: Annotated[
        str, typer.Option(help="Several side by side on one sheet: raw,vitro-s,...", show_default=False)
    ] = ""
    frame: Annotated[
        int | None, typer.Option(min=0, help="Which frame to work on; default: the last of --clip.", show_default=False)
    ] = None


@dataclass(frozen=True, kw_only=True)
class RecordOptions(SeedOption, JsonOption):
    """Record any camera to a RealSense file that plays back anywhere."""

    out: Annotated[Path, typer.Option(help="The recording to write: NAME.db3, or a folder for frames.")]
    camera: Annotated[str, typer.Option(help="auto, sim, d435, d435:SERIAL, or a recording to convert.")] = "auto"
    frames: Annotated[int, typer.Option(min=1, help="How many frames to record.")] = 3
    surface: Annotated[Surface, typer.Option(help="Table of the digital cell.")] = Surface.REFLECTIVE
    objects: Objects = 1
    cell: CellName = ""


@dataclass(frozen=True, kw_only=True)
class GraspsOptions(DetectorOption, CellOption, JsonOption):
    """Grasps on one RGB-D image, as GraspNet rows in the camera frame, with a picture."""

    rgb: Annotated[Path, Check(demand_file), typer.Option(help="Colour image.")]
    depth: Annotated[
        Path, Check(demand_file), typer.Option(help="Aligned depth: .npy metres, .exr metres, or 16-bit .png.")
    ]
    intrinsics: Annotated[str, typer.Option(help="fx,fy,cx,cy in pixels.")]
    out: Annotated[Path, typer.Option(help="Where the N x 17 GraspNet rows go (.npy).")]
    depth_scale: Annotated[
        float | None,
        typer.Option(help="Metres per unit of depth; default: 1 for floating-point numbers, 0.001 for whole ones."),
    ] = None
    max_width: Annotated[float, typer.Option(help="Largest gripper opening in metres.")] = 0.1
    normals: Annotated[
        Path | None, typer.Option(help="normals.npy of this image, used instead of the depth's own.")
    ] = None
    mask: Annotated[
        Path | None, typer.Option(help="PNG of this image: only objects where it is not black.", show_default=False)
    ] = None
    approach: Annotated[
        str,
        typer.Option(help="Preferred direction x,y,z in camera axes; with :DEGREES, none farther from it."),
    ] = ""
    edges: Annotated[
        Literal["auto", "kept", "restored"],
        typer.Option(help="The depth's own, or restored by colour; auto: restored where the depth has no hole."),
    ] = "auto"


add_command(commands, "run", "app.run.command:run_trials", RunOptions)
add_command(commands, "clear-table", "app.clear_table:clear_table", ClearOptions)
add_command(commands, "dry-run", "app.recordings.dry_run:dry_run_recording", DryRunOptions)
add_command(commands, "record", "app.recordings.record:record_camera", RecordOptions)
add_command(commands, "grasps", "app.recordings.grasps:grasps_of_image", GraspsOptions)
