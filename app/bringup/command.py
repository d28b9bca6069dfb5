"""`python main.py bringup`: from an unpacked cell to its first grasp, a step at a time."""

from app.bringup.options import BringupOptions
from app.bringup.progress import Progress
from app.bringup.steps import STEPS, Bringup, BringupStep
from app.calibrate.cell import load_calibrated
from app.console import Console
from app.keys import require_terminal
from app.paths import cell_file, default_cell, home
from core.errors import ConfigurationError, did_you_mean
from hardware.worlds import choose_world


def bring_up(options: BringupOptions) -> int:
    """Does every step that is due; 0 when the cell has made its first grasp.

    Raises:
        ConfigurationError: no terminal, no such cell or step.
        VitroError: what stands in a step's way; the next call goes on there.
    """
    require_terminal()
    camera, arms = choose_world(options.camera, options.arms)
    file = cell_file(options.cell or default_cell(camera))
    cell = load_calibrated(str(file))
    known = [step.name for step in STEPS]
    if options.again and options.again not in known:
        cause = f"There is no step called {options.again!r}.{did_you_mean(options.again, known)}"
        raise ConfigurationError(cause, f"Choose one of: {', '.join(known)}.")
    bringup = Bringup(Console(), cell, file, camera, arms)
    progress = Progress(home() / "bringup" / f"{cell.name}.json")
    bringup.console.say(f"bring-up of the cell [bold]{cell.name}[/] ({file!s}), camera {camera}")
    again = False
    for number, step in enumerate(STEPS, start=1):
        again = again or step.name == options.again
        _do(step, f"{number}/{len(STEPS)}", bringup, progress, again)
    bringup.console.say(f"The cell is ready: python main.py --surface reflective --cell '{file!s}'")
    return 0


def _do(step: BringupStep, place: str, bringup: Bringup, progress: Progress, again: bool) -> None:
    """Skips a step that is done, unless it is to be done again."""
    done, say = progress.of(step.name, step.about(bringup.cell)), bringup.console.say
    title = f"[bold]{place} {step.name}[/]: {step.purpose}"
    if done is not None and not again:
        say(f"  [green]✓[/] {title}: {done.note} ({done.date})")
        return
    say(f"\n  {title}")
    note = step.work(bringup)
    progress.add(step.name, step.about(bringup.cell), note)
    say(f"  [green]✓[/] {step.name}: {note}")
