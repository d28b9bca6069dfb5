"""The gate's own world: both arms from their URDF, table, bin and perceived objects, in MuJoCo.

Shares no code with the planner, so that one mistake cannot pass both.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.cell import Cell
from core.transforms import Matrix
from hardware.robot.description import ARM_JOINTS, FINGER_JOINTS, TCP_OFFSET_M, urdf

#: Clearance is measured up to this distance [m].
CLEARANCE_SEEN_M = 0.02
#: Points of one such square of the ground [m] become upright boxes that just hold them.
_CELL_M = 0.006
#: Gaps in height below this are closed [m]; boxes are at least this thick.
_GAP_M, _THIN_M = 0.02, 0.002
_OTHER_FINGERS_M = 0.04
#: What stands below an object's points is taken to be points so far apart [m].
_BELOW_M = 0.01
# Collision bits: the moving arm meets itself and the world; what it holds meets the world and the upper links.
_ARM, _HELD = 1, 2
_AT_ORIGIN = np.eye(4)
#: Room for some 45,000 contacts [bytes]: what is held amid neighbours makes 15,000, a good pick 500.
_ROOM = 64 * 2**20
_CONTACTS_FULL = int(mujoco.mjtWarning.mjWARN_CONTACTFULL)
_MEETS_HELD = ("base_link", "link1", "link2", "link3", "link4", "link5")


@dataclass(frozen=True)
class Touch:
    """Two named things nearer than CLEARANCE_SEEN_M; gap_m is negative where they overlap."""

    moving: str
    other: str
    gap_m: float


@dataclass
class GateWorld:
    """One arm free to move among what is around it; `touches` tells what it meets.

    target_points_m: the object to be grasped, where it stands (M, 3); None when it is gone.
    held_points_tcp_m: the same in the tool's frame when it is held; None when nothing is. Given both,
    `show` says which.
    """

    cell: Cell
    arm: str
    measured: Mapping[str, NDArray[np.float64]]
    other_points_m: NDArray[np.float64]
    target_points_m: NDArray[np.float64] | None = None
    held_points_tcp_m: NDArray[np.float64] | None = None
    model: mujoco.MjModel = field(init=False)

    def __post_init__(self) -> None:
        self.model = self._compile()
        self._data = mujoco.MjData(self.model)
        for name, joints in self.measured.items():
            self._data.qpos[self._addresses(name, ARM_JOINTS)] = joints
            self._data.qpos[self._addresses(name, FINGER_JOINTS)] = _OTHER_FINGERS_M
        self._joints, self._fingers = (self._addresses(self.arm, joints) for joints in (ARM_JOINTS, FINGER_JOINTS))
        hand = self.model.body(f"{self.arm}/gripper_base").id
        # Views of what MuJoCo works out: to ask for an array takes as long as to read it.
        self._qpos, self._hand_m = self._data.qpos, self._data.xpos[hand]
        self._hand_turned = self._data.xmat[hand].reshape(3, 3)
        #: Of each body: `left link3`, or what kind of thing, `table`, `bin`, `object`, `target`, `held`.
        bodies = [self.model.body(body).name for body in range(self.model.nbody)]
        self._names = [{"world": "object"}.get(name, name.replace("/", " ")) for name in bodies]
        self._is_own = np.array([name.startswith((f"{self.arm} ", "held")) for name in self._names])
        self._bits = np.array([self.model.geom_contype, self.model.geom_conaffinity])
        self._body_bits = np.array([self.model.body_contype, self.model.body_conaffinity])

    def show(self, target: bool = False, held: bool = False) -> None:
        """Which of what was given is there from now on: compiling a world for each is what takes time."""
        absent = [name for name, there in (("target", target), ("held", held)) if not there]
        model = self.model
        is_absent = np.isin(self._names, absent)
        geoms = np.where(is_absent[model.geom_bodyid], 0, self._bits)
        bodies = np.where(is_absent, 0, self._body_bits)
        model.geom_contype[:], model.geom_conaffinity[:] = geoms
        model.body_contype[:], model.body_conaffinity[:] = bodies

    def move(self, joints_rad: NDArray, gripper_width_m: float) -> Matrix:
        """Puts the arm there; the tool's pose (4, 4) in the world."""
        self._qpos[self._joints] = joints_rad
        self._qpos[self._fingers] = gripper_width_m / 2
        mujoco.mj_kinematics(self.model, self._data)
        T_world_tool = _AT_ORIGIN.copy()
        T_world_tool[:3, :3] = self._hand_turned
        T_world_tool[:3, 3] = self._hand_m + TCP_OFFSET_M * self._hand_turned[:, 2]
        return T_world_tool

    def box_m(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest corner (3,), world, of a box around all of the arm where it was put."""
        own = self._is_own[self.model.geom_bodyid]
        middle_m, half_m = np.split(self.model.geom_aabb[own], 2, axis=1)
        turned = self._data.geom_xmat[own].reshape(-1, 3, 3)
        middle_m = self._data.geom_xpos[own] + (turned @ middle_m[:, :, None])[:, :, 0]
        half_m = (np.abs(turned) @ half_m[:, :, None])[:, :, 0]
        return (middle_m - half_m).min(axis=0), (middle_m + half_m).max(axis=0)

    def touches(self) -> Iterator[Touch]:
        """What the arm, and what it holds, comes near to where it was put, and where it overlaps itself: of two things
        of one name each, the nearest.

        Raises:
            RuntimeError: there are more than MuJoCo has room for, and it leaves out the rest.
        """
        mujoco.mj_collision(self.model, self._data)
        if not self._data.ncon:
            return
        if self._data.warning[_CONTACTS_FULL].number:
            raise RuntimeError("more contacts than there is room for")
        contact, count = self._data.contact, len(self._names)
        body, gap = self.model.geom_bodyid[contact.geom], contact.dist
        first, second = body.T
        pair = np.where(self._is_own[first], first * count + second, second * count + first)
        farthest_first = np.argsort(-gap)
        nearest = dict(zip(pair[farthest_first].tolist(), gap[farthest_first].tolist(), strict=True))
        for number, gap_m in nearest.items():
            yield Touch(self._names[number // count], self._names[number % count], gap_m)

    def _addresses(self, arm: str, joints: tuple[str, ...]) -> NDArray[np.intp]:
        return np.array([self.model.joint(f"{arm}/{joint}").qposadr[0] for joint in joints], np.intp)

    def _compile(self) -> mujoco.MjModel:
        spec = mujoco.MjSpec()
        spec.memory = _ROOM
        for name, mount in self.cell.arms.items():
            child = mujoco.MjSpec.from_string(urdf(mount.firmware, mount.gripper_stroke_m))
            # Worked out here, not by the planner's `T_world_base`.
            lean = Rotation.from_rotvec([*mount.tilt_rad, 0.0]) * Rotation.from_euler("z", mount.yaw_rad)
            frame = spec.worldbody.add_frame(pos=mount.base_m, quat=lean.as_quat(scalar_first=True))
            spec.attach(child, prefix=f"{name}/", frame=frame)
            spec.add_exclude(bodyname1=f"{name}/base_link", bodyname2=f"{name}/link1")
        for body in spec.bodies:
            for geom in body.geoms:
                # Another arm than the one that moves is part of the world.
                arm, _, link = body.name.partition("/")
                # Clearance is measured to the world alone: the arm is always near itself, and MuJoCo misses some of
                # the overlaps of shapes that have a margin.
                geom.contype, geom.conaffinity, geom.margin = 0, _ARM | _HELD, CLEARANCE_SEEN_M
                if arm == self.arm:
                    geom.contype, geom.conaffinity = _ARM, _ARM | (_HELD if link in _MEETS_HELD else 0)
                    geom.margin = 0.0
        # Bodies of their own give things their names, and `show` can hide them. The many boxes of what stands around
        # belong to the world's own body: MuJoCo goes through all boxes of any other at every step.
        bits = (0, _ARM | _HELD, CLEARANCE_SEEN_M)
        table = spec.worldbody.add_body(name="table").add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[1, 1, 0.1])
        table.contype, table.conaffinity, table.margin = bits
        _add_boxes(spec.worldbody, upright_boxes(self.other_points_m, to_ground=True), *bits)
        _add_boxes(spec.worldbody.add_body(name="bin"), _bin_walls(self.cell), *bits)
        if self.target_points_m is not None:
            _add_boxes(spec.worldbody.add_body(name="target"), upright_boxes(self.target_points_m), *bits)
        if self.held_points_tcp_m is not None:
            held = spec.body(f"{self.arm}/gripper_base").add_body(name="held", pos=[0.0, 0.0, TCP_OFFSET_M])
            _add_boxes(held, upright_boxes(self.held_points_tcp_m), _HELD, 0, 0.0)
        return spec.compile()


def upright_boxes(points_m: NDArray, to_ground: bool = False) -> list[tuple[NDArray, NDArray]]:
    """Boxes (center, half sizes) that hold points (M, 3), column by column; down to z = 0 on request."""
    if not len(points_m):
        return []
    cell = np.floor(points_m[:, :2] / _CELL_M).astype(int)
    order = np.lexsort((points_m[:, 2], cell[:, 1], cell[:, 0]))
    points, cell = points_m[order], cell[order]
    breaks = (np.diff(cell, axis=0) != 0).any(axis=1) | ((np.diff(points[:, 2]) > _GAP_M) & (not to_ground))
    first = np.concatenate([[0], np.flatnonzero(breaks) + 1])
    low, high = np.minimum.reduceat(points, first), np.maximum.reduceat(points, first)
    if to_ground:
        low[:, 2] = np.minimum(low[:, 2], 0.0)
    return list(zip((low + high) / 2, np.maximum((high - low) / 2, _THIN_M / 2), strict=True))


def standing(points_m: NDArray) -> NDArray[np.float64]:
    """Points (M, 3) of a thing on the table, and (K, 3) of what nobody saw below them: it stands on something."""
    if not len(points_m):
        return points_m
    _, first = np.unique(np.round(points_m[:, :2] / _BELOW_M), axis=0, return_index=True)
    spots = points_m[first, :2]
    x, y, z = points_m[np.argsort(points_m[:, 0])].T
    begins, ends = np.searchsorted(x, spots[:, 0] - _BELOW_M), np.searchsorted(x, spots[:, 0] + _BELOW_M, "right")
    added: list[list[float]] = []
    for (x_m, y_m), begin, end in zip(spots.tolist(), begins.tolist(), ends.tolist(), strict=True):
        near = np.hypot(x[begin:end] - x_m, y[begin:end] - y_m) < _BELOW_M
        added += [[x_m, y_m, z_m] for z_m in np.arange(0.0, z[begin:end][near].min(), _BELOW_M)]
    return np.concatenate([points_m, np.reshape(added, (-1, 3))])


def _add_boxes(
    body: mujoco.MjsBody, boxes: Iterable[tuple[Any, Any]], contype: int, conaffinity: int, margin_m: float
) -> None:
    """Set one by one: as arguments they take three times as long."""
    box = mujoco.mjtGeom.mjGEOM_BOX
    for center, half in boxes:
        geom = body.add_geom()
        geom.type, geom.pos, geom.size, geom.mass = box, center, half, 0.0
        geom.contype, geom.conaffinity, geom.margin = contype, conaffinity, margin_m


def _bin_walls(cell: Cell) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    """(center, half sizes) of the bin's floor and walls; worked out here, not by the planner's `Bin.slabs`."""
    (x, y), (length, width, height) = cell.bin.center_m, cell.bin.size_m
    w, h = cell.bin.wall_m / 2, height / 2
    dx, dy = length / 2 - w, width / 2 - w
    return [
        ((x, y, w), (length / 2, width / 2, w)),
        ((x - dx, y, h), (w, width / 2, h)),
        ((x + dx, y, h), (w, width / 2, h)),
        ((x, y - dy, h), (length / 2, w, h)),
        ((x, y + dy, h), (length / 2, w, h)),
    ]
