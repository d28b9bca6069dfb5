"""What comes near what in a gate's world, by name: every contact is seen, or none is told."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.cell import Cell
from hardware.robot.description import Firmware, urdf

#: Room for some 45,000 contacts [bytes]: what is held amid neighbours makes 15,000, a good pick 500.
_ROOM = 64 * 2**20
_CONTACTS_FULL = int(mujoco.mjtWarning.mjWARN_CONTACTFULL)
_CORNERS = np.array(list(product((-1.0, 1.0), repeat=3)))
_NO_PAIRS, _NO_GAPS = np.zeros(0, np.intp), np.zeros(0)


@dataclass(frozen=True)
class Touch:
    """Two named things nearer than their world looks; gap_m is negative where they overlap."""

    moving: str
    other: str
    gap_m: float


@dataclass(frozen=True)
class Encounter:
    """Two named things that come near one another on a way: in which of its configurations (K,), and how near (K,)."""

    moving: str
    other: str
    numbers: NDArray[np.intp]
    gaps_m: NDArray[np.float64]


def empty_world() -> mujoco.MjSpec:
    """With room for contacts."""
    spec = mujoco.MjSpec()
    spec.memory = _ROOM
    return spec


def add_arm(spec: mujoco.MjSpec, cell: Cell, arm: str) -> None:
    """Stands an arm of the cell where it is mounted, its bodies and joints called `ARM/...`."""
    mount = cell.arms[arm]
    child = _parsed(mount.firmware, mount.gripper_stroke_m).copy()
    # Worked out here, not by the planner's `T_world_base`.
    lean = Rotation.from_rotvec([*mount.tilt_rad, 0.0]) * Rotation.from_euler("z", mount.yaw_rad)
    frame = spec.worldbody.add_frame(pos=mount.base_m, quat=lean.as_quat(scalar_first=True))
    spec.attach(child, prefix=f"{arm}/", frame=frame)


@cache
def _parsed(firmware: Firmware, gripper_stroke_m: float) -> mujoco.MjSpec:
    return mujoco.MjSpec.from_string(urdf(firmware, gripper_stroke_m))


def measure_from(spec: mujoco.MjSpec, body: mujoco.MjsBody) -> None:
    """Makes a body's boxes the same boxes as any convex shape: of two boxes near one another MuJoCo tells that they
    overlap, but not how near they are; of every other pair it does."""
    for number, geom in enumerate(body.geoms):
        if geom.type == mujoco.mjtGeom.mjGEOM_BOX:
            name = f"{body.name} {number}"
            spec.add_mesh(name=name, uservert=(_CORNERS * geom.size).ravel())
            geom.type, geom.meshname = mujoco.mjtGeom.mjGEOM_MESH, name


class Contacts:
    """A compiled world: where its joints are is written to `qpos`, and told is what touches then.

    names: of each body. moves: of a name, whether it is of those whose touches are told.
    """

    def __init__(self, model: mujoco.MjModel, names: Sequence[str], moves: Callable[[str], bool]) -> None:
        self.model, self.data, self.names = model, mujoco.MjData(model), names
        self.is_own = np.array([moves(name) for name in names])
        # Views: to ask for an array takes as long as to read it.
        self.qpos, self._body_of = self.data.qpos, model.geom_bodyid
        self._bits = np.array([model.geom_contype, model.geom_conaffinity])
        self._body_bits = np.array([model.body_contype, model.body_conaffinity])
        self.place()
        # From here on what cannot move stays where it was placed: hundreds of boxes, two thirds of the time.
        model.opt.enableflags |= int(mujoco.mjtEnableBit.mjENBL_SLEEP)

    def addresses(self, arm: str, joints: tuple[str, ...]) -> NDArray[np.intp]:
        """Where in `qpos` an arm's joints are."""
        return np.array([self.model.joint(f"{arm}/{joint}").qposadr[0] for joint in joints], np.intp)

    def hide(self, absent: Collection[str]) -> None:
        """Which named things are not there from now on: compiling a world for each is what takes time."""
        model, is_absent = self.model, np.isin(self.names, list(absent))
        geoms = np.where(is_absent[model.geom_bodyid], 0, self._bits)
        bodies = np.where(is_absent, 0, self._body_bits)
        model.geom_contype[:], model.geom_conaffinity[:] = geoms
        model.body_contype[:], model.body_conaffinity[:] = bodies

    def place(self) -> None:
        """Works out where everything is by `qpos`."""
        mujoco.mj_kinematics(self.model, self.data)

    def along(
        self, places: NDArray[np.float64], is_looked_at: NDArray[np.bool_], body: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], list[Encounter]]:
        """Takes what moves through configurations `qpos` (M, Q).

        Returns where a body is in each (M, 3), how it is turned (M, 3, 3), and what meets in those that are looked
        at (M,); raises as `touches`.
        """
        at_m, turned = np.empty((len(places), 3)), np.empty((len(places), 3, 3))
        body_m, body_turned = self.data.xpos[body], self.data.xmat[body].reshape(3, 3)
        numbers, pairs, gaps_m = [0], [_NO_PAIRS], [_NO_GAPS]
        for number, looks in enumerate(is_looked_at.tolist()):
            self.qpos[:] = places[number]
            self.place()
            at_m[number], turned[number] = body_m, body_turned
            if looks and self._collide():
                pair, gap_m = self._pairs()
                numbers.append(number)
                pairs.append(pair)
                gaps_m.append(gap_m)
        at = np.repeat(numbers, [len(pair) for pair in pairs])
        return at_m, turned, list(self._encounters(at, np.concatenate(pairs), np.concatenate(gaps_m)))

    def touches(self) -> list[Touch]:
        """What those that move come near to where they were placed: of two things of one name each, the nearest.

        Raises:
            RuntimeError, mujoco.FatalError: there are more contacts than MuJoCo has room for.
        """
        if not self._collide():
            return []
        pair, gap_m = self._pairs()
        farthest_first = np.argsort(-gap_m)
        nearest = dict(zip(pair[farthest_first].tolist(), gap_m[farthest_first].tolist(), strict=True))
        return [Touch(*self._names_of(one), gap_m) for one, gap_m in nearest.items()]

    def _collide(self) -> int:
        """How many contacts there are; raises as `touches`."""
        mujoco.mj_collision(self.model, self.data)
        count = self.data.ncon
        if count and self.data.warning[_CONTACTS_FULL].number:
            raise RuntimeError("more contacts than there is room for")
        return count

    def _pairs(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Of each contact its two bodies as one number (N,) that `_names_of` reads, and how near they are (N,)."""
        contact, count = self.data.contact, len(self.names)
        first, second = self._body_of[contact.geom].T
        return np.where(self.is_own[first], first * count + second, second * count + first), contact.dist.copy()

    def _names_of(self, pair: int) -> tuple[str, str]:
        """What moves, and what it comes near to."""
        return self.names[pair // len(self.names)], self.names[pair % len(self.names)]

    def _encounters(self, at: NDArray, pairs: NDArray, gaps_m: NDArray) -> Iterator[Encounter]:
        """at, pairs, gaps_m: (N,), of each contact in which configuration it is, rising, of whom, how near."""
        for pair in np.unique(pairs).tolist():
            of_these = pairs == pair
            numbers, gap_m = at[of_these], gaps_m[of_these]
            first = np.flatnonzero(np.diff(numbers, prepend=-1))
            yield Encounter(*self._names_of(pair), numbers[first], np.minimum.reduceat(gap_m, first))
