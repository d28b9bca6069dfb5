"""From a seed to a scene: what is on the table, what it is made of, how it came to lie."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import mujoco
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from core.surfaces import SURFACES
from core.transforms import Matrix, apply, rotation_z, transform
from hardware.simulation.physics.model import body_pose, is_at_rest, quaternion
from hardware.simulation.scene.materials import Material, Optics
from hardware.simulation.scene.meshes import Mesh, mass_properties
from hardware.simulation.scene.scene import ON_SIDE, Piece, PlacedObject, Scene, SceneObject
from perception.learning.synthesis.scenes.backdrop import Box, draw_backdrop, draw_lamps, draw_room
from perception.learning.synthesis.scenes.materials import MIX, draw_liquid, draw_material
from perception.learning.synthesis.scenes.shapes import SHARES, draw_shape

MOST_OBJECTS = 7
#: Objects that roll farther than this from the middle are taken away.
FARTHEST_M = 0.6
MASS_KG = (0.01, 0.8)
#: How objects start: standing, on their side, on their head, anyhow in the air.
UPRIGHT, LYING, HEAD = 0.70, 0.17, 0.05
#: Share of objects that are another like the one before.
TWIN = 0.2
#: The families of contents.
LIQUID, LID = "liquid", "lid"
#: Time step, longest fall, and time between looks at whether all are at rest.
STEP_S, LONGEST_S, LOOK_EVERY_S = 0.004, 2.4, 0.2
#: At rest: no body faster than this.
REST_SPEED_M_S, REST_TURN_RAD_S = 0.01, 0.15
#: Sliding, torsional [m] and rolling [m] friction: objects that rolled for ever would leave the picture.
FRICTION = (0.5, 0.01, 0.0015)
#: A hull of more corners than this only costs time.
HULL_CORNERS = 96


@dataclass(frozen=True)
class Mix:
    """Shares of the draws: of what objects are made of, and of the kinds of shape in the order of `shapes.KINDS`."""

    optics: Mapping[Optics, float]
    shapes: tuple[float, ...]


#: That of TransPhy3D.
TRANSPHY3D = Mix(MIX, SHARES)


def draw_scene(
    seed: Sequence[int], surface: str | None = None, user_objects: Sequence[SceneObject] = (), mix: Mix = TRANSPHY3D
) -> Scene:
    """The scene of a seed: the same on any machine up to the physics' rounding.

    Args:
        surface: one of `core.surfaces.SURFACES`, or drawn.
        user_objects: half of the objects, where there are any.

    Raises:
        ValueError: an unknown surface.
    """
    rng = np.random.default_rng(list(seed))
    drawn_surface = SURFACES[int(rng.integers(len(SURFACES)))]
    surface = surface or drawn_surface
    backdrop = draw_backdrop(rng, surface)
    objects = _draw_objects(rng, user_objects, mix)
    reach_m = 0.1 if backdrop.container else 0.13 + 0.02 * len(objects)
    starts = _starts(rng, objects, reach_m)
    resting = settle(objects, starts, backdrop.solids)
    placed: list[PlacedObject] = []
    free_id = 1
    for item, T in zip(objects, resting, strict=True):
        if np.linalg.norm(T[:2, 3]) < FARTHEST_M and T[2, 3] > -0.02:
            if T[2, 2] <= 0.995:  # a liquid stays only in what stands upright
                item = replace(item, contents=tuple(piece for piece in item.contents if piece.family != LIQUID))
            placed.append(PlacedObject(item, T, free_id))
            free_id += len(placed[-1].pieces())
    return Scene(
        surface, tuple(placed), backdrop.parts, draw_room(rng), draw_lamps(rng), backdrop.container, backdrop.tags
    )


def draw_object(rng: Generator, mix: Mix = TRANSPHY3D) -> SceneObject:
    """One object of any shape and material; some filled, some with a lid."""
    material = draw_material(rng, mix=mix.optics)
    shape = draw_shape(rng, mix.shapes)
    contents = []
    if shape.liquid is not None:
        contents.append(Piece(LIQUID, draw_liquid(rng), shape.liquid))
    if shape.lid is not None:
        contents.append(Piece(LID, draw_material(rng, "ordinary"), shape.lid))
    return SceneObject(shape.family, material, shape.mesh, mass_kg(shape.mesh, material), tuple(contents))


def mass_kg(mesh: Mesh, material: Material) -> float:
    """What a body weighs, within what lies on a table."""
    return float(np.clip(mass_properties(mesh)[0] * material.density_kg_m3, *MASS_KG))


def _draw_objects(rng: Generator, user_objects: Sequence[SceneObject], mix: Mix) -> list[SceneObject]:
    objects: list[SceneObject] = []
    for _ in range(1 + int(rng.binomial(MOST_OBJECTS - 1, 0.4))):
        if user_objects and rng.random() < 0.5:
            objects.append(user_objects[int(rng.integers(len(user_objects)))])
        elif objects and rng.random() < TWIN:
            objects.append(objects[-1])
        else:
            objects.append(draw_object(rng, mix))
    return objects


def _starts(rng: Generator, objects: Sequence[SceneObject], reach_m: float) -> list[Matrix]:
    """Poses to fall from: apart from each other where chance allows, else above one another."""
    taken: list[tuple[NDArray[np.float64], float, float]] = []
    starts = []
    for item in objects:
        R = _attitude(rng)
        corners = apply(transform(R), item.mesh.vertices_m.astype(float))
        radius = float(np.linalg.norm(corners[:, :2], axis=1).max())
        for spot in rng.uniform(-reach_m, reach_m, (12, 2)):
            below = [top for at, wide, top in taken if np.linalg.norm(spot - at) < radius + wide]
            if not below:
                break
        floor = max(below, default=0.0) + 0.002
        if item.mesh.vertices_m[:, 2].max() + floor > 0.4:
            floor = 0.002
        taken.append((spot, radius, floor + float(np.ptp(corners[:, 2]))))
        starts.append(transform(R, (*spot, floor - corners[:, 2].min())))
    return starts


def _attitude(rng: Generator) -> NDArray[np.float64]:
    """(3, 3) how an object is let go."""
    draw, heading = rng.random(), rotation_z(rng.uniform(-np.pi, np.pi))
    if draw < UPRIGHT:
        return heading
    if draw < UPRIGHT + LYING:
        return heading @ ON_SIDE @ rotation_z(rng.uniform(-np.pi, np.pi))
    if draw < UPRIGHT + LYING + HEAD:
        return heading @ np.diag([1.0, -1.0, -1.0])
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return axes * np.sign(np.linalg.det(axes))


def settle(objects: Sequence[SceneObject], starts: Sequence[Matrix], solids: Sequence[Box]) -> list[Matrix]:
    """T_world_object of objects after falling from `starts`, each as its convex hull. The table is z = 0, endless.

    Args:
        solids: what stands fast.
    """
    spec = mujoco.MjSpec()
    spec.option.timestep = STEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2, 2, 0.1], friction=FRICTION, condim=6)
    for half, T in solids:
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX, size=half, pos=T[:3, 3], quat=quaternion(T), friction=FRICTION
        )
    for i, (item, T) in enumerate(zip(objects, starts, strict=True)):
        spec.add_mesh(name=f"hull{i}", uservert=_hull(item.mesh).ravel())
        body = spec.worldbody.add_body(name=f"object{i}", pos=T[:3, 3], quat=quaternion(T))
        body.add_freejoint()
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_MESH, meshname=f"hull{i}", mass=item.mass_kg, friction=FRICTION, condim=6
        )
    model = spec.compile()
    data = mujoco.MjData(model)
    for _ in range(int(LONGEST_S / LOOK_EVERY_S)):
        mujoco.mj_step(model, data, int(LOOK_EVERY_S / STEP_S))
        if is_at_rest(data.qvel, REST_SPEED_M_S, REST_TURN_RAD_S):
            break
    return [body_pose(data, f"object{i}") for i in range(len(objects))]


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
