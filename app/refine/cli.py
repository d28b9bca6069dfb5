"""The command that lets a larger model look again: `refine`."""

import typer

from app.options import add_command
from app.refine.options import RefineOptions

refining = typer.Typer()


def refine(options: RefineOptions) -> int:
    """Let a larger model look at a recording, or at logged trials, and show where it disagrees."""
    from app.refine.recording import refine_recording
    from app.refine.trials import refine_trials

    options.check()
    return refine_trials(options) if options.recording is None else refine_recording(options, options.recording)


add_command(refining, "refine", refine, RefineOptions)
