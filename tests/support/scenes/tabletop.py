"""Tableware on a plane, seen by a perfect depth camera, and a judge of grasps that knows the true meshes."""

from dataclasses import dataclass

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from core.cell import load_cell
from core.image import Intrinsics
from core.transforms import Matrix, apply, invert, rotation_z, transform
from grasping.detection.gripper import PARTS, PRE_OPEN_MARGINS_M, TIP, lowest_corner, pre_opening
from grasping.grasp_set import WIDTH, T_camera_tcp
from hardware.simulation.catalogue.tableware import draw_tableware
from hardware.simulation.scene.meshes import Mesh
from perception.depth_types import Plane
from tests.support.paths import CELLS

CELL = load_cell(CELLS / "sim.yaml")
INTRINSICS = Intrinsics(848, 480, 610.0, 610.0, 423.5, 239.5)
EVERYWHERE = np.ones((480, 848), bool)
LYING = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
FRICTION_CONE = np.cos(np.arctan(0.5))


@dataclass(frozen=True)
class Tabletop:
    """Depth and plane as a detector gets them; the true surface (points, outward normals) in the world."""

    depth_m: NDArray[np.float32]
    plane: Plane
    T_world_camera: Matrix
    points_m: NDArray[np.float64]
    normals: NDArray[np.float64]

    def judge(self, row: NDArray, max_opening_m: float = 0.10) -> str:
        """What becomes of a grasp, its fingers opened as wide as there is room for: `holds`, or why it does not."""
        openings = (pre_opening(row[WIDTH], max_opening_m, margin_m) for margin_m in PRE_OPEN_MARGINS_M)
        verdicts = [self._judge(self.T_world_camera @ T_camera_tcp(row), float(opening)) for opening in openings]
        return next((one for one in verdicts if one not in ("hits the table", "collides")), verdicts[-1])

    def _judge(self, T: Matrix, opening: float) -> str:
        if T[2, 3] < lowest_corner(T[None, :3, :3], np.array([opening]))[0]:
            return "hits the table"
        local = (self.points_m - T[:3, 3]) @ T[:3, :3]
        x, y, z = np.abs(local[:, 0]), np.abs(local[:, 1]), local[:, 2]
        for part in PARTS:
            gap = opening / 2 if part.moves else 0.0
            inside = (x < part.half_x_m) & (y > gap + part.y_inner_m) & (y < gap + part.y_outer_m)
            if (inside & (z < -part.z_start_m) & (z > -part.z_end_m)).sum() > 3:
                return "collides"
        between = (x < TIP.half_x_m) & (y < opening / 2) & (z < 0) & (z > -TIP.z_end_m)
        if between.sum() < 5:
            return "closes on nothing"
        along = self.normals @ T[:3, 1]
        for outermost in (local[between, 1].max(), local[between, 1].min()):
            touched = between & (np.abs(local[:, 1] - outermost) < 0.001)
            if np.median(np.abs(along[touched])) < FRICTION_CONE:
                return "slips"
        return "holds"


def lay(*things: tuple[Mesh, Matrix], bias_m: float = 0.0, noise_m: float = 0.0008) -> Tabletop:
    """The cell's camera looks at meshes on its table; bias moves what stands on it away from the camera."""
    scene, points, normals = o3d.t.geometry.RaycastingScene(), [], []
    table = o3d.geometry.TriangleMesh.create_box(1.0, 1.3, 0.02).translate((-0.5, -0.65, -0.02))
    scene.add_triangles(o3d.t.geometry.TriangleMesh.from_legacy(table))
    o3d.utility.random.seed(0)
    for mesh, T_world_object in things:
        vertices = apply(T_world_object, mesh.vertices_m.astype(float))
        placed = o3d.geometry.TriangleMesh(
            o3d.utility.Vector3dVector(vertices), o3d.utility.Vector3iVector(mesh.faces.astype(np.int32))
        )
        scene.add_triangles(o3d.t.geometry.TriangleMesh.from_legacy(placed))
        placed.compute_triangle_normals()
        sampled = placed.sample_points_uniformly(40000, use_triangle_normal=True)
        points.append(np.asarray(sampled.points))
        normals.append(np.asarray(sampled.normals))
    T = CELL.camera.T_world_camera
    directions = INTRINSICS.rays() @ T[:3, :3].T.astype(np.float32)
    rays = np.concatenate([np.broadcast_to(T[:3, 3], directions.shape), directions], -1).astype(np.float32)
    depth = scene.cast_rays(o3d.core.Tensor(rays))["t_hit"].numpy()
    depth = np.where(np.isfinite(depth), depth, np.nan)
    depth += np.random.default_rng(0).normal(0, noise_m, depth.shape)
    normal = T[:3, :3].T @ [0.0, 0.0, 1.0]
    plane = Plane(normal, float(normal @ invert(T)[:3, 3]))
    standing = plane.height(INTRINSICS.rays() * depth[..., None]) > 0.004
    depth = np.where(standing, depth + bias_m, depth).astype(np.float32)
    empty = np.zeros((0, 3))
    return Tabletop(depth, plane, T, np.concatenate([empty, *points]), np.concatenate([empty, *normals]))


def drawn(
    family: str, seed: int = 0, xy: tuple[float, float] = (0.03, 0.05), lying: bool = False
) -> tuple[Mesh, Matrix]:
    """One object of a family, standing or lying at a place on the table with a heading of its own."""
    rng = np.random.default_rng(seed)
    mesh = draw_tableware(rng, family).mesh
    R = rotation_z(rng.uniform(-np.pi, np.pi)) @ (LYING if lying else np.eye(3))
    vertices = mesh.vertices_m @ R.T
    middle = (vertices.min(0) + vertices.max(0)) / 2 if lying else np.zeros(3)
    return mesh, transform(R, (xy[0] - middle[0], xy[1] - middle[1], -float(vertices[:, 2].min())))


def cuboid(size_m: tuple[float, float, float], xy: tuple[float, float] = (0.03, 0.05)) -> tuple[Mesh, Matrix]:
    """A box standing on the table."""
    box = o3d.geometry.TriangleMesh.create_box(*size_m)
    mesh = Mesh(np.asarray(box.vertices, np.float32), np.asarray(box.triangles, np.int32))
    return mesh, transform(None, (xy[0] - size_m[0] / 2, xy[1] - size_m[1] / 2, 0.0))
