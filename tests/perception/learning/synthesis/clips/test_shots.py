"""What a clip is made of follows from its number: surface, views, meshes, sensor; and nothing hides the scene."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from io import BytesIO

import numpy as np
import pytest

from core.transforms import look_at, transform
from hardware.simulation.scene.materials import Material, Scattering, plain
from hardware.simulation.scene.meshes import Mesh
from hardware.simulation.scene.scene import Scene, SceneObject, ScenePart
from hardware.simulation.scene.triangles import rectangle
from perception.learning.synthesis.clips.camera_path import FRAMES_A_TURN
from perception.learning.synthesis.clips.render import render_clip
from perception.learning.synthesis.clips.settings import SynthSettings
from perception.learning.synthesis.clips.shots import clear_view, draw_shot
from perception.learning.synthesis.scenes.drawing import LID, LIQUID, draw_scene

TINY = SynthSettings(seed=9, width=64, height=48, frames=1, spp=2)
GREY = plain(Scattering.MATTE, (0.4, 0.4, 0.4))


def told(settings: SynthSettings, number: int, things: tuple[SceneObject, ...] = ()) -> Mapping:
    """What a clip is of, which is known before its first picture."""
    return json.loads(next(iter(render_clip(settings, number, things)))["clip.json"])


facts_of = cache(told)


def brick() -> SceneObject:
    half = np.array([0.03, 0.02, 0.05], np.float32)
    corners = np.array(np.meshgrid(*[[-1, 1]] * 3, indexing="ij"), np.float32).reshape(3, 8).T * half + [0, 0, 0.05]
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1]]
    faces += [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
    return SceneObject(
        "brick",
        Material("matte", "ordinary", 700.0, GREY),
        Mesh(corners.astype(np.float32), np.array(faces, np.int32)),
        0.3,
    )


@pytest.fixture(scope="module")
def scene() -> Scene:
    return draw_scene([9, 0])


@pytest.mark.slow
def test_a_clip_with_a_sensor_differs_from_one_without_only_by_its_depth() -> None:
    seen = [file for part in render_clip(replace(TINY, sensor=True), 0) for file in part.items()]
    plain_files = {name: content for part in render_clip(TINY, 0) for name, content in part.items()}
    sensed = {name: content for name, content in seen}
    depth_m = np.load(BytesIO(sensed.pop("000000.depth.npy")))
    assert depth_m.dtype == np.float32 and depth_m.shape == (48, 64)
    of_sets = [json.loads(files.pop("clip.json")) for files in (sensed, plain_files)]
    assert sensed == plain_files
    assert of_sets[0].pop("settings") != of_sets[1].pop("settings"), "they are of two data sets"
    assert of_sets[0] == of_sets[1]


@pytest.mark.slow
def test_the_surface_is_the_one_asked_for_or_any() -> None:
    for surface in ("reflective", "translucent", "diffuse"):
        assert facts_of(replace(TINY, surface=surface), 3)["surface"] == surface
    assert any(facts_of(TINY, number)["surface"] != facts_of(TINY, 0)["surface"] for number in range(1, 9))


@pytest.mark.slow
def test_clips_differ_by_number_and_by_seed_and_repeat_by_both() -> None:
    several = [facts_of(TINY, 0), facts_of(TINY, 1), facts_of(replace(TINY, seed=10), 0)]
    assert told(TINY, 0) == several[0]
    assert len({json.dumps(facts["T_world_camera"]) for facts in several}) == 3


def test_jumps_share_a_scene_and_not_a_view() -> None:
    orbit, jump = (facts_of(replace(TINY, views=views, frames=4), 2) for views in ("orbit", "jump"))
    assert orbit["objects"] == jump["objects"] and jump["views"] == "jump"
    eyes = np.array(jump["T_world_camera"])[:, :3, 3]
    assert np.linalg.norm(np.diff(eyes, axis=0), axis=1).min() > 0.05


def test_what_belongs_to_an_object_says_to_which() -> None:
    families = set()
    for number in (2, 5, 11):
        told_of = {one["id"]: one for one in facts_of(TINY, number)["objects"]}
        for part in (one for one in told_of.values() if "of" in one):
            assert "of" not in told_of[part["of"]], "whose it is, is an object"
            assert part["optics"] == "ordinary" or part["family"] == LIQUID
            families.add(part["family"])
    assert families == {LIQUID, LID}


def test_a_users_things_come_among_the_drawn_ones() -> None:
    families: set[str] = set()
    for number in range(8):
        families |= {one["family"] for one in told(TINY, number, (brick(),))["objects"]}
        if "brick" in families and len(families) > 1:
            return
    raise AssertionError(families)


def test_the_renderer_is_named_with_its_variant() -> None:
    from hardware.simulation.rendering.backend import mitsuba

    assert mitsuba().variant() in facts_of(TINY, 0)["renderer"]


def test_a_wall_before_a_camera_is_out_of_sight_and_one_behind_the_scene_stays(scene: Scene) -> None:
    wall = ScenePart("wall", rectangle((5, 3)).at(look_at((0.6, 0, 0), (0, 0, 0))), GREY)
    walled = replace(scene, backdrop=(wall,))
    behind, before = np.array([[0.9, 0.0, 0.4]]), np.array([[-0.9, 0.0, 0.4], [0.0, 0.8, 0.3]])
    assert clear_view(walled, behind).backdrop[0].triangles.corners_m[..., 2].max() < -5
    assert len(clear_view(walled, behind).backdrop) == 1, "hidden, not taken away: the kernels stay"
    assert clear_view(walled, before).backdrop == (wall,)


def test_a_short_clip_shows_the_scene_of_a_whole_turn(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a wall that the camera comes behind on its way, long after the short clip has ended."""
    whole, short = replace(TINY, frames=FRAMES_A_TURN), replace(TINY, frames=3)
    x, y = draw_shot(whole, 0).T_world_cameras[FRAMES_A_TURN // 2, :2, 3] / 2
    wall = ScenePart("wall", rectangle((5, 3)).at(look_at((x, y, 0), (0, 0, 0))), GREY)
    monkeypatch.setattr(
        "perception.learning.synthesis.clips.shots.draw_scene", lambda *_: replace(scene, backdrop=(wall,))
    )
    shots = [draw_shot(settings, 0) for settings in (whole, short)]
    heights_m = [shot.scene.backdrop[0].triangles.corners_m[..., 2].max() for shot in shots]
    assert heights_m[0] == heights_m[1] < -5
    assert (shots[0].T_world_cameras[:3] == shots[1].T_world_cameras).all() and len(shots[1].T_world_cameras) == 3


def test_an_arm_in_the_lens_is_taken_away(scene: Scene) -> None:
    arm = ScenePart("arm", rectangle((0.05, 0.05)).at(transform(translation_m=(0.5, 0.0, 0.4))), GREY)
    reaching = replace(scene, backdrop=(arm,))
    assert clear_view(reaching, np.array([[0.5, 0.05, 0.42]])).backdrop == ()
    assert clear_view(reaching, np.array([[-0.5, 0.0, 0.4]])).backdrop == (arm,)


def test_a_narrow_view_is_zoomed_and_off_its_middle() -> None:
    wide, narrow = (
        json.loads(next(iter(render_clip(s, 0)))["intrinsics.json"]) for s in (TINY, replace(TINY, zoom=2.0))
    )
    assert 1 < narrow["fx"] / wide["fx"] < 2
    assert (wide["cx"], wide["cy"]) == (31.5, 23.5) != (narrow["cx"], narrow["cy"])
