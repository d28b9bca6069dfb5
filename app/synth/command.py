"""`python main.py synth --clips N --out DIR`: renders what is missing of a data set, and its card."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from app.console import Console
from app.interrupts import Interrupts
from app.paths import cell_file
from app.synth.options import SynthOptions
from core.cell import Cell, load_cell
from core.errors import ConfigurationError, DatasetError
from core.report.words import counted
from perception.learning.synthesis.clips.card import write_card
from perception.learning.synthesis.clips.clip_set import ClipSet, read_settings, verify
from perception.learning.synthesis.clips.farm import Job, RayFarm, Step, render_here
from perception.learning.synthesis.clips.settings import SynthSettings, of_cell

if TYPE_CHECKING:
    from hardware.simulation.scene.scene import SceneObject


def synth(options: SynthOptions) -> int:
    return verify_data_set(options.out, options.as_json) if options.verify else render_data_set(options)


def render_data_set(options: SynthOptions) -> int:
    """Renders the clips that are missing; 0 when all are there, with the card."""
    if options.clips is None:
        raise ConfigurationError("--clips says nothing.", "For example: --clips 4")
    console = Console(options.as_json)
    settings, cell = _settings_of(options)
    settings, user_objects = _with_meshes(settings, options.meshes, console)
    data_set = ClipSet(options.out, settings, options.clips)
    with Interrupts() as interrupts, data_set.hold():
        if options.repair:
            with console.stage("check") as line:
                found = data_set.discard_damaged()
                line.detail = counted(len(found), "problem") if found else "nothing is damaged"
            for problem in found:
                console.say(f"  [red]✗[/] {problem}; moved to set-aside/ and rendered again")
        missing = data_set.missing()
        started_s = time.monotonic()
        with ExitStack() as opened:
            steps = _begin(Job(settings, missing, data_set.clips, user_objects, cell), options.ray, opened)
            if not options.ray:
                # In the renderer's own calls an interrupt would turn into another error: it waits for the frame's end.
                opened.enter_context(interrupts.deferring())
            _render(steps, data_set, missing, interrupts, console)
        seconds = time.monotonic() - started_s
        with console.stage("card") as line:
            write_card(options.out)
            line.detail = f"{options.out / 'README.md'}, card.png"
    console.result(_say_what_came(data_set, len(missing), seconds, console))
    return 0


def _settings_of(options: SynthOptions) -> tuple[SynthSettings, Cell | None]:
    """The set's settings, and the cell whose scenes are asked for: None where they are drawn."""
    cell, size = None, (416, 240)
    own: dict[str, Any] = {"views": options.views or "orbit"}
    if options.scenes == "cell":
        if options.views is not None:
            raise ConfigurationError(
                f"--views {options.views} and --scenes cell.", "Leave out --views: its camera stands still."
            )
        cell = load_cell(cell_file(options.cell))
        own, size = of_cell(cell), (cell.camera.width, cell.camera.height)
    width, height = options.size or size
    own |= {name: getattr(options, name) for name in ("seed", "frames", "spp", "sensor", "zoom")}
    return SynthSettings(width=width, height=height, surface=options.surface.value, **own), cell


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
        console.say(f"  [red]✗[/] {line}")
    console.result({"data_set": str(root), "clips": count, "problems": lines})
    if lines:
        raise DatasetError(
            f"{len(found)} clips of {root} are not as they were rendered.",
            "Run the command that made it with --repair; clips too many are yours to remove.",
        )
    console.say(f"{count} clips in [bold]{root!s}[/]: every file is as it was rendered.")
    return 0


def _with_meshes(
    settings: SynthSettings, folder: Path | None, console: Console
) -> "tuple[SynthSettings, tuple[SceneObject, ...]]":
    if folder is None:
        return settings, ()
    if settings.scenes == "cell":
        raise ConfigurationError(
            "--meshes can be among drawn objects only; a cell's scenes hold its own tableware.",
            "Leave out --meshes, or give --scenes drawn.",
        )
    from perception.learning.synthesis.scenes.user_meshes import read_user_meshes

    with console.stage("meshes") as line:
        meshes = read_user_meshes(folder)
        line.detail = ", ".join(f"{item.family} ({item.material.name})" for item in meshes.objects)
    return replace(settings, meshes=meshes.digest), meshes.objects


def _begin(job: Job, ray: str, opened: ExitStack) -> Generator[Step]:
    """The work, here or on a cluster; what is half done when `opened` ends is removed."""
    if ray and job.numbers:
        return opened.enter_context(closing(opened.enter_context(RayFarm(ray)).render(job)))
    return opened.enter_context(closing(render_here(job)))


def _render(
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


def _say_what_came(data_set: ClipSet, rendered: int, seconds: float, console: Console) -> dict[str, Any]:
    frames = rendered * data_set.settings.frames
    hourly = f", {frames / seconds * 3600:,.0f} frames an hour" if rendered else ""
    root = str(data_set.root)
    console.say(
        f"{data_set.count} clips in [bold]{root}[/]: {rendered} rendered now in {seconds:.0f} s{hourly}; "
        f"next: python main.py bench depth --dataset transphy3d --root {quote(root)}"
    )
    return {
        "data_set": str(data_set.root),
        "clips": data_set.count,
        "rendered": rendered,
        "frames": frames,
        "seconds": round(seconds, 1),
    }
