"""The gate's own world: both arms from their URDF, table, bin, fixtures and perceived objects, in MuJoCo.

Shares no code with the planner, so that one mistake cannot pass both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import mujoco
import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.transforms import Matrix
from grasping.planning.gate.boxes import add_boxes, upright_boxes
from grasping.planning.gate.contacts import Contacts, Encounter, Touch, add_arm, empty_world, measure_from
from grasping.planning.gate.fixtures import add_fixtures
from hardware.robot.description import ARM_JOINTS, FINGER_JOINTS, TCP_OFFSET_M

#: Clearance is measured up to this distance [m].
CLEARANCE_SEEN_M = 0.02
_OTHER_FINGERS_M = 0.04
# Collision bits: the moving arm meets itself and the world; what it holds meets the world and the upper links.
_ARM, _HELD = 1, 2
_MEETS_HELD = ("base_link", "link1", "link2", "link3", "link4", "link5")


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
        #: Of each body: `left link3`, or what kind of thing, `table`, `bin`, `object`, `target`, `held`; fixtures as
        #: `add_fixtures` calls them.
        bodies = [self.model.body(body).name for body in range(self.model.nbody)]
        names = [{"world": "object"}.get(name, name.replace("/", " ")) for name in bodies]
        self._contacts = Contacts(self.model, names, lambda name: name.startswith((f"{self.arm} ", "held")))
        for name, joints in self.measured.items():
            self._contacts.qpos[self._contacts.addresses(name, ARM_JOINTS)] = joints
            self._contacts.qpos[self._contacts.addresses(name, FINGER_JOINTS)] = _OTHER_FINGERS_M
        self._joints, self._fingers = (self._contacts.addresses(self.arm, of) for of in (ARM_JOINTS, FINGER_JOINTS))
        self._hand = self.model.body(f"{self.arm}/gripper_base").id

    def show(self, target: bool = False, held: bool = False) -> None:
        """Which of what was given is there from now on."""
        self._contacts.hide([name for name, there in (("target", target), ("held", held)) if not there])

    def move(self, joints_rad: NDArray, gripper_width_m: float) -> Matrix:
        """Puts the arm there; the tool's pose (4, 4) in the world."""
        tools, _ = self.go(joints_rad[None], gripper_width_m, np.zeros(1, bool))
        return tools[0]

    def go(
        self, joints_rad: NDArray, gripper_width_m: float, is_looked_at: NDArray[np.bool_]
    ) -> tuple[Matrix, list[Encounter]]:
        """Takes the arm through configurations (M, 6).

        Returns the tool's poses (M, 4, 4) in the world, and what comes as near as `touches` tells in those that are
        looked at (M,); raises as that does.
        """
        places = np.tile(self._contacts.qpos, (len(joints_rad), 1))
        places[:, self._joints], places[:, self._fingers] = joints_rad, gripper_width_m / 2
        tools = np.tile(np.eye(4), (len(joints_rad), 1, 1))
        hand_m, tools[:, :3, :3], encounters = self._contacts.along(places, is_looked_at, self._hand)
        tools[:, :3, 3] = hand_m + TCP_OFFSET_M * tools[:, :3, 2]
        return tools, encounters

    def box_m(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest corner (3,), world, of a box around all of the arm where it was put."""
        own = self._contacts.is_own[self.model.geom_bodyid]
        middle_m, half_m = np.split(self.model.geom_aabb[own], 2, axis=1)
        turned = self._contacts.data.geom_xmat[own].reshape(-1, 3, 3)
        middle_m = self._contacts.data.geom_xpos[own] + (turned @ middle_m[:, :, None])[:, :, 0]
        half_m = (np.abs(turned) @ half_m[:, :, None])[:, :, 0]
        return (middle_m - half_m).min(axis=0), (middle_m + half_m).max(axis=0)

    def touches(self) -> list[Touch]:
        """What the arm, and what it holds, comes within CLEARANCE_SEEN_M of where it was put, and where it overlaps
        itself; raises as `Contacts.touches`."""
        return self._contacts.touches()

    def _compile(self) -> mujoco.MjModel:
        spec = empty_world()
        for name in self.cell.arms:
            add_arm(spec, self.cell, name)
            spec.add_exclude(bodyname1=f"{name}/base_link", bodyname2=f"{name}/link1")
        for body in spec.bodies:
            # Another arm than the one that moves is part of the world.
            arm, _, link = body.name.partition("/")
            if arm == self.arm:
                measure_from(spec, body)
            for geom in body.geoms:
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
        add_boxes(spec, spec.worldbody, upright_boxes(self.other_points_m, to_ground=True), *bits)
        add_boxes(spec, spec.worldbody.add_body(name="bin"), _bin_walls(self.cell), *bits)
        add_fixtures(spec, self.cell, *bits)
        if self.target_points_m is not None:
            add_boxes(spec, spec.worldbody.add_body(name="target"), upright_boxes(self.target_points_m), *bits)
        if self.held_points_tcp_m is not None:
            held = spec.body(f"{self.arm}/gripper_base").add_body(name="held", pos=[0.0, 0.0, TCP_OFFSET_M])
            add_boxes(spec, held, upright_boxes(self.held_points_tcp_m), _HELD, 0, 0.0)
        return spec.compile()


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
