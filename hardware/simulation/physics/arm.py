"""One arm inside the physics: motors, encoders and the force between its pads (an `ArmPlant`)."""

from contextlib import AbstractContextManager

import mujoco
import numpy as np
from numpy.typing import NDArray

from hardware.simulation.physics.model import FINGER_STIFFNESS_N_M, SERVO_LAG_S, STIFFNESS_NM_RAD

#: Speed of each finger when nothing stops it [m/s].
FINGER_SPEED_M_S = 0.08


class SimulatedArm:
    """The plant of one arm. It outlives the model, which is compiled anew for every scene."""

    def __init__(self, name: str, joints_rad: NDArray[np.float64], lock: AbstractContextManager) -> None:
        """lock: keeps who reads contacts out of a step in another thread."""
        self.name = name
        self._lock = lock
        self._targets_rad = joints_rad.copy()
        self._width_m, self._force_n = 0.0, 10.0
        self._is_powered = True

    def bind(self, model: mujoco.MjModel, data: mujoco.MjData, joints_rad: NDArray[np.float64], width_m: float) -> None:
        """Finds itself in a freshly compiled model and takes its place there."""
        self._model, self._data = model, data
        joints = [model.joint(f"{self.name}_joint{k}") for k in range(1, 9)]
        self._qpos = np.array([joint.qposadr[0] for joint in joints])
        self._dofs = np.array([joint.dofadr[0] for joint in joints])
        self._motors = np.array([model.actuator(f"{self.name}_joint{k}").id for k in range(1, 8)])
        names = [model.body(b).name for b in range(model.nbody)]
        self._bodies = np.array([b for b, name in enumerate(names) if name.startswith(f"{self.name}_")])
        self.finger_bodies = tuple(model.body(f"{self.name}_{link}").id for link in ("link7", "link8"))
        self.hand_body = model.body(f"{self.name}_link6").id
        data.qpos[self._qpos] = [*joints_rad, width_m / 2, width_m / 2]
        self.set_power(self._is_powered)
        self.drive_joints(self._targets_rad)
        data.act[model.actuator_actadr[self._motors[:6]]] = self._targets_rad
        self.drive_gripper(self._width_m, self._force_n)

    def drive_joints(self, targets_rad: NDArray[np.float64]) -> None:
        """Sets the servo targets (6,) [rad]."""
        self._targets_rad = np.array(targets_rad, float)
        self._data.ctrl[self._motors[:6]] = self._targets_rad

    def drive_gripper(self, width_m: float, force_n: float) -> None:
        """Moves the pads towards an opening; each presses with at most `force_n` on what stops it."""
        self._width_m, self._force_n = float(width_m), float(force_n)
        model, motor = self._model, self._motors[6]
        both = 2.0 * max(force_n, 0.5)  # one motor drives both fingers
        self._data.ctrl[motor] = width_m / 2
        model.actuator_forcerange[motor] = (-both, both)
        model.dof_damping[self._dofs[6:]] = both / FINGER_SPEED_M_S / 2

    def set_power(self, on: bool) -> None:
        """Off takes torque and gravity compensation away: the arm falls against its gears' friction."""
        self._is_powered = on
        model = self._model
        stiffness = np.append(STIFFNESS_NM_RAD, FINGER_STIFFNESS_N_M) * on
        model.actuator_gainprm[self._motors, 0] = stiffness
        model.actuator_biasprm[self._motors, 1] = -stiffness
        model.actuator_biasprm[self._motors[:6], 2] = -stiffness[:6] * SERVO_LAG_S
        model.body_gravcomp[self._bodies] = float(on)

    def joints_rad(self) -> NDArray[np.float64]:
        return self._data.qpos[self._qpos[:6]].copy()

    def velocities_rad_s(self) -> NDArray[np.float64]:
        return self._data.qvel[self._dofs[:6]].copy()

    def torques_nm(self) -> NDArray[np.float64]:
        """Motor torques (6,): what the servos and the gravity compensation give together."""
        data, dofs = self._data, self._dofs[:6]
        return data.qfrc_actuator[dofs] + data.qfrc_gravcomp[dofs]

    def gripper_width_m(self) -> float:
        return float(self._data.qpos[self._qpos[6:]].sum())

    def gripper_force_n(self) -> float:
        """Mean force of the two pads along their closing axis; 0 unless both press on something."""
        forces, wrench = np.zeros(2), np.zeros(6)
        with self._lock:
            model, data = self._model, self._data
            pairs = model.geom_bodyid[data.contact.geom]
            touching = [np.flatnonzero((pairs == body).any(1)) for body in self.finger_bodies]
            if not all(map(len, touching)):
                return 0.0
            for side, body in enumerate(self.finger_bodies):
                opening = data.xmat[body].reshape(3, 3)[:, 2]
                for contact in touching[side]:
                    mujoco.mj_contactForce(model, data, contact, wrench)
                    on_second = data.contact.frame[contact].reshape(3, 3).T @ wrench[:3]
                    forces[side] += (1.0 if pairs[contact, 1] == body else -1.0) * (on_second @ opening)
        return float(forces.mean()) if (forces > 0).all() else 0.0
