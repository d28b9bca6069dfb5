"""One candidate made into the five motions of a pick on the CPU: straight lines, and free paths between them."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.errors import PlanningError
from grasping.grasp_set import WIDTH
from grasping.planning.candidates import Around, Candidate
from grasping.planning.collision import CollisionChecker, Held, Surroundings
from grasping.planning.grasp_plan import Phase
from grasping.planning.inverse_kinematics import APPROACH_M, LINE_STEPS
from grasping.planning.motion_planner import NoPathError, PlannerSpecification
from grasping.planning.paths import connect, densify, is_spline_free, least_time_s, smooth, time_path
from grasping.planning.straight import Place, approach_and_lift, around_filled_bin, places_over_bin
from hardware.arms.trajectory import JointTrajectory
from hardware.robot.description import PARK_JOINTS

#: A search for one path may take this long [s].
_SEARCH_S = 0.7
#: So many poses over the bin, the cheapest by travel, tipping and crowding, are tried in the order of how soon the arm
#: could be there and back; after so many without a way there are none.
_PLACES, _MOST_FAILURES = 6, 3
#: Straight back from what was let go, and straight down to where it is, at least so far [m], the first that is free,
#: through poses at most so far apart [m]; then the arm turns over this much of joint travel [rad].
_STRAIGHT_M, _PIN_M, _TURN_RAD = (0.03, 0.05, 0.065, 0.08), 0.016, 0.4


def plan_motions(
    candidate: Candidate, start_rad: NDArray, around: Around, target_points_m: NDArray, cell: Cell, seed: int
) -> dict[Phase, JointTrajectory]:
    """All motions of a pick with a candidate, from joints (6,) to the parked arm.

    Raises:
        NoPathError: some motion has no free path in time.
    """
    arm, open_m = candidate.arm, candidate.pre_open_m
    held = Held.from_points(target_points_m, candidate.T_world_tcp)
    reaching = CollisionChecker(arm, cell.workspace, around.transit, open_m)
    carrying = CollisionChecker(arm, cell.workspace, around.carrying, float(candidate.row[WIDTH]), held)
    letting_go = CollisionChecker(arm, cell.workspace, around.carrying, open_m)

    approach, lift = approach_and_lift(candidate, carrying)
    transit = _free_path(start_rad, approach[0], reaching, seed, "no way to the object")
    over = places_over_bin(lift[-1], candidate.T_world_tcp, cell.bin, around.in_bin_m, carrying, letting_go)
    places = sorted(islice(over, _PLACES), key=lambda place: _there_and_back_s(lift[-1], place))

    def into_and_out(place: Place) -> tuple[JointTrajectory, JointTrajectory]:
        way = _waypoints(lift[-1], place.joints_rad, carrying, seed, "no way to the bin")
        filled = around_filled_bin(place, carrying, around, cell.bin)
        leaving = CollisionChecker(arm, cell.workspace, Surroundings(filled, filled), open_m)
        back = _withdraw_and_park(place, letting_go, leaving, seed)
        into = _enter(way, place.lower_rad, carrying)
        return _time_pieces(into, Phase.PLACE, cell), _time_pieces(back, Phase.RETREAT, cell)

    ways = (
        _time_pieces(transit, Phase.TRANSIT, cell),
        _time_pieces([approach], Phase.APPROACH, cell),
        _time_pieces([lift], Phase.LIFT, cell),
    )
    return dict(zip(Phase, (*ways, *_first(places, into_and_out)), strict=True))


def _first(
    places: Iterable[Place], into_and_out: Callable[[Place], tuple[JointTrajectory, JointTrajectory]]
) -> tuple[JointTrajectory, JointTrajectory]:
    """The ways into the bin and out of it of the first place that has both."""
    failure = "no free pose over the bin"
    for place in islice(places, _MOST_FAILURES):
        try:
            return into_and_out(place)
        except NoPathError as error:
            failure = str(error)
    raise NoPathError(failure)


def _there_and_back_s(from_rad: NDArray[np.float64], place: Place) -> float:
    """How long an arm takes at least from joints (6,) into the bin and from there to its parked pose."""
    into = np.array([place.joints_rad - from_rad, place.lower_rad[-1] - place.joints_rad])
    back = np.array([place.withdraw_rad[-1] - place.lower_rad[-1], PARK_JOINTS - place.withdraw_rad[-1]])
    return float(least_time_s(into, Phase.PLACE).sum() + least_time_s(back, Phase.RETREAT).sum())


def _time_pieces(pieces: list[NDArray[np.float64]], phase: Phase, cell: Cell) -> JointTrajectory:
    try:
        return time_path(pieces, phase, cell.motion.of(phase))
    except PlanningError as error:
        raise NoPathError("a path that cannot be timed") from error


def _free_path(
    start_rad: NDArray, goal_rad: NDArray, checker: CollisionChecker, seed: int, failure: str
) -> list[NDArray[np.float64]]:
    """Pieces of a free path between two configurations; see `smooth`."""
    return smooth(_waypoints(start_rad, goal_rad, checker, seed, failure), checker.all_free)


def _waypoints(
    start_rad: NDArray, goal_rad: NDArray, checker: CollisionChecker, seed: int, failure: str
) -> NDArray[np.float64]:
    path = connect(start_rad, goal_rad, checker, _SEARCH_S, seed)
    if path is None:
        raise NoPathError(failure)
    return path


def _leave(line_rad: NDArray, way_rad: NDArray, is_free: Callable[[float, NDArray], bool]) -> list[NDArray[np.float64]]:
    """Pieces of a straight way back (S, 6) and on to elsewhere (N, 6): one, if the arm may turn away before it has
    quite withdrawn.

    is_free: of a hand that goes straight until it is so far [m] from where it set out, whether joints (N, 6) are.
    """
    for far_m in _STRAIGHT_M:
        straight = _pin_line(line_rad, far_m)
        away = densify(way_rad, _TURN_RAD)[1:]
        away = away[np.abs(away - straight[-1]).max(axis=1) > _TURN_RAD]
        rounded = np.concatenate([straight, away])
        if len(away) and is_spline_free(rounded, partial(is_free, far_m)):
            return [rounded]
    return [line_rad, *smooth(way_rad, partial(is_free, 0.0))]


def _pin_line(line_rad: NDArray, far_m: float) -> NDArray[np.float64]:
    """Some of a line's joints (S, 6), from its first to what is so far away, or to its end."""
    step_m = APPROACH_M / LINE_STEPS
    last = min(int(np.ceil(far_m / step_m)), len(line_rad) - 1)
    return line_rad[np.linspace(0, last, int(np.ceil(last * step_m / _PIN_M)) + 1).round().astype(int)]


