"""The wizard in the browser: the steps and questions of the terminal, what the camera sees, what the views cover."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from app.calibrate.options import CalibrateOptions
from app.calibrate.page.camera_part import CameraPart
from app.calibrate.page.coverage_part import CoveragePart
from app.calibrate.page.live_board_part import LiveBoardPart
from app.calibrate.page.move_playback import MovePlayback
from app.calibrate.page.residual_part import ResidualPart
from app.calibrate.page.result_part import ResultPart
from app.calibrate.rig import Rig
from app.events import ErrorTold
from app.keys import has_terminal
from app.page.live_page import LivePage, PagePart, shown
from app.page.page_server import PageServer
from app.page.tables_part import StagesPart
from app.run.operator import Operator
from calibration.board import Board
from core.cell import Cell
from core.errors import VitroError
from core.image import Intrinsics
from core.transforms import rotation_to_quaternion
from hardware.world import World


@contextmanager
def wizard_page(options: CalibrateOptions, cell: Cell, rig: Rig, operator: Operator) -> Iterator[None]:
    """The page for as long as this lasts, unless none is wanted; it stays open at a good end until a person closes it.

    What ends the wizard badly is told on it too, before it goes.
    """
    if not options.page:
        yield
        return
    console = operator.console
    with ExitStack() as opened:

        def lay_out(page: PageServer, cell: Cell) -> list[PagePart]:
            return wizard_parts(page, cell, lambda: rig.board, rig.world.camera.intrinsics)

        page = LivePage(cell, console, operator.interrupts, options.page_host, lay_out)
        opened.enter_context(shown(page, console, waits=has_terminal() or not options.yes))
        operator.page = page
        show_world(operator, rig.world)
        opened.callback(show_world, operator, None)
        try:
            yield
        except VitroError as error:
            console.events.tell(ErrorTold(error.cause, error.remedy))
            raise
        except KeyboardInterrupt:
            stopped = f"{operator.interrupts.aftermath} The views taken are kept: python main.py calibrate goes on."
            console.events.tell(ErrorTold("Stopped.", stopped))
            raise


def show_world(operator: Operator, world: World | None) -> None:
    """Its arms and its camera on the page, where there is one; None: as they were last seen."""
    if operator.page is not None:
        operator.page.watch(world.arms if world else {}, world.camera if world else None)


def wizard_parts(page: PageServer, cell: Cell, board: Callable[[], Board], intrinsics: Intrinsics) -> list[PagePart]:
    """board: gives the one in use: its size may be asked for while the page is open already.

    The proposed motion, and tabs of the camera, coverage, residuals, and the result with the steps to it."""
    server = page.viser
    _add_camera(page, cell, intrinsics)
    playback = MovePlayback(server, cell, board())
    tabs = server.gui.add_tab_group()
    with tabs.add_tab("Camera"):
        live = LiveBoardPart(server, cell, board, intrinsics)
        camera = CameraPart(server, cell, board, intrinsics)
    with tabs.add_tab("Coverage"):
        coverage = CoveragePart(server, cell, intrinsics)
    with tabs.add_tab("Residuals"):
        residuals = ResidualPart(server, cell, board, intrinsics)
    with tabs.add_tab("Result"):
        result = ResultPart(page)
        steps = StagesPart(server)
    return [playback, live, camera, coverage, result, steps, residuals]


def _add_camera(page: PageServer, cell: Cell, intrinsics: Intrinsics) -> None:
    """Where the cell's file has it, with its field of view."""
    import numpy as np

    T = cell.camera.T_world_camera
    page.viser.scene.add_camera_frustum(
        "/camera",
        fov=float(2 * np.arctan(intrinsics.height / 2 / intrinsics.fy)),
        aspect=intrinsics.width / intrinsics.height,
        scale=0.05,
        thickness=0.003,
        color=(90, 100, 130),
        position=T[:3, 3],
        wxyz=rotation_to_quaternion(T[:3, :3]),
    )
