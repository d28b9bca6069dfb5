"""What never moves in a gate's world: the cell's fixtures, and what each raised arm stands on.

Worked out here, from the file and from the arms as they were put into this world, not by the planner's `fixtures_of`.
"""

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from core.cell import Cell
from grasping.planning.gate.boxes import add_boxes

#: Less than this below a base [m] is a table that is measured a little too low.
_LEAST_M = 0.01


def add_fixtures(spec: mujoco.MjSpec, cell: Cell, contype: int, conaffinity: int, margin_m: float) -> None:
    """Puts them, called `fixture NAME` and `pedestal of ARM`, into a world in which the arms stand.

    An arm's own base touches its pedestal: neither moves, and MuJoCo looks at no such pair.
    """
    boxes = [
        (f"fixture {one.name}", one.center_m, one.yaw_rad, np.zeros(2), one.bottom_m, one.size_m)
        for one in cell.fixtures
    ]
    for arm, mount in cell.arms.items():
        if mount.base_m[2] >= _LEAST_M:
            low, high = _footprint(spec.body(f"{arm}/base_link"))
            size = (*(high - low), mount.base_m[2])
            boxes.append((f"pedestal of {arm}", mount.base_m[:2], mount.yaw_rad, (low + high) / 2, 0.0, size))
    for name, at, yaw_rad, aside, bottom_m, size in boxes:
        turn = Rotation.from_euler("z", yaw_rad).as_quat(scalar_first=True)
        body = spec.worldbody.add_body(name=name, pos=[*at, bottom_m], quat=turn)
        half = np.array(size) / 2
        add_boxes(spec, body, [((*aside, half[2]), half)], contype, conaffinity, margin_m)


def _footprint(base: mujoco.MjsBody) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest x and y (2,) of a base's upright shapes, in its frame."""
    reach = [
        (geom.pos[:2], geom.size[[0, 0]] if geom.type == mujoco.mjtGeom.mjGEOM_CYLINDER else geom.size[:2])
        for geom in base.geoms
    ]
    return np.min([at - r for at, r in reach], axis=0), np.max([at + r for at, r in reach], axis=0)
