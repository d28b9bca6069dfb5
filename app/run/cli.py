"""The commands that look at one scene: `run`, `dry-run`, `record` and `grasps`."""

import typer

from app.options import add_command
from app.run.options import DryRunOptions, GraspsOptions, RecordOptions, RunOptions

room = typer.Typer()


def run(options: RunOptions) -> int:
    """Grasp: capture, see, plan, ask, move, verify and log (the default command)."""
    from app.run.command import run_trials

    return run_trials(options)


def dry_run(options: DryRunOptions) -> int:
    """Everything but motion, on a recording; leaves a report folder with pictures."""
    from app.run.dry_run import dry_run_recording

    return dry_run_recording(options)


def record(options: RecordOptions) -> int:
    """Record any camera to a RealSense file that plays back anywhere."""
    from app.run.record import record_camera

    return record_camera(options)


def grasps(options: GraspsOptions) -> int:
    """Grasps on one RGB-D image, as GraspNet rows in the camera frame, with a picture."""
    from app.run.grasps import grasps_of_image

    return grasps_of_image(options)


add_command(room, "run", run, RunOptions)
add_command(room, "dry-run", dry_run, DryRunOptions)
add_command(room, "record", record, RecordOptions)
add_command(room, "grasps", grasps, GraspsOptions)
