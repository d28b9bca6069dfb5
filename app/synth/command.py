"""`python main.py synth --clips N --out DIR`: renders what is missing of a data set, and its card."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from app.console import Console
from app.interrupts import Interrupts
from core.errors import ConfigurationError, DatasetError
from perception.learning.synthesis.clips.clip_set import ClipSet, read_settings, verify
from perception.learning.synthesis.clips.farm import Job, Step, render_here
from perception.learning.synthesis.clips.settings import SynthSettings

if TYPE_CHECKING:
    from core.cell import Cell
    from hardware.simulation.scene.scene import SceneObject


@dataclass(frozen=True)
class SynthOptions:
    """What was asked for on the command line; cell: whose scenes are to be rendered, None where scenes are drawn."""

    out: Path
    clips: int
    settings: SynthSettings
    meshes: Path | None
    ray: str
    repair: bool
    cell: "Cell | None" = None


def render_data_set(options: SynthOptions, as_json: bool) -> int:
    """Renders the clips that are missing; 0 when all are there, with the card."""
    console = Console(as_json)
    settings, user_objects = _with_meshes(options, console)
    data_set = ClipSet(options.out, settings, options.clips)
    with Interrupts() as interrupts, data_set.hold():
        if options.repair:
            _discard_damaged(data_set, console)
        missing = data_set.missing()
        started_s = time.monotonic()
        with ExitStack() as opened:
            steps = _begin(Job(settings, missing, data_set.clips, user_objects, options.cell), options.ray, opened)
            if not options.ray:
                # In the renderer's own calls an interrupt would turn into another error: it waits for the frame's end.
                interrupts.emergency = _stop_at_once
            _show(steps, data_set, missing, interrupts, console)
            interrupts.emergency = None
        seconds = time.monotonic() - started_s
        _write_card(options.out, console)
    console.result(_tell(data_set, len(missing), seconds, console))
    return 0


def verify_data_set(root: Path, as_json: bool) -> int:
    """Reads a data set through; names every file that is missing, changed or one too many.

    Raises:
        DatasetError: there are any.
    """
    console = Console(as_json)
    count = int(read_settings(root)["clips"])
    found = [problems for problems in console.progress(verify(root), "checking", count) if problems]
    lines = [line for problems in found for line in problems]
    for line in lines:
        console.say(f"  [red]✗[/] {escape(line)}")
    console.result({"data_set": str(root), "clips": count, "problems": lines})
    if lines:
        raise DatasetError(
            f"{len(found)} clips of {root} are not as they were rendered.",
            "Run the command that made it with --repair; clips too many are yours to remove.",
        )
    console.say(f"{count} clips in [bold]{escape(str(root))}[/]: every file is as it was rendered.")
    return 0


def _with_meshes(options: SynthOptions, console: Console) -> "tuple[SynthSettings, tuple[SceneObject, ...]]":
    if options.meshes is None:
        return options.settings, ()
    if options.cell is not None:
        raise ConfigurationError(
            "--meshes can be among drawn objects only; a cell's scenes hold its own tableware.",
            "Leave out --meshes, or give --scenes drawn.",
        )
    from perception.learning.synthesis.scenes.user_meshes import read_user_meshes

    with console.stage("meshes") as line:
        meshes = read_user_meshes(options.meshes)
        line.detail = ", ".join(f"{item.family} ({item.material.name})" for item in meshes.objects)
    return replace(options.settings, meshes=meshes.digest), meshes.objects


def _discard_damaged(data_set: ClipSet, console: Console) -> None:
    with console.stage("check") as line:
        found = data_set.discard_damaged()
        line.detail = f"{len(found)} problem(s)" if found else "nothing is damaged"
    for problem in found:
        console.say(f"  [red]✗[/] {escape(problem)}; moved to set-aside/ and rendered again")


def _begin(job: Job, ray: str, opened: ExitStack) -> Generator[Step]:
    """The work, here or on a cluster; what is half done when `opened` ends is removed."""
    if ray and job.numbers:
        from perception.learning.synthesis.clips.ray_farm import RayFarm

        return opened.enter_context(closing(opened.enter_context(RayFarm(ray)).render(job)))
    return opened.enter_context(closing(render_here(job)))


def _stop_at_once() -> None:
    raise KeyboardInterrupt


def _show(
    steps: Iterator[Step], data_set: ClipSet, missing: Sequence[int], interrupts: Interrupts, console: Console
) -> None:
    """Works through the steps behind a bar that counts frames; an interrupt ends it after the frame it falls on."""
    frames, left = data_set.settings.frames, set(missing)
    total, before = data_set.count * frames, (data_set.count - len(missing)) * frames
    done = dict.fromkeys(missing, 0)
    try:
        with console.frames_bar("rendering", total, before) as show:
            for step in steps:
                done[step.number] = step.frames
                show(before + sum(done.values()), total)
                left -= {step.number} if step.is_finished else set()
                if interrupts.should_stop():
                    raise KeyboardInterrupt
    except KeyboardInterrupt:
        whole = data_set.count - len(left)
        console.say(f"{whole} of {data_set.count} clips are whole; the same command goes on with the others.")
        raise


def _write_card(root: Path, console: Console) -> None:
    from perception.learning.synthesis.clips.card import write_card

    with console.stage("card") as line:
        write_card(root)
        line.detail = f"{root / 'README.md'}, card.png"


def _tell(data_set: ClipSet, rendered: int, seconds: float, console: Console) -> dict[str, Any]:
    frames = rendered * data_set.settings.frames
    hourly = f", {frames / seconds * 3600:,.0f} frames an hour" if rendered else ""
    root = str(data_set.root)
    console.say(
        f"{data_set.count} clips in [bold]{escape(root)}[/]: {rendered} rendered now in {seconds:.0f} s{hourly}; "
        f"next: python main.py bench depth --dataset transphy3d --root {escape(quote(root))}"
    )
    return {
        "data_set": str(data_set.root),
        "clips": data_set.count,
        "rendered": rendered,
        "frames": frames,
        "seconds": round(seconds, 1),
    }
