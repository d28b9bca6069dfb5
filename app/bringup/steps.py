"""The steps from an unpacked cell to its first grasp: each returns what came of it, or raises what is in the way."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.bringup.cell_text import swap_channels
from app.console import Console
from app.doctor.command import examination
from app.doctor.finding import Machine
from app.estimator_choice import choose_estimator
from app.events import TrialEnd
from app.paths import home
from app.recordings.dry_run import write_report
from app.recordings.record import open_camera
from app.run.command import run_trials
from app.run.options import PipelineOptions, RecordOptions, RunOptions
from app.run.pipeline import Pipeline
from app.run.stages import Stages
from app.run.trial import Trial
from calibration.cell_check import check_cell
from core.cell import Cell
from core.errors import ArmError, CalibrationError, ConfigurationError, TrialError
from core.image_file import png_bytes
from core.report.words import counted
from core.surfaces import Surface
from core.work import write_whole
from hardware.arms.adapters import RULES, adapter_serial, udev_rules
from hardware.arms.arm import Arm, measured_joints
from hardware.cameras.frame import RgbdFrame
from hardware.worlds import open_world
from perception.depth_types import TableView
from perception.pictures import draw_tags
from perception.table.camera_shift import camera_shift
from perception.table.locate import locate_table
from trials.record import Outcome, TrialRecord

#: How far [m] and how hard [N] the fingers are moved to tell the arms apart.
_FINGERS_M, _FINGERS_N = 0.015, 5.0
#: One or two small tags do not fix a camera.
_LEAST_TAGS = 3
#: Share of full speed of the first grasp, and the easiest table for it.
FIRST_SPEED, FIRST_SURFACE = 0.2, Surface.DIFFUSE


@dataclass(frozen=True)
class Bringup:
    """What the steps work on. camera, arms: as `choose_world` resolved them."""

    console: Console
    cell: Cell
    file: Path
    camera: str
    arms: str

    @property
    def is_real(self) -> bool:
        return self.camera != "sim"

    @property
    def folder(self) -> Path:
        """Where pictures, reports and rules go."""
        return home() / "bringup" / self.cell.name

    def ask(self, question: str, choices: dict[str, str]) -> str:
        """Raises KeyboardInterrupt for `q`."""
        answer = self.console.ask_key(question, choices | {"q": "leave it here"})
        if answer == "q":
            raise KeyboardInterrupt
        return answer


@dataclass(frozen=True)
class BringupStep:
    """about: what of the cell it depends on; once that has changed the step is due again."""

    name: str
    purpose: str
    work: Callable[[Bringup], str]
    about: Callable[[Cell], Any]


def check_machine(bringup: Bringup) -> str:
    findings = examination(Machine(), bringup.cell)
    failed = [finding for finding in findings if finding.state == "fail"]
    if failed:
        raise ConfigurationError(
            f"This machine is not ready: {'; '.join(f'{one.subject}: {one.found}' for one in failed)}.",
            f"{' '.join(f'{one.remedy} {one.command}'.strip() for one in failed)} Then: python main.py doctor.",
        )
    warned = [finding.subject for finding in findings if finding.state == "warn"]
    return f"{len(findings) - len(warned)} checks pass; to look at: {', '.join(warned) or 'nothing'}"


def check_camera(bringup: Bringup) -> str:
    frame, view = _look(bringup)
    seen = view.tags if view.source == "tags" else ()
    picture = bringup.folder / "tags.png"
    write_whole(picture, png_bytes(draw_tags(frame.color, seen)))
    if len(seen) < _LEAST_TAGS:
        raise CalibrationError(
            f"The camera sees {len(seen)} of the cell's {len(bringup.cell.tags)} tags; {_LEAST_TAGS} are needed "
            f"({picture}).",
            f"Print them (python main.py tag-sheet --cell {bringup.file} --out tags.pdf), glue them flat, light them "
            "evenly and uncover them.",
        )
    return f"camera {frame.serial} sees {len(seen)} tags, off by {view.residual_px:.2f} px ({picture})"


def tell_arms_apart(bringup: Bringup) -> str:
    """Each arm's fingers move a little, and a person says whether they were that arm's.

    Fingers, because no arm may move far before the cell is measured; switching an arm on moves each joint by 0.4°.
    """
    bringup.ask("Hands empty, nothing between any fingers, everybody clear of both arms?", {"y": "yes"})
    with closing(open_world(bringup.cell, bringup.camera, seed=0)) as world:
        wrong = [name for name, arm in world.arms.items() if not _is_it(bringup, name, arm)]
    if not wrong:
        return f"{', '.join(bringup.cell.arms)}: as the cell names them"
    if len(wrong) < len(bringup.cell.arms) or len(wrong) != 2:
        raise ArmError(
            f"The fingers of the {' and '.join(wrong)} arm were not those that moved.",
            f"Write the right CAN channels into {bringup.file}, or look at the cables, then run bringup again.",
        )
    bringup.ask(f"The two arms are swapped. Swap their channels in {bringup.file}?", {"y": "swap"})
    swap_channels(bringup.file, *(bringup.cell.arms[name].channel for name in wrong))
    raise ArmError(
        f"The channels of {' and '.join(wrong)} are now swapped in {bringup.file}; the old file lies beside it.",
        "Run bringup again: it looks once more.",
    )


def name_devices(bringup: Bringup) -> str:
    """Adapters that keep their names over replugging, and cameras that every user may open."""
    serials = {} if not bringup.is_real else {name: adapter_serial(m.channel) for name, m in bringup.cell.arms.items()}
    names = {serial: bringup.cell.arms[arm].channel for arm, serial in serials.items() if serial}
    if not names:
        return "no USB adapter to name" + (" in the digital cell" if not bringup.is_real else "")
    rules, file = udev_rules(names), bringup.folder / RULES.name
    if RULES.exists() and RULES.read_text() == rules:
        return f"{RULES} is in place"
    write_whole(file, rules.encode())
    bringup.console.say(f"    sudo cp '{file}' {RULES} && sudo udevadm control --reload-rules && sudo udevadm trigger")
    bringup.ask("Run that in another terminal. Done?", {"y": "done", "s": "skip: names may swap when replugged"})
    return f"{RULES} is in place" if RULES.exists() and RULES.read_text() == rules else "skipped"


def check_calibration(bringup: Bringup) -> str:
    frame, view = _look(bringup)
    if view.source != "tags":
        raise CalibrationError("No tag is in view.", "Uncover the tags, then run bringup again.")
    shift = camera_shift(view, bringup.cell)
    check_cell(bringup.cell, frame.serial, shift, real=bringup.is_real)
    return f"{bringup.cell.calibrated}; the tags place the camera {shift} from where the cell says"


def plan_without_moving(bringup: Bringup) -> str:
    if bringup.is_real:
        bringup.ask("Lay one box in the middle of a matte table, hands out.", {"y": "ready"})
    options = PipelineOptions(estimator=choose_estimator("auto", None)[0])
    with (
        closing(open_world(bringup.cell, bringup.camera, seed=0)) as world,
        closing(Pipeline(bringup.cell, options)) as pipeline,
    ):
        world.stage(FIRST_SURFACE, 0, 1)
        frames = (world.camera.read(timeout_s=5.0),)
        stages = Stages(Trial(FIRST_SURFACE, 0, frames), pipeline, bringup.console)
        joints = measured_joints(world.arms)
        try:
            stages.plan(frames, lambda: joints)
        finally:
            report = write_report(stages.trial, pipeline, Path(world.camera.name), bringup.folder / "dry-run")
    bringup.ask(f"Look at {report['report']}/report.html. Is the grasp where the box is?", {"y": "yes"})
    return f"{counted(report['grasps'], 'grasp')}; {report['report']}"


def grasp_slowly(bringup: Bringup) -> str:
    bringup.console.say(f"    at {FIRST_SPEED:.0%} of full speed; one hand on the emergency stop")
    console, ended = Console(), list[TrialRecord]()  # of this run: others may write the same log
    console.events.add(lambda event: ended.append(event.record) if isinstance(event, TrialEnd) else None)
    run_trials(
        RunOptions(
            surface=FIRST_SURFACE,
            camera=bringup.camera,
            arms=bringup.arms,
            cell=str(bringup.file),
            speed=FIRST_SPEED,
            attempts=1,
            headless=True,
        ),
        console,
    )
    row = ended[-1]
    if row.outcome is not Outcome.SUCCESS:
        raise TrialError(
            f"The first grasp did not succeed: {row.reason}. {row.detail}",
            "Mend what it names, lay the box anew, then run bringup again.",
        )
    return f"trial {row.id} lifted it"


def _look(bringup: Bringup) -> tuple[RgbdFrame, TableView]:
    """One picture, with no arm powered; the cell's tags in it."""
    with ExitStack() as opened:
        options = RecordOptions(
            out=bringup.folder, camera=bringup.camera, cell=str(bringup.file), surface=FIRST_SURFACE
        )
        frame = open_camera(options, opened).read(timeout_s=5.0)
    return frame, locate_table(frame, bringup.cell)


