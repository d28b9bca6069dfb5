"""Lets objects fall and come to rest on a table, each as its convex hull, in MuJoCo."""

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from core.transforms import Matrix
from hardware.simulation.physics.model import body_pose, is_at_rest, quaternion
from hardware.simulation.scene.meshes import Mesh

STEP_S, LONGEST_S, LOOK_EVERY_S = 0.004, 2.4, 0.2
#: At rest: no body faster than this.
REST_SPEED_M_S, REST_TURN_RAD_S = 0.01, 0.15
#: Sliding, torsional [m] and rolling [m] friction: objects that rolled for ever would leave the picture.
FRICTION = (0.5, 0.01, 0.0015)
#: A hull of more corners than this only costs time.
HULL_CORNERS = 96


def settle(
    falling: Sequence[tuple[Mesh, float, Matrix]],
    static_boxes: Sequence[tuple[NDArray[np.float64], Matrix]],
) -> list[Matrix]:
    """Where objects lie after falling (T_world_object). The table is z = 0, endless.

    Args:
        falling: mesh, mass [kg] and T_world_object at the start of each.
        static_boxes: half sizes (3,) and T_world_box of what stands fast.
    """
    spec = mujoco.MjSpec()
    spec.option.timestep = STEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2, 2, 0.1], friction=FRICTION, condim=6)
    for half, T in static_boxes:
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX, size=half, pos=T[:3, 3], quat=quaternion(T), friction=FRICTION
        )
    for i, (mesh, mass_kg, T) in enumerate(falling):
        spec.add_mesh(name=f"hull{i}", uservert=_hull(mesh).ravel())
        body = spec.worldbody.add_body(name=f"object{i}", pos=T[:3, 3], quat=quaternion(T))
        body.add_freejoint()
        body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=f"hull{i}", mass=mass_kg, friction=FRICTION, condim=6)
    model = spec.compile()
    data = mujoco.MjData(model)
    for _ in range(int(LONGEST_S / LOOK_EVERY_S)):
        mujoco.mj_step(model, data, int(LOOK_EVERY_S / STEP_S))
        if is_at_rest(data.qvel, REST_SPEED_M_S, REST_TURN_RAD_S):
            break
    return [body_pose(data, f"object{i}") for i in range(len(falling))]


def _hull(mesh: Mesh) -> NDArray[np.float64]:
    """(N, 3) corners of the convex hull, thinned to the outermost in evenly spread directions where there are many."""
    vertices = mesh.vertices_m.astype(float)
    corners = vertices[ConvexHull(vertices).vertices]
    if len(corners) <= HULL_CORNERS:
        return corners
    index = np.arange(HULL_CORNERS) + 0.5
    z, angle = 1 - 2 * index / HULL_CORNERS, np.pi * (1 + 5**0.5) * index
    outward = np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], 1)
    # The foot's rim decides whether an object stands: the lowest corners always stay.
    low = np.flatnonzero(corners[:, 2] < corners[:, 2].min() + 5e-4)
    keep = np.unique(np.concatenate([low[:: max(1, len(low) // 24)], (corners @ outward.T).argmax(0)]))
    return corners[keep]
