"""`python main.py grasps`: GraspNet rows from one RGB-D image."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from app.console import Console
from app.paths import cell_file
from app.run.options import GraspsOptions
from app.run.trial_files import SHOWN_GRASPS
from core.cell import load_cell
from core.errors import (
    CalibrationError,
    ConfigurationError,
    ContradictionError,
    IntrinsicsError,
    PerceptionError,
    PlanningError,
)
from core.files import demand_writable, writing
from core.image import RgbdImage, depth_unit_m
from core.image_file import write_image
from core.report.words import counted
from grasping.detection.from_files import grasps_in, read_depth_numbers, read_mask, read_normals, read_rgbd
from grasping.detection.gripper import as_openings
from grasping.detection.steering import Steering
from grasping.grasp_set import OBJECT, write_grasps
from grasping.pictures import draw_grasps
from perception.depth_types import Plane
from perception.table.locate import locate_table
from perception.table.metric_factor import corrected
from perception.table.plane import fit_table
from perception.table.tags import detect_tags
from perception.table.units import nearest_unit_m


def parse_intrinsics(text: str) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy [px] from `fx,fy,cx,cy`.

    Raises:
        ConfigurationError: not four numbers, or a focal length that is not positive.
    """
    try:
        fx, fy, cx, cy = (float(part) for part in text.split(","))
    except ValueError:
        fx = fy = cx = cy = float("nan")
    if not (fx > 0 and fy > 0 and cx == cx and cy == cy):
        raise ConfigurationError(
            f"--intrinsics {text!r} is not fx,fy,cx,cy.", "For example: --intrinsics 615,615,320,240"
        )
    return fx, fy, cx, cy


def parse_approach(text: str) -> tuple[NDArray[np.float64] | None, float]:
    """A unit vector (3,) and the cone about it [rad] from `x,y,z` or `x,y,z:degrees`; None and pi of nothing.

    Raises:
        ConfigurationError: no direction, or no angle from 0 to 180.
    """
    if not text:
        return None, float(np.pi)
    vector, _, angle = text.partition(":")
    try:
        direction, degrees = np.array([float(part) for part in vector.split(",")]), float(angle or 180.0)
    except ValueError:
        direction, degrees = np.zeros(0), float("nan")
    length = float(np.linalg.norm(direction)) if direction.shape == (3,) else 0.0
    if not (0.0 < length < float("inf") and 0.0 <= degrees <= 180.0):
        raise ConfigurationError(
            f"--approach {text!r} is no direction x,y,z with an angle in degrees.",
            "For example, along the camera's view and within 30 degrees of it: --approach 0,0,1:30",
        )
    return direction / length, float(np.deg2rad(degrees))


def _steering(options: GraspsOptions, frame: RgbdImage) -> Steering:
    """Raises PerceptionError for a mask of another size."""
    approach, cone_rad = parse_approach(options.approach)
    mask = None if options.mask is None else read_mask(options.mask)
    if mask is not None and mask.shape != frame.depth_m.shape:
        raise PerceptionError(
            f"{options.mask} is {mask.shape[1]}x{mask.shape[0]} pixels, "
            f"{options.rgb} {frame.color.shape[1]}x{frame.color.shape[0]}.",
            "Draw the mask on the very image.",
        )
    return Steering(mask, approach, cone_rad)


@contextmanager
def _naming_scale(options: GraspsOptions) -> Iterator[None]:
    """Of depth in another unit, says the --depth-scale that mends it."""
    try:
        yield
    except ContradictionError as error:
        if error.factor is None:
            raise
        unit_m = depth_unit_m(read_depth_numbers(options.depth), options.depth_scale)
        mended = f"{nearest_unit_m(unit_m * error.factor):.3g}"
        raise PerceptionError(
            f"{options.depth}, read as {unit_m:g} m a unit: {error.cause}",
            f"At {mended} m a unit it is a table: run it with --depth-scale {mended} if that is this camera's unit.",
        ) from error


def _by_tags(frame: RgbdImage, options: GraspsOptions, console: Console) -> tuple[RgbdImage, Plane | None]:
    """The frame with its depth as the cell's tags have it, and their plane, where they are seen.

    Raises:
        ContradictionError: they prove the depth wrong.
        IntrinsicsError: they prove the intrinsics wrong.
    """
    cell = load_cell(cell_file(options.cell))
    try:
        tags = detect_tags(frame.color, cell.tags)
        if len(tags) < 2:
            return frame, None
        view = locate_table(frame, cell)
    except (ContradictionError, IntrinsicsError):
        raise
    except (PerceptionError, CalibrationError):
        return frame, None  # another cell's tags: the depth itself shows the table
    if view.sensor_factor != 1:
        console.say(f"  depth times {view.sensor_factor:.4f}, as the tags of the cell {cell.name!r} ask for")
    return corrected([frame], view)[0], view.plane


def grasps_of_image(options: GraspsOptions) -> int:
    """Writes the rows and, beside them, a picture of the best; 1 when nothing graspable was seen."""
    console = Console(options.as_json)
    demand_writable(options.out)
    intrinsics = parse_intrinsics(options.intrinsics)
    frame = read_rgbd(options.rgb, options.depth, intrinsics, options.depth_scale)
    steering = _steering(options, frame)
    normals = None if options.normals is None else read_normals(options.normals)
    with _naming_scale(options):
        frame, plane = _by_tags(frame, options, console)
        if plane is None:
            view = fit_table(frame)
            plane = view.plane
            console.say(f"  no tag confirms the depth, which has the table {view.T_camera_world[2, 3]:.2f} m away")
    with console.stage("detect") as line, _naming_scale(options):
        grasps = grasps_in(frame, options.detector, options.max_width, normals, options.edges, plane, steering)
        line.detail = f"{counted(len(grasps), 'grasp')} on {counted(len(np.unique(grasps.rows[:, OBJECT])), 'object')}"
    if len(grasps) == 0:
        raise PlanningError(
            f"No grasp was found: {grasps.note or 'nothing graspable stands on the table'}.",
            "Check that the depth is in metres (or set --depth-scale), that --intrinsics belong to this image, and that"
            " --mask and --approach leave any.",
        )
    picture = options.out.with_name(f"{options.out.stem}-grasps.png")
    with writing(options.out):
        write_grasps(options.out, as_openings(grasps.rows, options.max_width))
        write_image(picture, draw_grasps(frame.color, grasps.rows[:SHOWN_GRASPS], frame.intrinsics))
    console.say(f"{len(grasps)} x 17 rows in [bold]{options.out}[/], the best {SHOWN_GRASPS} drawn in {picture}")
    console.result({"grasps": len(grasps), "out": str(options.out), "picture": str(picture)})
    return 0
