"""Two arms and what they hold, in one MuJoCo world that knows of contacts between the two alone."""

from collections.abc import Mapping

import mujoco
import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.transforms import apply, invert
from grasping.planning.gate.boxes import add_boxes, standing, upright_boxes
from grasping.planning.gate.contacts import Contacts, Touch, add_arm, empty_world, measure_from
from grasping.planning.grasp_plan import GraspPlan
from hardware.robot.description import ARM_JOINTS, FINGER_JOINTS, TCP_OFFSET_M

#: Distances are measured up to here [m].
SEEN_M = 0.06
#: What is held is a box around its points in each column of this width [m].
_COLUMN_M = 0.02


class PairWorld:
    """Both arms free to move, their fingers as wide as they ever are.

    held_m: by arm, the points (M, 3) of its object where it stood, world.
    """

    def __init__(
        self, cell: Cell, carrying: GraspPlan, reaching: GraspPlan, held_m: Mapping[str, NDArray[np.float64]]
    ) -> None:
        self._arms = carrying.arm, reaching.arm
        model = _compile(cell, (carrying, reaching), held_m)
        names = [model.body(body).name.replace("/", " ") for body in range(model.nbody)]
        self._contacts = Contacts(model, names, lambda name: name.startswith(f"{carrying.arm} "))
        self._joints = [self._contacts.addresses(arm, ARM_JOINTS) for arm in self._arms]
        for plan in (carrying, reaching):
            self._contacts.qpos[self._contacts.addresses(plan.arm, FINGER_JOINTS)] = plan.pre_open_m / 2
        self._hold: tuple[bool, ...] = (True, True)

    def touches(self, carry_rad: NDArray, reach_rad: NDArray, hold: NDArray[np.bool_]) -> list[Touch]:
        """What of the carrying arm comes within SEEN_M of the other, with joints (6,) each and hold (2,), whether each
        holds its object; raises as `Contacts.touches`."""
        for addresses, joints in zip(self._joints, (carry_rad, reach_rad), strict=True):
            self._contacts.qpos[addresses] = joints
        if (now := tuple(map(bool, hold))) != self._hold:
            self._hold = now
            self._contacts.hide([f"{arm} held" for arm, is_there in zip(self._arms, now, strict=True) if not is_there])
        self._contacts.place()
        return self._contacts.touches()


def _compile(
    cell: Cell, plans: tuple[GraspPlan, GraspPlan], held_m: Mapping[str, NDArray[np.float64]]
) -> mujoco.MjModel:
    spec = empty_world()
    for number, plan in enumerate(plans):
        add_arm(spec, cell, plan.arm)
        # Of each arm's own nothing meets another; margins of two things add up.
        bits = (1 - number, number, SEEN_M / 2)
        for body in spec.bodies:
            if body.name.startswith(f"{plan.arm}/"):
                for geom in body.geoms:
                    geom.contype, geom.conaffinity, geom.margin = bits
        hand = spec.body(f"{plan.arm}/gripper_base")
        held = hand.add_body(name=f"{plan.arm}/held", pos=[0.0, 0.0, TCP_OFFSET_M])
        points_m = apply(invert(plan.T_world_tcp), standing(_demand_points(held_m[plan.arm])))
        add_boxes(spec, held, upright_boxes(points_m, column_m=_COLUMN_M, gap_m=np.inf), *bits)
    for body in spec.bodies:
        if body.name.startswith(f"{plans[0].arm}/"):
            measure_from(spec, body)
    return spec.compile()


def _demand_points(points_m: NDArray) -> NDArray:
    """The points, where there are any: without them the arms would be checked as if they held nothing.

    Raises:
        ValueError: nothing is known of what is held.
    """
    if not len(points_m) or not np.isfinite(points_m).all():
        raise ValueError("where the object is that is held is unknown")
    return points_m
