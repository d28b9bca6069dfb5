"""`python main.py calibrate`: where arms and camera stand, from views of a board that each arm holds up."""

from contextlib import closing
from dataclasses import replace
from typing import BinaryIO

from rich.markup import escape

from app.calibrate.board_size import ask_tag_mm
from app.calibrate.cell import load_parkable, store_of
from app.calibrate.conclusion import conclude
from app.calibrate.options import CalibrateOptions, Plant, TargetOptions
from app.calibrate.page.wizard_page import show_world, wizard_page
from app.calibrate.rig import Rig
from app.calibrate.samples import Samples
from app.calibrate.sampling import GRIP_N, Sampling, table_tags, take_views
from app.calibrate.solving import solve_cell
from app.calibrate.steps.again import demand_still_camera, forget_step
from app.calibrate.steps.hands import measure_hands
from app.console import Console
from app.interrupts import Interrupts
from app.keys import require_terminal
from app.paths import cell_file, default_cell, home
from app.run.operator import Operator
from calibration.board import Board
from calibration.board_view import mean_tags
from calibration.merge import merged
from calibration.poses import PLATE_M
from calibration.result import CalibrationFinding, CellCalibration, FoundError
from calibration.sheets.board_sheet import write_board_sheet
from core.cell import Cell
from core.errors import ArmError, CalibrationError, ConfigurationError
from core.report.words import counted
from core.transforms import invert
from core.work import hold_folder
from hardware.worlds import choose_world
from perception.table.locate import solve_table

#: How wide the hand opens for the board's tab [m].
BOARD_OPEN_M = 0.03
#: Share of full speed at which views are driven to.
SPEED = 0.5


def calibrate_cell(options: CalibrateOptions) -> int:
    """Takes views, solves, proves and stores; 1 where something found forbids to store it.

    Raises:
        CalibrationError: views that contradict each other, or too few.
        VitroError: what stands in the way; views taken so far are kept.
    """
    console = Console(options.as_json)
    camera, _ = choose_world(options.camera, options.arms)
    if camera != "sim" and options.yes:
        raise ConfigurationError(
            "--yes would let real arms move with a board that nobody watches.",
            "Leave it out: a key approves each view.",
        )
    if camera != "sim" and (options.drawn or options.plant is not Plant.NOTHING):
        raise ConfigurationError(
            f"--{'drawn' if options.drawn else 'plant'} is of the digital cell alone.", "Leave it out: cameras see."
        )
    if not options.yes and not options.page:
        require_terminal()
    file = cell_file(options.cell or default_cell(camera))
    cell = load_parkable(file)
    with _hold_views(cell):
        return _wizard(options, cell, camera, console)


def _hold_views(cell: Cell) -> BinaryIO:
    """That other processes leave the cell's unfinished views alone meanwhile."""
    refusal = CalibrationError(
        f"Another run calibrates the cell {cell.name!r}.", "Wait for its end, or stop it: the views are kept."
    )
    return hold_folder(store_of(cell).folder, refusal, ".views.lock")


def _wizard(options: CalibrateOptions, cell: Cell, camera: str, console: Console) -> int:
    try:
        opened = Rig(cell, camera, Board(), options.seed, options.plant, options.drawn)
    except ArmError as error:  # as of a joint that reads what it cannot reach
        return _report_failure(error, console)
    with Interrupts() as interrupts, closing(opened) as rig:
        operator = Operator(console, interrupts, options.yes)
        with wizard_page(options, cell, rig, operator):
            rig.board = Board(tag_m=_tag_mm(options, rig, console) / 1000)
            samples = _open_samples(options, cell, rig, camera, console)
            try:
                calibration = _calibrate(options, cell, rig, samples, operator)
            except (CalibrationError, ArmError) as error:
                return _report_failure(error, console)
            return conclude(calibration, rig, operator, samples)


def _report_failure(error: CalibrationError | ArmError, console: Console) -> int:
    """Tells what ended it, as a finding too; the exit code."""
    console.error(error)
    kind = "arm" if isinstance(error, ArmError) else "contradiction"
    other = CalibrationFinding(kind, error.cause, error.remedy, True)
    findings = [error.finding if isinstance(error, FoundError) else other]
    console.result({"errors": {}, "holdout": None, "touch_mm": [], "findings": findings, "accepted": False})
    return 1


