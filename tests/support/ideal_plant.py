"""An arm without mass or friction, for tests: joints and fingers run after their targets."""

import numpy as np


class IdealPlant:
    """`ArmPlant` whose joints follow with a time constant, of 10 ms at first; `object_width_m` stops the fingers."""

    def __init__(self, joints_rad=(0.0, 0.06, -0.06, 0.0, -0.5, 0.0), timestep_s: float = 0.002):
        self._joints = np.array(joints_rad, float)
        self._targets = self._joints.copy()
        self._velocities = np.zeros(6)
        self._timestep_s = timestep_s
        self._width_m = 0.03
        self._wanted_width_m = 0.03
        self._force_n = 0.0
        self.object_width_m = 0.0
        self.power = False
        self.max_speed_rad_s, self.lag_s = np.inf, 0.01
        self.bent_rad = np.zeros(6)  # by a load: so far from its targets it comes to rest

    def step(self) -> None:
        if self.power:
            limit = self.max_speed_rad_s * self._timestep_s
            missing = self._targets + self.bent_rad - self._joints
            move = np.clip(missing * (1 - np.exp(-self._timestep_s / self.lag_s)), -limit, limit)
            self._joints = self._joints + move
            self._velocities = move / self._timestep_s
        travel = 0.1 * self._timestep_s
        width = self._width_m + np.clip(self._wanted_width_m - self._width_m, -travel, travel)
        self._width_m = max(width, self.object_width_m) if self._width_m >= self.object_width_m else width

    def drive_joints(self, targets_rad) -> None:
        self._targets = np.array(targets_rad, float)

    def drive_gripper(self, width_m: float, force_n: float) -> None:
        self._wanted_width_m, self._force_n = width_m, force_n

    def set_power(self, on: bool) -> None:
        self.power = on

    def joints_rad(self):
        return self._joints

    def velocities_rad_s(self):
        return self._velocities

    def torques_nm(self):
        return np.zeros(6)

    def gripper_width_m(self) -> float:
        return self._width_m

    def gripper_force_n(self) -> float:
        touching = self.object_width_m > 0 and self._width_m <= self.object_width_m + 1e-9
        return self._force_n if touching else 0.0
