"""Contacts, motors and gravity of the digital cell: MuJoCo behind the names the rest of Vitro uses."""

import threading
from collections.abc import Mapping, Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.errors import ConfigurationError, VitroError, did_you_mean
from core.surfaces import SURFACES
from core.transforms import Matrix
from hardware.robot.description import PARK_JOINTS, SHAPES
from hardware.robot.kinematics import link_poses
from hardware.simulation.physics.arm import SimulatedArm
from hardware.simulation.physics.lift import ON_TABLE, LiftWatch
from hardware.simulation.physics.model import body_pose, build_model, is_at_rest
from hardware.simulation.scene.meshes import Primitive
from hardware.simulation.scene.scene import PlacedObject, RobotShape, SceneObject
from hardware.world import Verdict

#: Steps between looks of the lift watch (10 ms at the default step).
WATCH_EVERY = 5
#: At rest: slower than this [m/s, rad/s] for so long.
REST_SPEED, REST_TURN, REST_S = 0.004, 0.05, 0.1
#: Round things rock for up to 5 s; what rocks on looks otherwise in the picture before the motion.
SETTLES_S = 10.0


class CellPhysics:
    """The cell's bodies in motion. One lock keeps readers out of a step in another thread."""

    def __init__(self, cell: Cell, timestep_s: float = 0.002) -> None:
        self.cell = cell
        self.timestep_s = timestep_s
        self.lock = threading.RLock()
        self._objects: tuple[SceneObject, ...] = ()
        self._steps = 0
        self._arms = {name: SimulatedArm(name, PARK_JOINTS, self.lock) for name in cell.arms}
        self.model: mujoco.MjModel
        self.data: mujoco.MjData
        self._compile((), "diffuse", {name: (PARK_JOINTS, 0.0) for name in cell.arms}, 0.0)

    def load(
        self,
        objects: Sequence[tuple[SceneObject, Matrix]],
        surface: str = "diffuse",
        joints_rad: Mapping[str, NDArray[np.float64]] | None = None,
    ) -> None:
        """Replaces what lies on the table. Arms stay as they are, or go at once to the joints given.

        Raises:
            ConfigurationError: no such surface.
        """
        if surface not in SURFACES:
            raise ConfigurationError(
                f"There is no surface '{surface}'.{did_you_mean(surface, SURFACES)}",
                f"Choose one of: {', '.join(SURFACES)}.",
            )
        with self.lock:
            poses = {name: (arm.joints_rad(), arm.gripper_width_m()) for name, arm in self._arms.items()}
            for name, joints in (joints_rad or {}).items():
                poses[name] = (np.array(joints, float), poses[name][1])
                self._arms[name].drive_joints(joints)
            self._compile(tuple(objects), surface, poses, self.data.time)

    def _compile(
        self,
        objects: tuple[tuple[SceneObject, Matrix], ...],
        surface: str,
        poses: Mapping[str, tuple[NDArray[np.float64], float]],
        time_s: float,
    ) -> None:
        self._objects = tuple(item for item, _ in objects)
        self.model = build_model(self.cell, objects, surface, self.timestep_s)
        self.data = mujoco.MjData(self.model)
        self.data.time = time_s
        for name, arm in self._arms.items():
            arm.bind(self.model, self.data, *poses[name])
        mujoco.mj_forward(self.model, self.data)
        self.watch_from_here()

    def watch_from_here(self) -> None:
        """Forgets the lifts so far: a verdict is of what happens to the objects from where they are now."""
        with self.lock:
            self._watch = LiftWatch(self.model, self.data, tuple(self._arms.values()), self._objects, self.cell)

    def forget(self, hand: str) -> None:
        """The same of what this arm's hand held, and of nothing else."""
        with self.lock:
            self._watch.forget(hand)

    @property
    def time_s(self) -> float:
        """Simulated seconds since construction; staging a scene takes none."""
        return float(self.data.time)

    def step(self, count: int = 1) -> None:
        """Lets `count` time steps pass.

        Raises:
            VitroError: the integration diverged.
        """
        with self.lock:
            while count > 0:
                batch = min(count, WATCH_EVERY - self._steps % WATCH_EVERY)
                mujoco.mj_step(self.model, self.data, nstep=batch)
                self._steps += batch
                count -= batch
                if self._steps % WATCH_EVERY == 0:
                    self._watch.observe()
            if not np.isfinite(self.data.qacc).all():
                raise VitroError(
                    "The simulated physics diverged.", "Run the trial with another --seed and report this one."
                )

    def settle(self, max_s: float = SETTLES_S) -> bool:
        """Whether the objects come to rest; lets them, outside time, then watches for lifts from there."""
        with self.lock:
            start_s, quiet = self.data.time, 0
            first = np.array([self.model.joint(f"object{k}").dofadr[0] for k in range(len(self._objects))], int)
            dofs = (first[:, None] + np.arange(6)).ravel()
            for _ in range(round(max_s / self.timestep_s)):
                mujoco.mj_step(self.model, self.data)
                quiet = quiet + 1 if is_at_rest(self.data.qvel[dofs], REST_SPEED, REST_TURN) else 0
                if quiet * self.timestep_s >= REST_S:
                    break
            self.data.time = start_s
            self.watch_from_here()
            return quiet * self.timestep_s >= REST_S

    def object_poses(self) -> tuple[PlacedObject, ...]:
        """Every object where it is now; instance ids count from 1 in the order loaded."""
        with self.lock:
            poses = [body_pose(self.data, f"object{k}") for k in range(len(self._objects))]
        return tuple(PlacedObject(o, T, k) for k, (o, T) in enumerate(zip(self._objects, poses, strict=True), start=1))

    def plant(self, arm_name: str) -> SimulatedArm:
        """The motors and encoders of one arm; stays valid when another scene is loaded."""
        return self._arms[arm_name]

    def robot_shapes(self) -> tuple[RobotShape, ...]:
        """Both arms' visible primitives at the present joints and finger openings."""
        shapes = []
        with self.lock:
            for name, mount in self.cell.arms.items():
                arm = self._arms[name]
                poses = link_poses(arm.joints_rad(), arm.gripper_width_m(), mount.firmware)
                for link in SHAPES:
                    for shape in SHAPES[link]:
                        T = mount.T_world_base @ poses[link] @ shape.T_link_shape
                        shapes.append(RobotShape(Primitive(shape.kind, shape.size_m, shape.T_link_shape), T, shape.rgb))
        return tuple(shapes)

    def objects_left(self) -> int:
        """How many objects are neither in the bin nor off the table."""
        with self.lock:
            return self._watch.places().count(ON_TABLE)

    def verdict(self, hand: str = "") -> Verdict:
        """Whether a proper lift, by one hand where it is named, has happened since the watch began, and where its
        object is now."""
        with self.lock:
            return self._watch.verdict(hand)