def _is_it(bringup: Bringup, name: str, arm: Arm) -> bool:
    """Opens and closes the arm's fingers a little until a person has seen whose they were."""
    y_m = bringup.cell.arms[name].base_m[1]
    side = "left" if y_m > 0 else "right"
    while True:
        bringup.console.say(f"    the fingers of the {name} arm move {_FINGERS_M * 1000:.0f} mm and back …")
        width_m = float(np.clip(arm.state().gripper_width_m, 0.0, bringup.cell.arms[name].gripper_stroke_m))
        away_m = width_m - _FINGERS_M if width_m > _FINGERS_M else width_m + _FINGERS_M
        for target_m in (away_m, width_m):
            arm.grip(target_m, _FINGERS_N)
        question = f"Did the arm move that stands on the {side} as the arms look (y = {y_m:+.2f} m)?"
        answer = bringup.ask(question, {"y": "yes", "n": "no, another", "r": "again"})
        if answer != "r":
            return answer == "y"


def channels(cell: Cell) -> dict[str, str]:
    """All that tells arms apart; where they stand is for their calibration."""
    return {name: mount.channel for name, mount in cell.arms.items()}


STEPS: Sequence[BringupStep] = (
    BringupStep("machine", "what this machine lacks", check_machine, lambda cell: None),
    BringupStep("camera", "a picture with the cell's tags", check_camera, lambda cell: (cell.camera.serial, cell.tags)),
    BringupStep("arms", "which arm is which", tell_arms_apart, channels),
    BringupStep("names", "devices that keep their names", name_devices, channels),
    BringupStep("calibration", "where the arms stand", check_calibration, lambda cell: cell),
    BringupStep("dry-run", "everything but motion", plan_without_moving, lambda cell: cell),
    BringupStep("first-grasp", "one slow grasp", grasp_slowly, lambda cell: cell),
)
