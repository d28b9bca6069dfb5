"""How the tool must go: straight onto the object, straight up with it, into or over the bin, and straight off it."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.cell_parts import Bin, Workspace
from core.transforms import Matrix, apply, invert
from grasping.detection.gripper import PAD_LENGTH_M, TIP
from grasping.planning.grasp_plan import Phase

#: So near its grasp [m] the tool comes straight in, and the fingers may meet the target; from this far at least.
EXEMPT_M = 0.08
LEAST_APPROACH_M = 0.03
#: From this rise [m] on, what is held must be clear of the table and of what stood beside it; up to it, it goes
#: straight up and stays level, so that what stands beside it is not swept.
RAISED_M = 0.03
#: How far a straight way may bend [m], and turn [rad]: splines through straight lines of joints stay within 0.03 mm.
STRAIGHT_M, STRAIGHT_RAD = 0.003, np.deg2rad(3.0)
#: The tool ends on the promised grasp this closely.
POSE_SLACK_M, POSE_SLACK_RAD = 0.001, np.deg2rad(0.5)
#: What was seen of what is let go of falls no deeper than from here above the bin's rim [m].
HIGHEST_DROP_M = 0.10
#: Until it is so far [m] from where it let go, the hand goes straight back or straight up, no further aside than this
#: [m]: what was lowered stands between the fingers.
LEAVE_M, LEAVE_ASIDE_M = 0.03, 0.005
#: Fingers come down on the target where they meet more than this share of what lies between them: none of 40 good
#: picks on exact depth meets any, those opened to three quarters of the object's width meet 0.28 and more.
UNDER_FINGERS = 0.2
#: Target points are looked for so far before the fingertips [m]: depth errs by a centimetre.
_BEYOND_TIPS_M = 0.01
#: Fingers that feel for the table go below where it should be by so much at most, and start no higher [m]; from this
#: height on they come down no faster than this [m/s], pointing down within this [rad], beside their way by this [m].
TOUCH_DEPTH_M, TOUCH_HIGH_M, TOUCH_SLOW_M, TOUCH_SPEED_M_S = 0.006, 0.08, 0.012, 0.005
TOUCH_LEAN_RAD, TOUCH_ASIDE_M = np.deg2rad(3.0), 0.002
#: How far they are open: closed, the pads would press on one another.
TOUCH_WIDTH_M = 0.004


def path_violations(
    phase: Phase,
    T_world_tool: Matrix,
    T_world_tcp: Matrix,
    seen_points_tcp_m: NDArray,
    held_points_tcp_m: NDArray,
    bin_: Bin,
) -> Iterator[str]:
    """What is wrong with the tool's way (M, 4, 4) in a phase, in words that follow the phase's name.

    T_world_tcp: the promised grasp. seen_points_tcp_m, held_points_tcp_m: (K, 3) in the tool's frame at the grasp, of
    the target as it was perceived, and with what is taken to be below it.
    """
    if phase is Phase.APPROACH:
        yield from _approach(invert(T_world_tcp) @ T_world_tool)
    elif phase is Phase.LIFT:
        yield from _lift(T_world_tool, T_world_tcp)
    elif phase is Phase.PLACE:
        end = T_world_tool[-1]
        yield from _place(apply(end, seen_points_tcp_m), apply(end, held_points_tcp_m), bin_)
    elif phase is Phase.RETREAT:
        yield from _leave(T_world_tool)


def touch_violations(tools: Matrix, times_s: NDArray[np.float64], space: Workspace) -> Iterator[str]:
    """What is wrong with how a tool (M, 4, 4) comes down onto the table."""
    places = tools[:, :3, 3]
    lowest, highest = np.array([space.tool_x_m, space.tool_y_m]).T
    # Written so that NaN is refused.
    if not (tools[:, 2, 2] < -np.cos(TOUCH_LEAN_RAD)).all():
        yield "the tool does not point straight down"
    if not ((places[:, :2] >= lowest) & (places[:, :2] <= highest)).all():
        yield "the tool leaves the workspace"
    if not (np.linalg.norm(places[:, :2] - places[0, :2], axis=1) <= TOUCH_ASIDE_M).all():
        yield "the tool moves aside on its way"
    # An arm that sags below the lowest may still go up.
    low_m = places[1:, 2][np.diff(places[:, 2]) < 0.0]
    if not ((low_m >= -TOUCH_DEPTH_M - 1e-4).all() and places[:, 2].max() <= TOUCH_HIGH_M):
        yield f"the tool goes from {places[:, 2].max() * 1000:.0f} to {places[:, 2].min() * 1000:.1f} mm"
    sinking = -np.diff(places[:, 2]) / np.diff(times_s)
    near = places[1:, 2] < TOUCH_SLOW_M
    if not (sinking[near] <= TOUCH_SPEED_M_S).all():
        yield f"the tool comes down at {sinking[near].max() * 1000:.0f} mm/s near the table"


def grasp_violations(target_points_tcp_m: NDArray, pre_open_m: float) -> Iterator[str]:
    """What is wrong with where the fingers close: they come in beside the target (K, 3), not around it."""
    x, y, z = target_points_tcp_m.T
    slab = (np.abs(x) < TIP.half_x_m) & (z > -PAD_LENGTH_M) & (z < _BEYOND_TIPS_M)
    across = np.abs(y[slab])
    between = int((across <= pre_open_m / 2).sum())
    under_fingers = int((across <= pre_open_m / 2 + TIP.y_outer_m - TIP.y_inner_m).sum()) - between
    if not between:
        yield "the fingers close on nothing: the target is elsewhere"
    elif under_fingers > UNDER_FINGERS * between:
        yield f"the fingers, {pre_open_m * 1000:.0f} mm open, come down on the target and not around it"


def _approach(T_tcp_tool: Matrix) -> Iterator[str]:
    """T_tcp_tool: (M, 4, 4), the tool in the promised grasp's frame."""
    at, turned = T_tcp_tool[:, :3, 3], _turned_rad(T_tcp_tool[:, :3, :3])
    near = np.linalg.norm(at, axis=1) < EXEMPT_M
    beside = float(np.linalg.norm(at[near, :2], axis=1).max(initial=0.0))
    if beside > STRAIGHT_M or turned[near].max(initial=0.0) > STRAIGHT_RAD:
        yield (
            f"comes in {beside * 1000:.0f} mm beside the tool's axis, "
            f"turned by {np.rad2deg(turned[near].max(initial=0.0)):.0f} deg"
        )
    if -at[0, 2] < LEAST_APPROACH_M:
        yield f"begins {-at[0, 2] * 1000:.0f} mm before the grasp, {LEAST_APPROACH_M * 1000:.0f} at least"
    if at[:, 2].max() > STRAIGHT_M:
        yield f"goes {at[:, 2].max() * 1000:.0f} mm beyond the grasp"
    off_m, off_rad = float(np.linalg.norm(at[-1])), float(turned[-1])
    if off_m > POSE_SLACK_M or off_rad > POSE_SLACK_RAD:
        yield f"ends {off_m * 1000:.1f} mm and {np.rad2deg(off_rad):.1f} deg from the promised grasp"


