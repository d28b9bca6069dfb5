"""The cell that trials run in: what may be refused is, before anything is powered; then world and page are opened."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import numpy as np
from numpy.typing import NDArray

from app.calibrate.cell import confirm_age, load_calibrated
from app.events import ErrorTold
from app.keys import has_terminal, require_terminal
from app.page.live_page import LivePage, shown
from app.paths import default_cell
from app.run.operator import Operator
from app.run.options import PipelineOptions, StationOptions
from app.run.pipeline import Pipeline
from app.trial_recording.recorder import TrialRecorder
from calibration.cell_check import check_measured
from core.cell import Cell
from core.errors import CalibrationError, ConfigurationError, VitroError
from core.image import RgbdImage
from hardware.cameras.attached import find_cameras, no_camera
from hardware.world import World
from hardware.worlds import choose_world

OpenWorld = Callable[[Cell, str, int], World]


class Station:
    """A cell, and the person beside it; `open` powers it."""

    def __init__(self, options: StationOptions, operator: Operator, open_world: OpenWorld) -> None:
        """Chooses the world and loads the cell with its calibration in use.

        open_world: takes the cell, the camera's name and the seed.

        Raises:
            VitroError: what is missing, or must not be: nothing is opened yet.
        """
        self._options, self._open_world = options, open_world
        self.operator = operator
        operator.skips_arm_check = options.no_arm_check
        self.camera, self.arms = choose_world(options.camera, options.arms)
        self.cell = load_calibrated(options.cell or default_cell(self.camera))
        self._world: World | None = None
        if self.camera != "sim":
            self._demand_measured()
        operator.console.say(self._where())
        if options.yes and self.arms == "piper" and not options.unattended:
            raise ConfigurationError(
                "--yes would let real arms move without asking, whether or not anybody watches.",
                "Leave --yes out: a key approves each motion. Or add --unattended, with the cell closed off and a stop "
                "button that somebody can reach.",
            )

    def _demand_measured(self) -> None:
        """As `check_measured`; of a cell that was not, a camera that is not there is told before: it comes first."""
        try:
            check_measured(self.cell, self.camera.partition(":")[2] or self.cell.camera.serial)
        except CalibrationError:
            if not find_cameras():
                raise no_camera() from None
            raise

    def _where(self) -> str:
        """Which cell it is, and of a digital one that nobody asked for what kept it from being real."""
        chosen = self._options.cell  # a copied file may have kept its name
        cell = f"{self.cell.name!r}{f' of {chosen}' if chosen.endswith(('.yaml', '.yml')) else ''}"
        if self.camera != "sim":
            return f"[bold]real arms[/]: cell {cell}, camera {self.camera}"
        why = "as asked"
        if "sim" not in (self._options.camera, self._options.arms):
            why = "for no RealSense is attached and no CAN interface is up (what is missing: python main.py doctor)"
        return f"[bold]digital cell[/] {cell}: camera and arms are simulated, {why}"

    def pipeline(self, options: PipelineOptions) -> Pipeline:
        """What perceives and plans here, ready to.

        Raises:
            ConfigurationError: something chosen that there is not, or that cannot run here.
            PlanningError: the planner does not start.
        """
        pipeline = Pipeline(self.cell, options, self._truth if self.camera == "sim" else None)
        pipeline.prepare(self.operator.console)
        return pipeline

    def _truth(self, image: RgbdImage) -> NDArray[np.float32]:
        if self._world is None or self._world.truth is None:
            raise RuntimeError("only the open digital cell knows the truth")
        return self._world.truth(image)

    @contextmanager
    def page(self) -> Iterator[None]:
        """The page for as long as this lasts, over any number of openings of the world; at the end it is asked whether
        it may go. Where there is one already it is left as it is."""
        options, operator, console = self._options, self.operator, self.operator.console
        if options.headless or operator.page is not None:
            yield
            return
        page = LivePage(self.cell, console, operator.interrupts, options.page_host)
        with shown(page, console, waits=has_terminal()):
            operator.page = page
            try:
                yield
            finally:
                operator.page = None

    @contextmanager
    def open(self, seed: int) -> Iterator[World]:
        """The world, powered, and the page, unless that is open already.

        Raises:
            CalibrationError: it is too old to go unasked.
            KeyboardInterrupt: the person quits.
            VitroError: a part of the cell is missing.
        """
        options, operator, console = self._options, self.operator, self.operator.console
        if options.headless and (not options.yes or self.camera != "sim"):
            require_terminal()
        with self.page(), ExitStack() as opened:
            if self.camera != "sim":
                confirm_age(self.cell, console, options.yes)
            with console.stage("open") as line:
                world = opened.enter_context(closing(self._open_world(self.cell, self.camera, seed)))
                self._world = world
                recorder = TrialRecorder(world, self.cell, console)
                console.events.add(recorder.hear)
                opened.callback(console.events.remove, recorder.hear)
                line.detail = f"{world.name}: camera {world.camera.name}, arms {', '.join(world.arms)} ({self.arms})"
            if operator.page is not None:
                operator.page.watch(world.arms, world.camera)
                opened.callback(operator.page.watch, {})
            try:
                yield world
            except VitroError as error:
                console.events.tell(ErrorTold(error.cause, error.remedy))
                raise
            except KeyboardInterrupt:
                console.events.tell(ErrorTold("Stopped.", f"{operator.interrupts.aftermath} The log is complete."))
                raise
