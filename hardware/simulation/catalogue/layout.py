"""Drawing a scene: which objects, where, and how they lie; then letting them come to rest."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from core.cell import Cell
from core.errors import ConfigurationError
from core.transforms import Matrix, apply, rotation_z, transform
from hardware.robot.fixtures import fixtures_of
from hardware.simulation.catalogue.tableware import FAMILIES, draw_tableware
from hardware.simulation.physics.physics import CellPhysics
from hardware.simulation.scene.scene import ON_SIDE, PlacedObject, SceneObject

Points = NDArray[np.float64]
#: Room between neighbours for a gripper's fingers, wanted first and accepted last [m].
GAPS_M = (0.050, 0.035, 0.020)
TAG_MARGIN_M, BIN_MARGIN_M = 0.010, 0.020
#: Objects start this far above the table, so that none starts inside it [m].
DROP_M = 0.001
#: A scene whose objects moved or tipped more than this while settling is drawn again.
SETTLE_SHIFT_M, SETTLE_TILT_RAD = 0.030, 0.20
TRIES = 20

Layout = list[tuple[SceneObject, Matrix]]


def draw_layout(cell: Cell, rng: Generator, count: int) -> Layout:
    """Draws `count` objects and where they start, apart from each other, the tags and the bin.

    Most stand; of the families that may, about one in seven lies on its side.

    Raises:
        ConfigurationError: so many objects do not fit the workspace.
    """
    items = [draw_tableware(rng) for _ in range(count)]
    starts = [_draw_start(rng, item) for item in items]
    radii = [radius for _, _, radius, _ in starts]
    for gap_m in GAPS_M:
        spots = _scatter(cell, rng, radii, gap_m)
        if spots is not None:
            break
    else:
        raise ConfigurationError(
            f"{count} objects do not fit the workspace of cell '{cell.name}'.",
            "Ask for fewer objects, or widen workspace.objects_x_m and objects_y_m.",
        )
    return [
        (item, transform(R, (*(spot - center), DROP_M - lowest)))
        for item, (R, center, _, lowest), spot in zip(items, starts, spots, strict=True)
    ]


def stage(physics: CellPhysics, rng: Generator, count: int, surface: str) -> tuple[PlacedObject, ...]:
    """Lays a drawn scene into the physics and settles it; draws again where something rolled or fell.

    The same generator state gives the same scene.

    Raises:
        ConfigurationError: so many objects do not fit, or no drawn scene came to rest.
    """
    for _ in range(TRIES):
        layout = draw_layout(physics.cell, rng, count)
        physics.load(layout, surface)
        is_at_rest, placed = physics.settle(), physics.object_poses()
        if is_at_rest and all(_stays(one.T_world_object, T) for one, (_, T) in zip(placed, layout, strict=True)):
            return placed
    raise ConfigurationError(
        f"None of {TRIES} drawn scenes of {count} objects came to rest.",
        "Ask for fewer objects, or move workspace.objects_x_m and objects_y_m away from bin and arms.",
    )


def _draw_start(rng: Generator, item: SceneObject) -> tuple[Matrix, Points, float, float]:
    """A 3x3 rotation, upright with any heading or, for some families, lying with any side up; then, seen from above,
    the circle around the turned object (centre (2,), radius), and its lowest z."""
    heading, roll = rng.uniform(-np.pi, np.pi, 2)
    R = rotation_z(heading)
    if rng.random() < FAMILIES[item.family].lying:
        R = R @ ON_SIDE @ rotation_z(roll)
    vertices = apply(transform(R), item.mesh.vertices_m.astype(float))
    center = (vertices[:, :2].min(0) + vertices[:, :2].max(0)) / 2
    radius = float(np.linalg.norm(vertices[:, :2] - center, axis=1).max())
    return R, center, radius, float(vertices[:, 2].min())


def _scatter(cell: Cell, rng: Generator, radii_m: list[float], gap_m: float) -> list[Points] | None:
    """Centres of circles in the workspace that keep their gaps, or None when chance finds no room."""
    low, high = np.array([cell.workspace.objects_x_m, cell.workspace.objects_y_m]).T
    fixtures = [one for one in fixtures_of(cell) if one.bottom_m < cell.workspace.tool_z_m[1]]
    tags = [(tag.position_m, tag.size_m / np.sqrt(2) + TAG_MARGIN_M) for tag in cell.tags]

    def is_free(spot: Points, radius_m: float) -> bool:
        others = [(other, wide_m + gap_m) for other, wide_m in zip(spots, radii_m, strict=False)]
        outside_bin = np.abs(spot - cell.bin.center_m) - np.array(cell.bin.size_m[:2]) / 2
        return (
            bool(np.linalg.norm(outside_bin.clip(0.0)) > radius_m + BIN_MARGIN_M)
            and all(one.beyond_m(spot) > radius_m + BIN_MARGIN_M for one in fixtures)
            and all(np.linalg.norm(spot - center) >= radius_m + room_m for center, room_m in others + tags)
        )

    for _ in range(40):
        spots: list[Points] = []
        for radius in radii_m:
            spot = next((one for one in rng.uniform(low, high, (40, 2)) if is_free(one, radius)), None)
            if spot is None:
                break
            spots.append(spot)
        if len(spots) == len(radii_m):
            return spots
    return None


def _stays(T_now: Matrix, T_start: Matrix) -> bool:
    """Whether an object rests near where it was put, its axis not tipped."""
    shift = np.linalg.norm(T_now[:3, 3] - T_start[:3, 3])
    tilt = np.arccos(np.clip(T_now[:3, 2] @ T_start[:3, 2], -1.0, 1.0))
    return bool(shift < SETTLE_SHIFT_M and tilt < SETTLE_TILT_RAD)