def _lift(T_world_tool: Matrix, T_world_tcp: Matrix) -> Iterator[str]:
    moved = T_world_tool[:, :3, 3] - T_world_tcp[:3, 3]
    turned = _turned_rad(T_world_tool[:, :3, :3] @ T_world_tcp[:3, :3].T)
    low = before_raised(moved[:, 2])
    sideways = float(np.linalg.norm(moved[low, :2], axis=1).max(initial=0.0))
    if sideways > STRAIGHT_M or turned[low].max(initial=0.0) > STRAIGHT_RAD:
        yield (
            f"sweeps what is held {sideways * 1000:.0f} mm sideways and turns it by "
            f"{np.rad2deg(turned[low].max(initial=0.0)):.0f} deg before it is raised by {RAISED_M * 1000:.0f} mm"
        )
    if moved[:, 2].min() < -STRAIGHT_M:
        yield f"pushes what is held {-moved[:, 2].min() * 1000:.0f} mm down"
    if moved[-1, 2] < RAISED_M:
        yield f"raises what is held by {moved[-1, 2] * 1000:.0f} mm, {RAISED_M * 1000:.0f} at least"


def _place(seen_points_m: NDArray, held_points_m: NDArray, bin_: Bin) -> Iterator[str]:
    """It falls from where it was perceived to be: a foot that nobody saw may not be there. Below the rim it may."""
    low, high = held_points_m.min(axis=0), held_points_m.max(axis=0)
    off_m = np.abs((low + high)[:2] / 2 - bin_.center_m)
    if (off_m > np.array(bin_.size_m[:2]) / 2 - bin_.wall_m).any():
        yield f"never reaches the bin: it ends {off_m.max() * 1000:.0f} mm from its middle"
    rim_m = bin_.size_m[2]
    drop_m, foot_m = float(seen_points_m[:, 2].min()) - rim_m, float(low[2]) - rim_m
    if not drop_m <= HIGHEST_DROP_M:
        yield f"lets go {drop_m * 1000:.0f} mm above the bin's rim, {HIGHEST_DROP_M * 1000:.0f} allowed"
    if not foot_m >= 0.0 and not _is_within(low, high, bin_):
        yield f"lets go {-foot_m * 1000:.0f} mm below the bin's rim of what is not between its walls, above its floor"


def _leave(T_world_tool: Matrix) -> Iterator[str]:
    moved = T_world_tool[:, :3, 3] - T_world_tool[0, :3, 3]
    near = moved[np.logical_and.accumulate(np.linalg.norm(moved, axis=1) < LEAVE_M)]
    ways = -T_world_tool[0, :3, 2], np.array([0.0, 0.0, 1.0])
    aside = min(float(np.linalg.norm(near - np.outer((near @ way).clip(0.0), way), axis=1).max()) for way in ways)
    if not aside <= LEAVE_ASIDE_M:
        yield f"sweeps what it let go of: {aside * 1000:.0f} mm aside before it is {LEAVE_M * 1000:.0f} mm away"


def _turned_rad(rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much (M,) each of (M, 3, 3) turns; to make sure that they are rotations takes six times as long."""
    return Rotation.from_matrix(rotations, assume_valid=True).magnitude()


def _is_within(low_m: NDArray, high_m: NDArray, bin_: Bin) -> bool:
    """Whether a box of the world from one corner (3,) to the other is inside the bin."""
    inner_m = np.array(bin_.size_m[:2]) / 2 - bin_.wall_m
    sides = (low_m[:2] >= bin_.center_m - inner_m) & (high_m[:2] <= bin_.center_m + inner_m)
    return bool(sides.all() and low_m[2] >= bin_.wall_m)


def before_raised(rise_m: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(M,) whether a lift (M,) has not yet risen by RAISED_M; what sinks again has risen."""
    return np.logical_and.accumulate(rise_m < RAISED_M)
