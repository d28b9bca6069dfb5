"""Which arms stand between the camera and the table, told from their joints before a picture is taken."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.cell_parts import PAPER_RATIO, Tag
from core.image import Intrinsics
from core.transforms import apply, invert
from hardware.robot.description import PARK_JOINTS
from perception.depth_types import TableView
from perception.objects.masks import arms_depth
from perception.table.pose import plane_of

#: An arm is in the way where it hides more than this share of where objects may lie, or of a tag's paper.
SPACE_SHARE, TAG_SHARE = 0.01, 0.05
#: Objects are looked for up to this height [m], every so far [m] along the table and up.
_TALL_M, _ALONG_M, _UP_M = 0.25, 0.01, 0.05
_ACROSS_TAG = 9
#: The arms are drawn in a picture of this share of the camera's size, and as large as they are: unlike a mask, which
#: leaves room for what is not known, this must not call an arm in the way that is beside it.
_SCALE, _MARGIN_M = 0.25, 0.0
#: An arm whose joints are within this of the parked pose [rad] is parked, and need not be looked at.
_PARKED_RAD = np.deg2rad(1.0)
#: Nothing nearer to the camera's plane than this [m] is looked for.
_NEAREST_M = 0.05

Points = NDArray[np.float64]


@dataclass(frozen=True)
class ArmInView:
    """What an arm hides from the camera, beyond what it hides where it is parked. space: share of where objects may
    lie; tags: ids of the table's."""

    arm: str
    space: float
    tags: tuple[int, ...]

    def __str__(self) -> str:
        space = [f"{self.space:.0%} of where objects may lie"] * (self.space > SPACE_SHARE)
        tags = [f"tag{'s' * (len(self.tags) > 1)} {', '.join(map(str, self.tags))}"] * bool(self.tags)
        return f"the {self.arm} arm hides {' and '.join(space + tags)}"


def arms_in_view(
    cell: Cell, intrinsics: Intrinsics, joints_rad: Mapping[str, NDArray[np.float64]]
) -> tuple[ArmInView, ...]:
    """The arms that are in the way of a camera that stands where the cell has it. joints_rad: (6,) by arm, measured."""
    away = [name for name, joints in joints_rad.items() if not np.abs(joints - PARK_JOINTS).max() <= _PARKED_RAD]
    if not away:
        return ()
    T, scale = invert(cell.camera.T_world_camera), _SCALE
    view = TableView("tags", plane_of(T), T, (), 0.0, 0.0)
    lens = intrinsics.resized(round(intrinsics.width * scale), round(intrinsics.height * scale))
    space_m, tags_m = _space_m(cell), {tag.id: _on_tag(tag) for tag in cell.tags}

    def look(arm: str) -> ArmInView:
        now_m, parked_m = (
            arms_depth(view, cell, lens, {arm: joints}, margin_m=_MARGIN_M) for joints in (joints_rad[arm], PARK_JOINTS)
        )

        def share(points_m: Points) -> float:
            is_new = _is_hidden(points_m, now_m, view, lens) & ~_is_hidden(points_m, parked_m, view, lens)
            return float(is_new.mean())

        return ArmInView(arm, share(space_m), tuple(id for id, on_m in tags_m.items() if share(on_m) > TAG_SHARE))

    return tuple(one for one in map(look, away) if one.space > SPACE_SHARE or one.tags)


def _is_hidden(points_m: Points, arm_m: NDArray[np.float64], view: TableView, lens: Intrinsics) -> NDArray[np.bool_]:
    """(N,) whether an arm, `arm_m` (H, W) away where it is seen, lies before these points (N, 3) of the world."""
    seen_m = apply(view.T_camera_world, points_m)
    is_hidden = np.zeros(len(points_m), bool)
    ahead = np.flatnonzero(seen_m[:, 2] > _NEAREST_M)
    pixels = np.rint(lens.project(seen_m[ahead])).astype(int)
    inside = ((pixels >= 0) & (pixels < [lens.width, lens.height])).all(axis=1)
    ahead, (columns, rows) = ahead[inside], pixels[inside].T
    is_hidden[ahead] = arm_m[rows, columns] < seen_m[ahead, 2]
    return is_hidden


def _space_m(cell: Cell) -> Points:
    """Points (N, 3) all over where objects may lie, world."""
    spans_m = (*cell.workspace.objects_x_m, _ALONG_M), (*cell.workspace.objects_y_m, _ALONG_M), (0.0, _TALL_M, _UP_M)
    axes = [np.arange(low, high + step / 2, step) for low, high, step in spans_m]
    return np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 3)


def _on_tag(tag: Tag) -> Points:
    """Points (N, 3) all over a tag's paper, world."""
    across = np.linspace(-0.5, 0.5, _ACROSS_TAG) * PAPER_RATIO * tag.size_m
    return apply(tag.T_world_tag, np.stack(np.meshgrid(across, across, [0.0]), axis=-1).reshape(-1, 3))
