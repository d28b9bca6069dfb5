"""The simulator's judge: was an object lifted between both fingers of one hand, and where did it end?"""

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from hardware.robot.description import TCP_OFFSET_M
from hardware.simulation.physics.arm import SimulatedArm
from hardware.simulation.scene.scene import SceneObject
from hardware.world import Verdict

#: A proper lift: centre this far above where it rested, for so long, sliding less than this in the hand.
LIFT_M, HOLD_S, SLIP_M = 0.05, 0.3, 0.02
#: The lift begins at this rise; contact may flicker for so long without ending a hold.
RISE_M, FLICKER_S = 0.003, 0.05
ON_TABLE, IN_BIN, OFF_TABLE = "on table", "in bin", "off the table"


@dataclass
class _Story:
    """What has happened to one object since it came to rest."""

    rest_m: float
    hand: str = ""
    #: The last hand that held it.
    holder: str = ""
    last_contact_s: float = -np.inf
    #: The object's point between the fingertips when it began to rise, in its own frame.
    anchor_m: NDArray[np.float64] | None = None
    slip_m: float = 0.0
    high_since_s: float | None = None
    best_rise_m: float = 0.0
    worst_slip_m: float = 0.0
    lifted_by: str = ""


class LiftWatch:
    """Watches every object from rest on; `observe` often, then ask for the `verdict`."""

    def __init__(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        arms: Sequence[SimulatedArm],
        objects: Sequence[SceneObject],
        cell: Cell,
    ) -> None:
        self._model, self._data, self._cell = model, data, cell
        self._arms, self._objects = arms, objects
        self._bodies = [model.body(f"object{k}").id for k in range(len(objects))]
        self._stories = [_Story(float(data.xipos[body, 2])) for body in self._bodies]
        fingers = [body for arm in arms for body in arm.finger_bodies]
        self._is_finger_geom = np.isin(model.geom_bodyid, fingers)

    def observe(self) -> None:
        """Notes contacts, heights and slip of this instant."""
        geoms = self._data.contact.geom
        pairs = self._model.geom_bodyid[geoms[self._is_finger_geom[geoms].any(1)]]
        touching = {(int(a), int(b)) for a, b in pairs} | {(int(b), int(a)) for a, b in pairs}
        for body, story in zip(self._bodies, self._stories, strict=True):
            for arm in self._arms:
                if all((finger, body) in touching for finger in arm.finger_bodies):
                    story.hand = story.holder = arm.name
                    story.last_contact_s = self._data.time
            if story.hand and self._data.time - story.last_contact_s > FLICKER_S:
                story.hand, story.anchor_m, story.slip_m, story.high_since_s = "", None, 0.0, None
            if story.hand:
                self._follow(body, story)

    def _follow(self, body: int, story: _Story) -> None:
        """Updates rise and slip of an object that both fingers of a hand touch."""
        rise = float(self._data.xipos[body, 2]) - story.rest_m
        story.best_rise_m = max(story.best_rise_m, rise)
        if rise < RISE_M:
            story.anchor_m, story.slip_m = None, 0.0
            return
        hand = next(arm.hand_body for arm in self._arms if arm.name == story.hand)
        R_world_hand = self._data.xmat[hand].reshape(3, 3)
        tcp = self._data.xpos[hand] + TCP_OFFSET_M * R_world_hand[:, 2]
        R_world_object = self._data.xmat[body].reshape(3, 3)
        point = R_world_object.T @ (tcp - self._data.xpos[body])
        if story.anchor_m is None:
            story.anchor_m = point
        story.slip_m = max(story.slip_m, float(np.linalg.norm(point - story.anchor_m)))
        story.worst_slip_m = max(story.worst_slip_m, story.slip_m)
        if rise < LIFT_M or story.slip_m >= SLIP_M:
            story.high_since_s = None
            return
        story.high_since_s = self._data.time if story.high_since_s is None else story.high_since_s
        if self._data.time - story.high_since_s >= HOLD_S:
            story.lifted_by = story.lifted_by or story.hand

    def forget(self, hand: str) -> None:
        """Begins anew with what this hand held."""
        for number, story in enumerate(self._stories):
            if story.holder == hand:
                self._stories[number] = _Story(float(self._data.xipos[self._bodies[number], 2]))

    def verdict(self, hand: str = "") -> Verdict:
        """The object that was lifted properly, else the one that came nearest to it. hand: only of what it held."""
        if not self._stories:
            return Verdict(False, "no object on the table")
        stories = {n: story for n, story in enumerate(self._stories) if not hand or story.holder == hand}
        merits = {n: (bool(one.lifted_by), one.last_contact_s >= 0, one.best_rise_m) for n, one in stories.items()}
        number = max(merits, key=merits.__getitem__, default=-1)
        if number < 0 or stories[number].last_contact_s < 0:
            return Verdict(False, "no object was held between both fingers")
        story, item = stories[number], self._objects[number]
        where = self._place(number)
        name = f"{item.material.name} {item.family}"
        moved = f"{name} rose {1000 * story.best_rise_m:.0f} mm, slipped {1000 * story.worst_slip_m:.1f} mm"
        if story.lifted_by:
            return Verdict(True, f"{moved} in the {story.lifted_by} hand; {where}")
        return Verdict(False, f"{moved}, no steady lift; {where}")

    def places(self) -> list[str]:
        """Where every object is that no hand holds: `ON_TABLE`, `IN_BIN` or `OFF_TABLE`."""
        return [self._resting_place(number) for number in range(len(self._objects))]

    def _place(self, number: int) -> str:
        """Where an object is now, in words."""
        story = self._stories[number]
        if story.hand:
            return "held"
        place = self._resting_place(number)
        return "dropped on table" if place == ON_TABLE and story.best_rise_m > LIFT_M else place

    def _resting_place(self, number: int) -> str:
        x, y, z = self._data.xipos[self._bodies[number]]
        bin_, table = self._cell.bin, self._cell.table
        inside = abs(x - bin_.center_m[0]) < bin_.size_m[0] / 2 and abs(y - bin_.center_m[1]) < bin_.size_m[1] / 2
        if inside and z < 2 * bin_.size_m[2]:
            return IN_BIN
        if abs(x) > table.size_m[0] / 2 or abs(y) > table.size_m[1] / 2:
            return OFF_TABLE
        return ON_TABLE
