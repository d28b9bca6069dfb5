"""Where an arm shows its board: configurations in which the camera sees all of it, free of everything, spread over
turns, places in the image and distances; and the checked motions between them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from calibration.board import Board
from core.cell import Cell
from core.errors import PlanningError
from core.image import Intrinsics
from core.transforms import Matrix, invert, transform
from grasping.planning.arm_model import ArmModel
from grasping.planning.collision import CollisionChecker, Held, Surroundings, off_stops
from grasping.planning.gate.check import check_transit
from grasping.planning.grasp_plan import CheckedMotion, Phase
from grasping.planning.obstacles import DistanceField
from grasping.planning.paths import connect, smooth, time_path
from grasping.planning.scene_fields import fixed_boxes
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD
from hardware.robot.kinematics import forward_kinematics

#: The plate is held by a tab this long [m] between the fingers, this thick [m], printed side towards the tool's +y.
TAB_M, PLATE_M = 0.02, 0.003
#: Nothing that the arm or the board does may be lower than this [m]: the base is known by a ruler alone.
LOWEST_M = 0.05
#: Free distance [m] to all things, for the same reason; and to all that a calibrated arm without its board passes.
_CLEARANCE_M, _KNOWN_CLEARANCE_M = 0.03, 0.012
#: The board stays this far from the image's edge [share of its width], is seen from this near and far [m] and this
#: steeply at most [cosine].
_EDGE, _DEPTH_M, _FACING = 0.04, (0.25, 0.9), 0.55
_DRAWN, _BATCH = 60_000, 4_000
_SEARCH_S = 1.5
_JOINT_MARGIN_RAD = np.deg2rad(4.0)
_NOTHING = np.zeros((0, 3))


def T_tcp_board(board: Board) -> Matrix:
    """How the fingers hold it, the tab's end at their tips: the board's x against the tool's, its y along the
    approach."""
    R = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    return transform(R, (0.0, PLATE_M / 2, TAB_M / 2 + board.size_m[1] / 2))


@dataclass(frozen=True)
class BoardScene:
    """A cell as its file says, seen by a camera from where the tags put it; an arm with a board or none, the others
    still."""

    cell: Cell
    arm: str
    board: Board | None
    intrinsics: Intrinsics
    T_world_camera: Matrix
    measured_rad: Mapping[str, NDArray[np.float64]]
    #: Between the fingers, and what nothing may be lower than [m].
    width_m: float = PLATE_M
    lowest_m: float = LOWEST_M

    def checker(self) -> CollisionChecker:
        """Of the arm with its board, as the planner sees it."""
        model = ArmModel(self.arm, self.cell.arms[self.arm])
        camera = (self.T_world_camera, np.array([0.08, 0.06, 0.06]))
        boxes = [*fixed_boxes(self.cell, self.arm, self.measured_rad), camera]
        field = DistanceField.empty(self.cell).with_boxes(boxes)
        clearance_m = _KNOWN_CLEARANCE_M if self.board is None else _CLEARANCE_M
        around = Surroundings(field, field, clearance_m, self.lowest_m)
        held = None if self.board is None else Held.from_points(self.board_points_m(), np.eye(4))
        return CollisionChecker(model, self.cell.workspace, around, self.width_m, held)

    def board_points_m(self) -> NDArray[np.float64]:
        """(K, 3) of the plate, in the tool's frame."""
        if self.board is None:
            return _NOTHING
        x, y = (np.linspace(-side / 2, side / 2, 9) for side in self.board.size_m)
        plate = np.stack([*np.meshgrid(x, y), np.zeros((9, 9))], axis=-1).reshape(-1, 3)
        T = T_tcp_board(self.board)
        return plate @ T[:3, :3].T + T[:3, 3]


def propose(scene: BoardScene, seed: int) -> Iterator[NDArray[np.float64]]:
    """Joints (6,) of views, each as unlike those before it as can be; fewer and fewer come to something."""
    joints, features = _visible(scene, seed)
    away = np.full(len(joints), np.inf)
    best = int(np.argmax(features[:, 0])) if len(joints) else 0
    while len(joints) and away.max() > 0.0:
        yield joints[best]
        away = np.minimum(away, np.linalg.norm(features - features[best], axis=1))
        best = int(np.argmax(away))


