"""`python main.py recover ARM`: ends an arm's stop or fault, which drops it, once a person holds it."""

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from app.options import CellName, add_command

if TYPE_CHECKING:
    from app.console import Console
    from hardware.arms.piper_arm import PiperArm

commands = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class RecoverOptions:
    """End an arm's emergency stop or fault: it drops, so this waits until you hold it."""

    arm: Annotated[str, typer.Argument(help="left or right, as the cell file calls it.")]
    cell: CellName = "lab"


def recover_arm(options: RecoverOptions) -> int:
    from app.console import Console
    from app.keys import require_terminal
    from app.paths import cell_file
    from core.cell import load_cell
    from core.clock import WallClock
    from core.errors import ConfigurationError
    from hardware.arms.piper_arm import PiperArm

    cell = load_cell(cell_file(options.cell))
    if options.arm not in cell.arms:
        raise ConfigurationError(f"The cell has no arm {options.arm!r}.", f"Choose of {', '.join(cell.arms)}.")
    require_terminal()
    mount = cell.arms[options.arm]
    with closing(PiperArm(options.arm, mount.channel, mount, WallClock())) as arm:
        arm.connect()
        let_down(arm, Console())
    return 0


def let_down(arm: "PiperArm", console: "Console") -> None:
    """Says what is wrong and what will happen; cuts the power only at a key.

    Raises:
        ArmError: feedback lost, or the controller keeps its stop.
        KeyboardInterrupt: the person quits; the arm stays as it is.
    """
    state = arm.state()
    if not state.stopped and not state.faults:
        console.say(f"The {arm.name} arm reports neither a stop nor a fault: nothing to end.")
        return
    console.say(f"The {arm.name} arm: {'; '.join((*('emergency stop',) * state.stopped, *state.faults))}.")
    question = "Ending that cuts its power at once and it DROPS. Hold it with both hands; what it grips may fall."
    if console.ask_key(question, {"h": "I hold it", "q": "leave it"}) == "q":
        raise KeyboardInterrupt
    arm.cut_power()
    console.say("Its power is off. Lower it onto its rest and clear the cause; the next run powers and proves it.")


add_command(commands, "recover", recover_arm, RecoverOptions)
