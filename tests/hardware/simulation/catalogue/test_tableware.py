"""Properties of drawn objects: closed meshes that stand, fit the gripper, and collide where they are seen."""

import numpy as np
import pytest

from core.errors import ConfigurationError
from core.transforms import apply, invert
from hardware.simulation.catalogue.tableware import FAMILIES, GLASS, MASS_BOUNDS_KG, draw_tableware
from hardware.simulation.scene.meshes import Mesh, Primitive, fillet, lathe, mass_properties, rounded_box
from hardware.simulation.scene.scene import SceneObject

OPEN_VESSELS = ("tumbler", "wine glass", "jar", "bowl", "mug")
GRIPPER_STROKE_M, PRE_OPENING_M = 0.100, 0.012


def draws(family: str, count: int = 4) -> list[SceneObject]:
    rng = np.random.default_rng(11)
    return [draw_tableware(rng, family) for _ in range(count)]


def signed_distance(primitive: Primitive, points: np.ndarray) -> np.ndarray:
    """Distance [m] of points (N, 3) from a primitive, negative inside."""
    local = apply(invert(primitive.T_body_shape), points)
    if primitive.kind == "sphere":
        return np.linalg.norm(local, axis=1) - primitive.size_m[0]
    if primitive.kind == "cylinder":
        over = np.stack([np.hypot(local[:, 0], local[:, 1]), np.abs(local[:, 2])], 1) - primitive.size_m
    else:
        over = np.abs(local) - primitive.size_m
    return np.linalg.norm(over.clip(0), axis=1) + over.max(1).clip(max=0)


def collision_distance(thing: SceneObject, points: np.ndarray) -> np.ndarray:
    return np.min([signed_distance(primitive, points) for primitive in thing.collision], axis=0)


def is_closed(mesh: Mesh) -> bool:
    """Every directed edge is used once and its reverse once."""
    edges = mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    forward, backward = (np.sort(edges @ [len(mesh.vertices_m), 1]), np.sort(edges @ [1, len(mesh.vertices_m)]))
    return bool((np.diff(forward) > 0).all() and np.array_equal(forward, backward))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_mesh_is_closed_and_wound_outwards(family: str) -> None:
    for thing in draws(family):
        assert is_closed(thing.mesh)
        assert mass_properties(thing.mesh)[0] > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_every_object_stands_on_its_origin(family: str) -> None:
    for thing in draws(family):
        low, high = thing.mesh.vertices_m.min(0), thing.mesh.vertices_m.max(0)
        assert low[2] == pytest.approx(0.0, abs=1e-5)
        assert low[0] < 0 < high[0] and low[1] < 0 < high[1]
        assert high[2] == pytest.approx(thing.parameters["height_m"], abs=0.004)


@pytest.mark.parametrize("family", FAMILIES)
def test_collision_shapes_follow_the_mesh(family: str) -> None:
    """No seen surface is further than 5 mm outside what collides; nothing collides 2 mm outside of it."""
    for thing in draws(family):
        assert collision_distance(thing, thing.mesh.vertices_m.astype(float)).max() < 0.005
        low, high = thing.mesh.vertices_m.min(0), thing.mesh.vertices_m.max(0)
        corners = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).T.reshape(-1, 3)
        for primitive in thing.collision:
            if primitive.kind == "box":
                points = apply(primitive.T_body_shape, corners * primitive.size_m)
                assert (points > low - 0.002).all() and (points < high + 0.002).all()


@pytest.mark.parametrize("family", OPEN_VESSELS)
def test_a_finger_can_reach_into_an_open_vessel(family: str) -> None:
    for thing in draws(family):
        inside = np.array([[0.0, 0.0, 0.85 * thing.parameters["height_m"]]])
        assert collision_distance(thing, inside)[0] > 0.015


@pytest.mark.parametrize("family", FAMILIES)
def test_every_object_fits_the_gripper_somewhere(family: str) -> None:
    for thing in draws(family, 8):
        narrowest = min(np.ptp(thing.mesh.vertices_m[:, :2], axis=0))
        by_the_rim = family in OPEN_VESSELS and thing.parameters["wall_m"] < 0.006
        assert by_the_rim or narrowest + PRE_OPENING_M <= GRIPPER_STROKE_M


def test_masses_are_sane_and_glass_weighs_as_glass() -> None:
    for family in FAMILIES:
        assert all(MASS_BOUNDS_KG[0] <= thing.mass_kg <= MASS_BOUNDS_KG[1] for thing in draws(family))
    rng = np.random.default_rng(3)
    glasses = [draw_tableware(rng, "tumbler", GLASS).mass_kg for _ in range(10)]
    assert 0.10 < np.mean(glasses) < 0.40


def test_the_same_seed_draws_the_same_object_and_another_seed_another() -> None:
    one, same, other = (draw_tableware(np.random.default_rng(seed)) for seed in (5, 5, 6))
    looks = [
        (thing.family, thing.material.name, thing.material.finish.mean_rgb, thing.parameters) for thing in (one, same)
    ]
    assert looks[0] == looks[1]
    assert np.array_equal(one.mesh.vertices_m, same.mesh.vertices_m)
    assert one.parameters != other.parameters


@pytest.mark.slow
def test_draws_are_mostly_transparent_and_cover_every_family() -> None:
    rng = np.random.default_rng(0)
    things = [draw_tableware(rng) for _ in range(300)]
    assert {thing.family for thing in things} == set(FAMILIES) and len(FAMILIES) >= 10
    transparent = np.mean([thing.material.optics == "transparent" for thing in things])
    specular = np.mean([thing.material.optics == "specular" for thing in things])
    assert 0.53 < transparent < 0.67 and 0.14 < specular < 0.26


def test_an_unknown_family_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigurationError, match="wine glass"):
        draw_tableware(np.random.default_rng(0), "teapot")


def test_mass_properties_of_a_cylinder_are_the_textbook_ones() -> None:
    radius, height = 0.03, 0.1
    volume, center, inertia = mass_properties(lathe([(0, 0), (radius, 0), (radius, height), (0, height)], segments=720))
    assert volume == pytest.approx(np.pi * radius**2 * height, rel=1e-4)
    assert center == pytest.approx([0, 0, height / 2], abs=1e-6)
    across = volume * (3 * radius**2 + height**2) / 12
    assert np.diag(inertia) == pytest.approx([across, across, volume * radius**2 / 2], rel=1e-4)


def test_a_rounded_box_loses_only_its_edges() -> None:
    half = np.array([0.02, 0.03, 0.04])
    mesh = rounded_box(half, 0.002)
    assert is_closed(mesh)
    assert np.abs(mesh.vertices_m).max(0) == pytest.approx(half, abs=1e-6)
    assert 0.98 < mass_properties(mesh)[0] / (8 * half.prod()) < 1.0


def test_a_fillet_keeps_the_ends_and_stays_inside_the_corner() -> None:
    corner = fillet([(0, 0), (0.03, 0), (0.03, 0.1)], 0.004)
    assert np.array_equal(corner[[0, -1]], [(0, 0), (0.03, 0.1)])
    assert (corner[:, 0] <= 0.03).all() and (corner[:, 1] >= 0).all()
    assert 0.001 < np.linalg.norm(corner - (0.03, 0), axis=1).min() < 0.004