def _visible(scene: BoardScene, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Free joints (N, 6) from which the whole board faces the camera, and what tells views apart (N, 6)."""
    board, rng = scene.board, np.random.default_rng([seed, 20])
    assert board is not None
    low, high = JOINT_LOWER_RAD + _JOINT_MARGIN_RAD, JOINT_UPPER_RAD - _JOINT_MARGIN_RAD
    checker, mount = scene.checker(), scene.cell.arms[scene.arm]
    T_camera_base = invert(scene.T_world_camera) @ mount.T_world_base
    kept, features = [], []
    for _ in range(0, _DRAWN, _BATCH):
        joints = rng.uniform(low, high, (_BATCH, 6))
        T = T_camera_base @ forward_kinematics(joints, mount.firmware) @ T_tcp_board(board)
        joints, T = joints[(seen := _is_seen(T, board, scene.intrinsics))], T[seen]
        free = checker.free(joints)
        kept.append(joints[free])
        features.append(_features(T[free], scene.intrinsics))
    return np.concatenate(kept), np.concatenate(features)


def _is_seen(T_camera_board: Matrix, board: Board, k: Intrinsics) -> NDArray[np.bool_]:
    corners = board.corners_m().reshape(-1, 3) @ T_camera_board[:, :3, :3].transpose(0, 2, 1)
    corners = corners + T_camera_board[:, None, :3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = corners[..., :2] / corners[..., 2:] * [k.fx, k.fy] + [k.cx, k.cy]
        middle = T_camera_board[:, :3, 3] / np.linalg.norm(T_camera_board[:, :3, 3], axis=1, keepdims=True)
    edge = _EDGE * k.width
    inside = ((pixels > edge) & (pixels < np.array([k.width, k.height]) - edge)).all(axis=(1, 2))
    near = (corners[..., 2] > _DEPTH_M[0]).all(axis=1) & (corners[..., 2] < _DEPTH_M[1]).all(axis=1)
    facing = -np.einsum("ni,ni->n", T_camera_board[:, :3, 2], middle) > _FACING
    return inside & near & facing


def _features(T_camera_board: Matrix, k: Intrinsics) -> NDArray[np.float64]:
    """(N, 6): turn [rad], and place in the image and distance in shares of what there is, weighed less."""
    turn = Rotation.from_matrix(T_camera_board[:, :3, :3]).as_rotvec()
    t = T_camera_board[:, :3, 3]
    place = t[:, :2] / t[:, 2:] * [k.fx / k.width, k.fy / k.height]
    depth = (t[:, 2:] - _DEPTH_M[0]) / (_DEPTH_M[1] - _DEPTH_M[0])
    return np.concatenate([turn, 0.7 * place, 0.7 * depth], axis=1)


def plan_move(scene: BoardScene, goal_rad: NDArray[np.float64], speed: float, seed: int) -> CheckedMotion:
    """A motion of the arm with its board from where it is, which the gate passed.

    Raises:
        PlanningError: no free path in time, or the gate refuses it.
    """
    checker, start_rad = scene.checker(), off_stops(scene.measured_rad[scene.arm], scene.cell.arms[scene.arm])
    path = connect(start_rad, goal_rad, checker, _SEARCH_S, seed)
    if path is None:
        raise PlanningError("No free way leads there.", "Another is tried; clear the table of all but its tags.")
    pieces = smooth(path, checker.all_free)
    motion = time_path(pieces, Phase.TRANSIT, scene.cell.motion.of(Phase.TRANSIT)).slowed(speed)
    report = check_transit(
        scene.cell,
        motion,
        arm=scene.arm,
        width_m=scene.width_m,
        measured=scene.measured_rad,
        other_points_m=_NOTHING,
        held_points_tcp_m=None if scene.board is None else scene.board_points_m(),
    )
    if not report.passed:
        raise PlanningError(f"The gate refuses the way there: {report.violations[0]}.", "Another is tried.")
    return CheckedMotion(scene.arm, motion, scene.width_m, scene.measured_rad, report)
