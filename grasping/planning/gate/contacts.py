"""What comes near what in a gate's world, by name: every contact is seen, or none is told."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.cell import Cell
from hardware.robot.description import urdf

#: Room for some 45,000 contacts [bytes]: what is held amid neighbours makes 15,000, a good pick 500.
_ROOM = 64 * 2**20
_CONTACTS_FULL = int(mujoco.mjtWarning.mjWARN_CONTACTFULL)


@dataclass(frozen=True)
class Touch:
    """Two named things nearer than their world looks; gap_m is negative where they overlap."""

    moving: str
    other: str
    gap_m: float


def empty_world() -> mujoco.MjSpec:
    """With room for contacts."""
    spec = mujoco.MjSpec()
    spec.memory = _ROOM
    return spec


def add_arm(spec: mujoco.MjSpec, cell: Cell, arm: str) -> None:
    """Stands an arm of the cell where it is mounted, its bodies and joints called `ARM/...`."""
    mount = cell.arms[arm]
    child = mujoco.MjSpec.from_string(urdf(mount.firmware, mount.gripper_stroke_m))
    # Worked out here, not by the planner's `T_world_base`.
    lean = Rotation.from_rotvec([*mount.tilt_rad, 0.0]) * Rotation.from_euler("z", mount.yaw_rad)
    frame = spec.worldbody.add_frame(pos=mount.base_m, quat=lean.as_quat(scalar_first=True))
    spec.attach(child, prefix=f"{arm}/", frame=frame)


class Contacts:
    """A compiled world: where its joints are is written to `qpos`, and told is what touches then.

    names: of each body. moves: of a name, whether it is of those whose touches are told.
    """

    def __init__(self, model: mujoco.MjModel, names: Sequence[str], moves: Callable[[str], bool]) -> None:
        self.model, self.data, self.names = model, mujoco.MjData(model), names
        self.is_own = np.array([moves(name) for name in names])
        self.qpos = self.data.qpos  # a view: to ask for an array takes as long as to read it
        self._bits = np.array([model.geom_contype, model.geom_conaffinity])
        self._body_bits = np.array([model.body_contype, model.body_conaffinity])

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

    def touches(self) -> Iterator[Touch]:
        """What those that move come near to where they were placed: of two things of one name each, the nearest.

        Raises:
            RuntimeError: there are more contacts than MuJoCo has room for, and it leaves out the rest.
        """
        mujoco.mj_collision(self.model, self.data)
        if not self.data.ncon:
            return
        if self.data.warning[_CONTACTS_FULL].number:
            raise RuntimeError("more contacts than there is room for")
        contact, count = self.data.contact, len(self.names)
        body, gap = self.model.geom_bodyid[contact.geom], contact.dist
        first, second = body.T
        pair = np.where(self.is_own[first], first * count + second, second * count + first)
        farthest_first = np.argsort(-gap)
        nearest = dict(zip(pair[farthest_first].tolist(), gap[farthest_first].tolist(), strict=True))
        for number, gap_m in nearest.items():
            yield Touch(self.names[number // count], self.names[number % count], gap_m)
