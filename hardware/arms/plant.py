"""What an emulated arm controller drives: the digital cell's physics, or an ideal servo in tests."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class ArmPlant(Protocol):
    """Motors and encoders of one arm, without the CAN protocol."""

    def drive_joints(self, targets_rad: NDArray[np.float64]) -> None: ...

    def drive_gripper(self, width_m: float, force_n: float) -> None: ...

    def set_power(self, on: bool) -> None:
        """Off lets the arm fall, as the real one does."""
        ...

    def joints_rad(self) -> NDArray[np.float64]: ...

    def velocities_rad_s(self) -> NDArray[np.float64]: ...

    def torques_nm(self) -> NDArray[np.float64]: ...

    def gripper_width_m(self) -> float: ...

    def gripper_force_n(self) -> float:
        """Force with which the fingers press on what they hold, 0 when they hold nothing."""
        ...
