"""`synth`: renders a TransPhy3D data set, or checks one."""

import typer

from app.options import add_command
from app.synth.options import SynthOptions

synthesis = typer.Typer()


def synth(options: SynthOptions) -> int:
    """Render a TransPhy3D data set: clips with true depth, normals, instances and poses."""
    from app.synth.command import render_data_set, verify_data_set

    return verify_data_set(options.out, options.as_json) if options.verify else render_data_set(options)


add_command(synthesis, "synth", synth, SynthOptions)