def _tag_mm(options: CalibrateOptions, rig: Rig, console: Console) -> float:
    """Side of the board's black squares as a person measured it; in the digital cell, where nobody can, as printed."""
    if options.tag_mm is not None or rig.is_digital:
        return options.tag_mm or 1000 * rig.board.printed_m
    return ask_tag_mm(console)


def _open_samples(options: CalibrateOptions, cell: Cell, rig: Rig, camera: str, console: Console) -> Samples:
    settings = {"cell": cell.model_dump(mode="json"), "board": vars(rig.board), "seed": options.seed, "world": camera}
    settings |= {"plant": str(options.plant), "drawn": options.drawn}
    samples = Samples.open(home() / "calibrations" / cell.name, settings, options.fresh)
    if others := samples.others():
        console.say(
            f"  not gone on with: {counted(others, 'unfinished calibration')} with other options, another cell file, "
            f"or of an older Vitro: [bold]{escape(str(samples.path.parent))}[/]"
        )
    if options.again:
        forget_step(options.again, samples, cell, rig, options.views, console)
    elif samples.views:
        taken = ", ".join(f"{len(views)} of {options.views} of the {arm} arm" for arm, views in samples.views.items())
        console.say(f"  going on with the views of an unfinished calibration, {taken}; --fresh begins anew")
    return samples


def write_target(options: TargetOptions) -> int:
    """Writes the board's page."""
    write_board_sheet(Board(), options.out, options.paper)
    Console().say(
        f"The board is in [bold]{escape(str(options.out))}[/]. Print at 100 %, glue it to a stiff plate, measure a "
        "black square, then: python main.py calibrate --tag-mm ..."
    )
    return 0


def _calibrate(
    options: CalibrateOptions, cell: Cell, rig: Rig, samples: Samples, operator: Operator
) -> CellCalibration:
    console, camera = operator.console, rig.world.camera
    pictures = [*table_tags(rig, cell, console.events.tell)]
    try:
        view = solve_table(mean_tags(pictures), camera.intrinsics, cell)
    except CalibrationError as error:
        raise FoundError(CalibrationFinding("table-tags", error.cause, error.remedy, True)) from error
    console.say(f"  [green]✓[/] {len(view.tags)} tags on the table, off by {view.residual_px:.2f} px")
    demand_still_camera(samples.tags, mean_tags(pictures), camera.intrinsics, cell)
    sampling = Sampling(
        cell, rig, samples, operator, camera.intrinsics, invert(view.T_camera_world), options.views, SPEED, options.seed
    )
    for arm in cell.arms:
        _sample(sampling, arm)
    calibration = solve_cell(cell, rig, samples, pictures, console)
    if any(finding.fatal for finding in calibration.all_findings):
        return calibration
    calibrated = merged(cell, calibration)
    show_world(operator, None)
    rig.reopen(calibrated)
    show_world(operator, rig.world)
    return measure_hands(replace(sampling, cell=calibrated), cell, calibration)


def _sample(sampling: Sampling, arm: str) -> None:
    """The views of one arm, the board put into its hand before and taken out after."""
    console, operator = sampling.operator.console, sampling.operator
    sampling.tell_views(arm)
    if len(sampling.samples.views.get(arm, [])) >= sampling.wanted:
        console.say(f"  [green]✓[/] {arm} arm: its views were taken before")
        return
    console.say(f"  {arm} arm")
    if not sampling.rig.is_digital:
        _ask(operator, f"  Empty table but for its tags, hands ready: the {arm} hand opens for the board's tab.")
        sampling.grip(arm, BOARD_OPEN_M, GRIP_N)
        _ask(operator, "  Board held between the fingers, printed side towards the camera. The hand closes.")
    sampling.rig.give_board(arm)
    sampling.grip(arm, 0.0 if not sampling.rig.is_digital else PLATE_M, GRIP_N)
    take_views(sampling, arm)
    if not sampling.rig.is_digital:
        _ask(operator, "  Take hold of the board: the hand opens.")
    sampling.grip(arm, BOARD_OPEN_M, GRIP_N)
    sampling.rig.take_board(arm)


def _ask(operator: Operator, question: str) -> None:
    if operator.console.ask_key(question, {"y": "go", "q": "leave it here"}) == "q":
        raise KeyboardInterrupt
