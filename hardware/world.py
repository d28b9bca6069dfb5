"""The two worlds behind one interface: nothing above `hardware/` knows which one it is in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.clock import Clock
from core.image import RgbdImage
from hardware.arms.arm import Arm
from hardware.cameras.camera import Camera


@dataclass(frozen=True)
class Verdict:
    """What the simulator saw of a trial; never shown to the running system, only logged."""

    success: bool
    detail: str


@dataclass(frozen=True)
class SceneNote:
    """What lies on the table, for the log. Real cells write what the operator was asked to lay."""

    surface: str
    seed: int
    objects: tuple[dict[str, Any], ...] = field(default_factory=tuple)

    @property
    def summary(self) -> str:
        """One line for the console: what stands on which table."""
        things = ", ".join(f"{o['material']} {o['family']}" for o in self.objects) or "as the operator laid it"
        return f"{self.surface} table, scene {self.seed}: {things}"


class World(Protocol):
    """A camera, arms and a clock that belong together."""

    #: `digital cell` or `hardware`, as logs and reports call it.
    name: str
    is_real: bool

    @property
    def camera(self) -> Camera: ...

    @property
    def arms(self) -> Mapping[str, Arm]: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def truth(self) -> Callable[[RgbdImage], NDArray[np.float32]] | None:
        """Ground-truth depth (H, W) [m] of a frame of this world's camera; None on real cells."""
        ...

    def stage(self, surface: str, seed: int, objects: int) -> SceneNote:
        """Lays the scene of one trial: settles objects, or says what the operator must lay."""
        ...

    def objects_left(self) -> int | None:
        """How many objects are on the table still; None on real cells, where nobody but people knows."""
        ...

    def begin_attempt(self, arm: str = "") -> None:
        """Another attempt at the scene as it now is, by this arm where it is named: its next verdict is of it alone."""
        ...

    def verdict(self, arm: str = "") -> Verdict | None:
        """The simulator's own judgement of the lift, by this arm where it is named, since `stage` or `begin_attempt`;
        None on real cells."""
        ...

    def close(self) -> None: ...
