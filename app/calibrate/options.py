"""`calibrate`: the wizard, and what was stored before."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.calibrate.store_options import commands
from app.options import ArmsName, CameraName, CellName, FreshOption, JsonOption, PageHost, Yes, add_command

#: No board with other squares can be held up and seen.
LEAST_TAG_MM, MOST_TAG_MM = 5.0, 200.0


class Plant(StrEnum):
    """A fault to be found, in the digital cell alone."""

    NOTHING = "nothing"
    WRONG_SIZE = "wrong-size"
    JOINT_OFFSET = "joint-offset"
    BAD_VIEW = "bad-view"
    TURNED_TAGS = "turned-tags"
    PRINTED_97 = "printed-97"
    FORCED_JOINT = "forced-joint"
    FOCAL = "focal"
    GRIPPER_ZERO = "gripper-zero"


@dataclass(frozen=True, kw_only=True)
class CalibrateOptions(JsonOption, FreshOption):
    """Find where arms and camera stand, from views of a board that each arm holds; goes on where it was cut off."""

    cell: CellName = ""
    camera: CameraName = "auto"
    arms: ArmsName = "auto"
    views: Annotated[int, typer.Option(min=8, max=60, help="Views of each arm.")] = 20
    tag_mm: Annotated[
        float | None,
        typer.Option(
            min=LEAST_TAG_MM,
            max=MOST_TAG_MM,
            show_default=False,
            help="Side of the board's black squares as measured; default: asked for, in the digital cell 34.0.",
        ),
    ] = None
    yes: Yes = False
    page: Annotated[bool, typer.Option("--page/--headless", help="The wizard in the browser too, or not.")] = False
    page_host: PageHost = "127.0.0.1"
    auto: Annotated[bool, typer.Option("--auto", help="Propose the views: always so, no arm is led by hand.")] = True
    seed: Annotated[int, typer.Option(min=0, help="Draws the views, and how the digital cell truly stands.")] = 0
    again: Annotated[
        str,
        typer.Option(
            metavar="STEP",
            help="Repeat one step of the calibration in use: left, right (an arm's views), touch, fingers, gripper.",
            show_default=False,
        ),
    ] = ""
    drawn: Annotated[bool, typer.Option("--drawn", help="Digital cell: pictures drawn, not path-traced.")] = False
    plant: Annotated[Plant, typer.Option(help="Digital cell: a fault that must be found.")] = Plant.NOTHING


add_command(commands, "run", "app.calibrate.command:calibrate_cell", CalibrateOptions)


@dataclass(frozen=True, kw_only=True)
class TargetOptions:
    """The board that an arm holds, as a PDF to print, glue to a plate, and measure."""

    out: Annotated[Path, typer.Option(help="The PDF to write.")]
    paper: Annotated[Literal["a4", "letter"], typer.Option(help="What it is printed on.")] = "a4"


add_command(commands, "target", "app.calibrate.command:write_target", TargetOptions)
