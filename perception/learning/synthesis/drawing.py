"""From a seed to a scene: what is on the table, what it is made of, how it came to lie."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from core.surfaces import SURFACES
from core.transforms import Matrix, apply, rotation_z, transform
from hardware.simulation.scene.scene import Mesh
from hardware.simulation.scene.tableware_mesh import mass_properties
from perception.learning.synthesis.backdrop import draw_backdrop
from perception.learning.synthesis.matter import DENSITY, Matter, draw_liquid, draw_matter
from perception.learning.synthesis.scene import Piece, Placed, SynthScene, Thing
from perception.learning.synthesis.settle import settle
from perception.learning.synthesis.shapes import draw_shape
from perception.learning.synthesis.surroundings import draw_lamps, draw_room

MOST_THINGS = 7
#: Things that roll farther than this from the middle are taken away.
FARTHEST_M = 0.6
MASS_KG = (0.01, 0.8)
#: How things start: standing, on their side, on their head, anyhow in the air.
UPRIGHT, LYING, HEAD = 0.70, 0.17, 0.05
#: Share of things that are another like the one before.
TWIN = 0.2
#: The families of extras.
LIQUID, LID = "liquid", "lid"


def draw_scene(seed: Sequence[int], surface: str | None = None, extra_things: Sequence[Thing] = ()) -> SynthScene:
    """The scene of a seed: the same on any machine up to the physics' rounding.

    surface: one of `core.surfaces.SURFACES`, or drawn. extra_things: a user's, half of the objects where
    there are any.

    Raises:
        ValueError: an unknown surface.
    """
    rng = np.random.default_rng(list(seed))
    drawn_surface = SURFACES[int(rng.integers(len(SURFACES)))]
    surface = surface or drawn_surface
    backdrop = draw_backdrop(rng, surface)
    things = _draw_things(rng, extra_things)
    reach_m = 0.1 if backdrop.container else 0.13 + 0.02 * len(things)
    starts = _starts(rng, things, reach_m)
    resting = settle([(t.mesh, t.mass_kg, T) for t, T in zip(things, starts, strict=True)], backdrop.solids)
    placed: list[Placed] = []
    free_id = 1
    for thing, T in zip(things, resting, strict=True):
        if np.linalg.norm(T[:2, 3]) < FARTHEST_M and T[2, 3] > -0.02:
            placed.append(Placed(_dry(thing, T), T, free_id))
            free_id += len(placed[-1].pieces())
    return SynthScene(
        surface, tuple(placed), backdrop.parts, draw_room(rng), draw_lamps(rng), backdrop.container, backdrop.tags
    )


def draw_thing(rng: Generator) -> Thing:
    """One object of any shape and matter; some filled, some with a lid."""
    matter = draw_matter(rng)
    shape = draw_shape(rng)
    extras = []
    if shape.fill is not None:
        extras.append(_piece(LIQUID, shape.fill, draw_liquid(rng)))
    if shape.lid is not None:
        extras.append(_piece(LID, shape.lid, draw_matter(rng, "ordinary")))
    mass_kg = float(np.clip(mass_properties(shape.mesh)[0] * DENSITY[matter.stuff], *MASS_KG))
    return Thing(shape.family, matter.name, matter.optics, shape.mesh, matter.finish, mass_kg, tuple(extras))


def _piece(family: str, mesh: Mesh, matter: Matter) -> Piece:
    return Piece(family, matter.name, matter.optics, mesh, matter.finish)


def _draw_things(rng: Generator, extra: Sequence[Thing]) -> list[Thing]:
    things: list[Thing] = []
    for _ in range(1 + int(rng.binomial(MOST_THINGS - 1, 0.4))):
        if extra and rng.random() < 0.5:
            things.append(extra[int(rng.integers(len(extra)))])
        elif things and rng.random() < TWIN:
            things.append(things[-1])
        else:
            things.append(draw_thing(rng))
    return things


def _starts(rng: Generator, things: Sequence[Thing], reach_m: float) -> list[Matrix]:
    """Poses to fall from: apart from each other where chance allows, else above one another."""
    taken: list[tuple[NDArray[np.float64], float, float]] = []
    starts = []
    for thing in things:
        R = _attitude(rng)
        corners = apply(transform(R), thing.mesh.vertices_m.astype(float))
        radius = float(np.linalg.norm(corners[:, :2], axis=1).max())
        for spot in rng.uniform(-reach_m, reach_m, (12, 2)):
            below = [top for at, wide, top in taken if np.linalg.norm(spot - at) < radius + wide]
            if not below:
                break
        floor = max(below, default=0.0) + 0.002
        if thing.mesh.vertices_m[:, 2].max() + floor > 0.4:
            floor = 0.002
        taken.append((spot, radius, floor + float(np.ptp(corners[:, 2]))))
        starts.append(transform(R, (*spot, floor - corners[:, 2].min())))
    return starts


def _attitude(rng: Generator) -> NDArray[np.float64]:
    """(3, 3) how a thing is let go."""
    draw, heading = rng.random(), rotation_z(rng.uniform(-np.pi, np.pi))
    if draw < UPRIGHT:
        return heading
    if draw < UPRIGHT + LYING:
        on_side = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
        return heading @ on_side @ rotation_z(rng.uniform(-np.pi, np.pi))
    if draw < UPRIGHT + LYING + HEAD:
        return heading @ np.diag([1.0, -1.0, -1.0])
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return axes * np.sign(np.linalg.det(axes))


def _dry(thing: Thing, T_world_thing: Matrix) -> Thing:
    """A liquid stays only in what stands upright."""
    if T_world_thing[2, 2] > 0.995:
        return thing
    return replace(thing, extras=tuple(extra for extra in thing.extras if extra.family != LIQUID))
