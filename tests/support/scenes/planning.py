"""A table with upright cylinders and grasps on them, as a detector would hand them to the planner."""

import numpy as np

from core.cell import Cell, load_cell
from core.transforms import apply, invert
from grasping.grasp_set import DEPTH, HEIGHT, OBJECT, ROTATION, ROW, SCORE, TRANSLATION, WIDTH, GraspSet
from hardware.robot.description import PARK_JOINTS
from perception.depth_types import Plane, TableView
from tests.support.paths import CELLS

CELL: Cell = load_cell(CELLS / "sim.yaml")
PARKED = dict.fromkeys(CELL.arms, PARK_JOINTS)
#: A cylinder that both arms reach: x, y, radius, height [m].
GLASS = (0.02, 0.10, 0.03, 0.12)
_DEPTH_M = 0.02


def table_view(cell: Cell = CELL) -> TableView:
    T_camera_world = invert(cell.camera.T_world_camera)
    normal = T_camera_world[:3, 2]
    return TableView("tags", Plane(normal, float(normal @ T_camera_world[:3, 3])), T_camera_world, (), 0.0, 0.0)


def cylinder(x_m: float, y_m: float, radius_m: float, height_m: float) -> np.ndarray:
    """World points (M, 3) on the wall and the top of an upright cylinder."""
    angle, z = (g.ravel() for g in np.meshgrid(np.linspace(0, 2 * np.pi, 40), np.arange(0.002, height_m, 0.006)))
    wall = np.stack([x_m + radius_m * np.cos(angle), y_m + radius_m * np.sin(angle), z], axis=1)
    top = wall[: 40 * 3].copy()
    top[:, :2] = [x_m, y_m] + (top[:, :2] - [x_m, y_m]) * np.repeat([0.2, 0.5, 0.8], 40)[:, None]
    top[:, 2] = height_m
    return np.concatenate([wall, top])


def grasp_row(
    tip_m: np.ndarray, lean_rad: float, azimuth_rad: float, width_m: float, score: float, label: int
) -> np.ndarray:
    """A row whose fingertips reach `tip_m` (world), approaching from above, leaning towards an azimuth."""
    T_camera_world = table_view().T_camera_world
    sideways = np.array([np.cos(azimuth_rad), np.sin(azimuth_rad), 0.0])
    approach = np.sin(lean_rad) * sideways - np.cos(lean_rad) * np.array([0.0, 0.0, 1.0])
    closing = np.array([-sideways[1], sideways[0], 0.0])
    R = np.column_stack([approach, closing, np.cross(approach, closing)])
    row = np.zeros(ROW)
    row[SCORE], row[WIDTH], row[HEIGHT], row[DEPTH], row[OBJECT] = score, width_m, 0.02, _DEPTH_M, label
    row[ROTATION] = (T_camera_world[:3, :3] @ R).ravel()
    row[TRANSLATION] = apply(T_camera_world, tip_m - _DEPTH_M * approach)
    return row


def scene(
    *cylinders: tuple[float, float, float, float],
    graspable: int | None = None,
    scores: tuple[float, float] = (0.5, 1.0),
    seed: int = 0,
) -> GraspSet:
    """Grasps leaning every way on cylinders (x, y, radius, height), on all of them or on one."""
    rng = np.random.default_rng(seed)
    T_camera_world = table_view().T_camera_world
    rows, clouds, labels = [], [], []
    for label, (x, y, radius, height) in enumerate(cylinders):
        points = cylinder(x, y, radius, height)
        clouds.append(points)
        labels.append(np.full(len(points), label))
        if graspable not in (None, label):
            continue
        for lean in np.deg2rad([0.0, 15.0, 30.0, 45.0]):
            for azimuth in np.arange(12) * np.pi / 6:
                tip = np.array([x, y, max(height - 0.03, 0.01)])
                rows.append(grasp_row(tip, lean, azimuth, 2 * radius, rng.uniform(*scores), label))
    rows = np.array(rows).reshape(-1, ROW)
    cloud = apply(T_camera_world, np.concatenate(clouds)).astype(np.float32)
    return GraspSet(rows[np.argsort(-rows[:, SCORE])], cloud, np.concatenate(labels).astype(np.int32), "test")
