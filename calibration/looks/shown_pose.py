"""Where an arm holds itself out so that the camera of the cell at hand sees each of its joints: of many free poses the
one at which the joint that shows least shows most."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.errors import PlanningError
from core.image import Intrinsics
from core.transforms import Matrix, apply, invert
from grasping.planning.arm_model import COVER, ArmModel
from grasping.planning.collision import CollisionChecker, Surroundings
from grasping.planning.obstacles import DistanceField
from grasping.planning.scene_fields import fixed_boxes
from hardware.robot.description import PARK_JOINTS, joint_limits
from perception.arms.outline import BASE, ArmView
from perception.arms.turns import ArmTurns

#: How far a joint may stand from what it reports: nothing is met there, and there it shows [rad].
FORCED_RAD = np.deg2rad(10.0)
#: The fingers are taken to be open by this at least: closed ones touch [m].
LEAST_WIDTH_M = 0.003
#: The fingers are drawn closed: a slit of millimetres, which no picture shows for sure, is not to count [m].
_DRAWN_WIDTH_M = 0.0
#: As reported, and with one joint forced either way (13, 6) [rad].
_FORCED = np.concatenate([np.zeros((1, 6)), -FORCED_RAD * np.eye(6), FORCED_RAD * np.eye(6)])
#: Forearm and hand keep so high above the table, where no object reaches, so far from the camera, and, of two arms,
#: so far on their own side of the middle between the bases [m].
_HEIGHT_M, _FROM_CAMERA_M, _OWN_SIDE_M = 0.25, 0.40, 0.03
#: A joint this far within its limits can be forced either way [rad].
_FROM_STOPS_RAD = np.deg2rad(12.0)
#: So many places of the wrist are tried, poses around those of them that the camera may see, poses that it sees most
#: of, and of those that are free so many are drawn.
_WRISTS, _POSES, _SEEN, _DRAWN = 4096, 16384, 600, 30
#: Then around the best few so many more are drawn, so far about them (sigma) [rad], once after the other.
_BEST, _TRIED, _AROUND, _ABOUT_RAD = 3, 60, 9, np.deg2rad([10.0, 7.0, 5.0, 3.0])
#: The picture is drawn this wide [px]; edges this near to each other are the same.
_WIDTH_PX, _SAME_PX = 318, 1
#: More edges of such a picture that a joint moves tell no more; nor do more of the base, whatever joint is forced.
_ENOUGH, _ENOUGH_BASE = 225.0, 38.0
#: What the joints that show more than the least do to the choice.
_OTHERS = 0.03
#: What a longer way costs, in edges a radian of the joint that turns most.
_FAR = 22.0
#: Floats this near to each other in all joints are alike [rad]; of those that are not, so many are told.
_ALIKE_RAD, _TOLD = np.deg2rad(15.0), 3
#: A point nearer to the camera's plane than this is not seen [m]; a wrist may be so many pictures beside the middle.
_NEAREST_M, _BESIDE = 0.05, 1.0
_DISTAL = np.flatnonzero(COVER.frame >= 3)
_RADIUS_M = COVER.radius_m[_DISTAL]

Floats = NDArray[np.float64]


def shown_poses(cell: Cell, arm: str, intrinsics: Intrinsics, T_camera_world: Matrix) -> tuple[Floats, ...]:
    """Joints (6,) [rad] at which an arm shows itself to the camera: the best, then some that are unlike it, for where
    that cannot be reached. Where no pose shows every joint, it is the one that shows most.

    Raises:
        PlanningError: nowhere is the arm seen.
    """
    search, rng = _Search.of(cell, arm, intrinsics, T_camera_world), np.random.default_rng(0)
    best = search.best(search.candidates(), _DRAWN)
    for about_rad in _ABOUT_RAD:
        near = [joints + rng.normal(0.0, about_rad, (_TRIED // _BEST, 6)) for _, joints in best[:_BEST]]
        best = search.best(np.concatenate([*near, np.zeros((0, 6))]), _AROUND, best)
    told: list[Floats] = []
    for _, joints in best:
        if len(told) < _TOLD and all(np.abs(joints - other).max() > _ALIKE_RAD for other in told):
            told.append(joints)
    if not told:
        raise PlanningError(
            f"Nowhere can the {arm} arm hold itself out so that the camera sees it.",
            "Turn the camera so that it sees more of the space above the table, or go without: --no-arm-check.",
        )
    return tuple(told)


@dataclass(frozen=True, eq=False)
class _Search:
    """view: of a small picture; sides: a point (2,) between the arm and each other one, and the way (2,) from there to
    the arm, world."""

    view: ArmView
    T_camera_world: Matrix
    model: ArmModel
    checker: CollisionChecker
    sides: tuple[tuple[Floats, Floats], ...]

    @classmethod
    def of(cls, cell: Cell, arm: str, intrinsics: Intrinsics, T_camera_world: Matrix) -> "_Search":
        mount, parked = cell.arms[arm], dict.fromkeys(cell.arms, PARK_JOINTS)
        view = ArmView.of(mount, intrinsics, T_camera_world, _DRAWN_WIDTH_M).at_scale(_WIDTH_PX / intrinsics.width)
        field, model = DistanceField.empty(cell).with_boxes(fixed_boxes(cell, arm, parked)), ArmModel(arm, mount)
        checker = CollisionChecker(model, cell.workspace, Surroundings(field, field), LEAST_WIDTH_M)
        feet_m = {name: np.array(one.base_m[:2]) for name, one in cell.arms.items()}
        sides = [((feet_m[arm] + foot_m) / 2, feet_m[arm] - foot_m) for name, foot_m in feet_m.items() if name != arm]
        return cls(view, T_camera_world, model, checker, tuple((at, way / np.linalg.norm(way)) for at, way in sides))

    def candidates(self) -> Floats:
        """Poses (N, 6) of which the camera sees forearm and hand, the most first."""
        from scipy.stats.qmc import Sobol

        lower, upper = self.limits_rad
        wrists = np.zeros((_WRISTS, 6))
        wrists[:, :3] = Sobol(3, scramble=False).random(_WRISTS)
        wrists = wrists[self._may_show(self.model.frames(lower + wrists * (upper - lower))[:, 5, :3, 3])]
        if not len(wrists):
            return wrists
        poses = wrists[np.arange(_POSES) % len(wrists)]
        poses[:, 3:] = Sobol(3, scramble=False).random(_POSES)
        poses = lower + poses * (upper - lower)
        poses = poses[self._may_show(self.model.frames(poses)[:, 6, :3, 3])]
        poses = poses[self._keeps_distal_away(poses)]
        centers_m = self.model.place(poses, LEAST_WIDTH_M).centers_m[:, _DISTAL]
        seen_px = self._seen_px(centers_m)
        order = np.argsort(-seen_px, kind="stable")[:_SEEN]
        return poses[order][seen_px[order] > 0.0]

    @cached_property
    def limits_rad(self) -> tuple[Floats, Floats]:
        lower, upper = joint_limits(self.model.mount.zero_offset_rad)
        return lower + _FROM_STOPS_RAD, upper - _FROM_STOPS_RAD

    def best(self, poses: Floats, most: int, known: Sequence[tuple[float, Floats]] = ()) -> list[tuple[float, Floats]]:
        """What the first `most` free ones of these poses (N, 6) show, and those known before, the best first."""
        rated = list(known)
        for joints in poses[self._is_free(poses)][:most]:
            beaten = sorted((shows for shows, _ in rated), reverse=True)[_BEST : _BEST + 1]
            rated.append((self._shows(joints, *beaten), joints))
        return sorted(rated, key=lambda one: one[0], reverse=True)

    def _is_free(self, poses: Floats) -> NDArray[np.bool_]:
        """(N,) whether an arm at poses (N, 6) meets nothing and keeps away, though any one joint is forced."""
        lower, upper = self.limits_rad
        free: NDArray[np.bool_] = np.all((poses >= lower) & (poses <= upper), axis=1)
        for is_free in (self._keeps_distal_away, self.checker.free):
            free[free] = is_free((poses[free][:, None] + _FORCED).reshape(-1, 6)).reshape(-1, len(_FORCED)).all(axis=1)
        return free

    def _keeps_distal_away(self, poses: Floats) -> NDArray[np.bool_]:
        """(N,) whether forearm and hand do, at poses (N, 6)."""
        centers_m = self.model.place(poses, LEAST_WIDTH_M).centers_m[:, _DISTAL]
        return np.asarray(self._keeps_away(centers_m, _RADIUS_M).all(axis=1))

    def _keeps_away(self, points_m: Floats, radius_m: Floats | float = 0.0) -> NDArray[np.bool_]:
        """(...) whether balls (..., 3), world, are high enough, far from the camera and on their own side."""
        from_camera_m = np.linalg.norm(points_m - invert(self.T_camera_world)[:3, 3], axis=-1)
        away = [points_m[..., 2] - radius_m >= _HEIGHT_M, from_camera_m - radius_m >= _FROM_CAMERA_M]
        away += [(points_m[..., :2] - at_m) @ way - radius_m >= _OWN_SIDE_M for at_m, way in self.sides]
        return np.all(away, axis=0)

    def _may_show(self, points_m: Floats) -> NDArray[np.bool_]:
        """(N,) whether points (N, 3), world, keep away and are not far out of the picture."""
        pixels, depth_m = self._pixels(points_m)
        k = self.view.intrinsics
        beside = np.abs(pixels - [k.cx, k.cy]) <= _BESIDE * np.array([k.width, k.height])
        return self._keeps_away(points_m) & (depth_m > _NEAREST_M) & beside.all(axis=-1)

    def _seen_px(self, centers_m: Floats) -> Floats:
        """(N,) how wide those of an arm's balls (N, S, 3), world, are together that are in the picture."""
        pixels, depth_m = self._pixels(centers_m)
        k = self.view.intrinsics
        inside = (depth_m > _NEAREST_M) & ((pixels >= 0) & (pixels < [k.width, k.height])).all(axis=-1)
        return (inside * _RADIUS_M * k.fx / depth_m).sum(axis=-1)

    def _pixels(self, points_m: Floats) -> tuple[Floats, Floats]:
        """Where points (..., 3), world, are in the picture (..., 2), and how far from the camera's plane (...) [m]."""
        seen_m = apply(self.T_camera_world, points_m.reshape(-1, 3))
        seen_m[:, 2] = np.maximum(seen_m[:, 2], _NEAREST_M)
        pixels = self.view.intrinsics.project(seen_m)
        return pixels.reshape(*points_m.shape[:-1], 2), seen_m[:, 2].reshape(points_m.shape[:-1])

    def _shows(self, joints_rad: Floats, least: float = -np.inf) -> float:
        """How many edges the joint moves that shows least, with what else a pose is judged by; of one that comes to
        less than `least` no more than that."""
        turns, moved = ArmTurns(self.view, joints_rad), np.full(6, _ENOUGH)
        base, far = _ENOUGH_BASE, float(np.abs(joints_rad - PARK_JOINTS).max())
        shows = np.inf
        for joint, turn_rad in product(reversed(range(6)), (-FORCED_RAD, FORCED_RAD)):
            turned = turns.turned(joint, turn_rad)
            moved[joint] = min(moved[joint], turns.apart(turned, _SAME_PX))
            base = min(base, len(turned.of_link(BASE).pixels))
            shows = float(moved.min() + _OTHERS * moved.mean()) + 2.0 * base - _FAR * far
            if shows < least:
                break
        return shows