def _enter(way_rad: NDArray, line_rad: NDArray, carrying: CollisionChecker) -> list[NDArray[np.float64]]:
    """Pieces of a way (N, 6) to the start of a straight one (S, 6) and along that."""
    if len(line_rad) < 2:
        return smooth(way_rad, carrying.all_free)

    pieces = _leave(line_rad[::-1], way_rad[::-1], lambda _, joints_rad: carrying.all_free(joints_rad))
    return [piece[::-1] for piece in reversed(pieces)]


def _withdraw_and_park(
    place: Place, letting_go: CollisionChecker, leaving: CollisionChecker, seed: int
) -> list[NDArray[np.float64]]:
    """Pieces of the way from where the fingers opened to the parked pose. What they let go of stands between them, so
    it is in nobody's way (`letting_go`) until the hand has gone straight back from it, and then it is (`leaving`)."""
    park = _waypoints(place.withdraw_rad[-1], PARK_JOINTS, leaving, seed, "no way back from the bin")

    def tools_m(joints_rad: NDArray) -> NDArray[np.float64]:
        return leaving.arm.place(joints_rad, leaving.gripper_width_m).T_world_tcp[:, :3, 3]

    from_m = tools_m(place.withdraw_rad[:1])

    def is_free(straight_m: float, joints_rad: NDArray) -> bool:
        is_near = np.linalg.norm(tools_m(joints_rad) - from_m, axis=1) <= straight_m
        return bool((letting_go.free(joints_rad) & (leaving.free(joints_rad) | is_near)).all())

    return _leave(place.withdraw_rad, park, is_free)


PLANNER = PlannerSpecification("ompl", "RRT-Connect and straight lines, timed by TOPP-RA; on the CPU", plan_motions)
