"""What drawn scenes are made of: tags where they are said to lie, print that can be read, shapes that are closed."""

import ast
from pathlib import Path

import numpy as np
import pytest
import trimesh

from core.image import Intrinsics
from core.transforms import apply, look_at
from hardware.simulation.catalogue.tableware import FAMILIES
from hardware.simulation.rendering.raycast import RayCaster
from hardware.simulation.scene.scene import PlacedObject
from hardware.simulation.scene.triangles import box, rectangle
from perception.learning.synthesis.scenes import profiles, shapes, textures
from perception.learning.synthesis.scenes.backdrop import Backdrop, draw_backdrop
from perception.learning.synthesis.scenes.drawing import LID, LIQUID, TRANSPHY3D, Mix, draw_object, draw_scene
from perception.learning.synthesis.scenes.shapes import draw_moulding, draw_solid, draw_vessel
from perception.table.tags import tag_corners_m
from tests.support.paths import ROOT


def modules_imported_by(file: Path) -> set[str]:
    """Every module, and every name of one, that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_nothing_is_drawn_from_the_cells_catalogue_nor_the_cells_objects_from_what_is_drawn() -> None:
    """So figures measured on the cell's scenes are of objects, tables, rooms and lamps that training never saw."""
    rooms = ROOT / "perception/learning/synthesis/scenes", ROOT / "hardware/simulation/catalogue"
    others = "hardware.simulation.catalogue", "perception.learning.synthesis.scenes"
    for room, other in zip(rooms, others, strict=True):
        files = list(room.glob("*.py"))
        assert len(files) > 5
        for file in files:
            assert not [name for name in modules_imported_by(file) if name.startswith(other)], file
    shape_draws = {draw for draw, _ in shapes.KINDS} | {draw for draw, _ in profiles.SECTIONS}
    assert {draw.__module__ for draw in shape_draws} == {shapes.__name__, profiles.__name__}
    assert {family.draw.__module__.rpartition(".")[0] for family in FAMILIES.values()} == {others[0]}
    drawn = {shapes.draw_shape(np.random.default_rng([seed, 4])).family.split(",")[0] for seed in range(150)}
    assert drawn == {"vessel", "moulding", "solid", "block"}
    assert not (drawn | {LIQUID, LID}) & set(FAMILIES)


def backdrops(count: int) -> list[Backdrop]:
    return [draw_backdrop(np.random.default_rng([7, i]), "diffuse") for i in range(count)]


@pytest.mark.slow
def test_tags_lie_where_they_are_said_to_and_no_two_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "perception.learning.synthesis.scenes.backdrop.draw_pattern", lambda *_: np.full((2, 2, 3), 0.5, np.float32)
    )
    drawn = backdrops(40)
    for backdrop in drawn:
        (papers,) = [part for part in backdrop.parts if part.name == "tags"]
        corners_m = papers.triangles.corners_m.reshape(-1, 6, 3)
        assert len({tag.id for tag in backdrop.tags}) == len(backdrop.tags)
        if not backdrop.tags:
            assert corners_m[..., 2].max() < -5, "hidden"
            continue
        for tag, paper_m in zip(backdrop.tags, corners_m, strict=True):
            # Of paper, of which the black square is eight tenths; its two triangles start at the lower left.
            square_m = apply(tag.T_world_tag, tag_corners_m(tag.size_m * 10 / 8))
            np.testing.assert_allclose(paper_m[[0, 1, 2, 5], :2], square_m[:, :2], atol=1e-6)
    assert 0.3 < np.mean([bool(backdrop.tags) for backdrop in drawn]) < 0.9


def test_a_picture_stands_upright_on_every_side_of_a_box_and_is_not_mirrored() -> None:
    triangles = box((0.1, 0.2, 0.3))
    for corners, normals, uv in zip(triangles.corners_m, triangles.normals, triangles.uv, strict=True):
        # Seen from outside, v runs a quarter turn to the left of u.
        edges, steps = np.diff(corners, axis=0), np.diff(uv, axis=0)
        along = np.linalg.solve(steps, edges)
        assert np.cross(along[0], along[1]) @ normals[0] == pytest.approx(1.0, abs=1e-4)


def test_the_upper_row_of_a_drawn_picture_is_the_upper_edge_of_what_it_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 0 of a texture is at v = 0, which is the lower edge of a rectangle."""
    picture = np.linspace(0.2, 0.8, textures.TEXTURE_PX)[:, None, None] * np.ones((1, textures.TEXTURE_PX, 3))
    monkeypatch.setattr(textures, "PATTERNS", (lambda _: picture,))
    texture = textures.draw_pattern(np.random.default_rng(0))
    sheet = rectangle((1.0, 1.0))
    upper = sheet.corners_m[..., 1] > 0
    rows = (sheet.uv[..., 1] * (len(texture) - 1)).astype(int)
    assert texture[rows[upper]].mean() < 0.3 < 0.5 < texture[rows[~upper]].mean()


@pytest.mark.parametrize("draw", [draw_vessel, draw_moulding, draw_solid])
def test_every_drawn_shape_is_closed_and_stands_on_the_table(draw) -> None:
    for seed in range(6):
        shape = draw(np.random.default_rng([seed, 1]))
        body = trimesh.Trimesh(shape.mesh.vertices_m, shape.mesh.faces)
        assert body.is_watertight and body.volume > 0, (seed, shape.family)
        assert abs(float(shape.mesh.vertices_m[:, 2].min())) < 1e-4
        for extra in (shape.liquid, shape.lid):
            if extra is not None:
                closed = trimesh.Trimesh(extra.vertices_m, extra.faces)
                assert closed.is_watertight and closed.volume > 0, (seed, shape.family)


@pytest.mark.parametrize("family", [LID, LIQUID])
def test_from_above_a_lid_or_a_liquid_is_seen_and_from_beside_its_vessel(family: str) -> None:
    things = (draw_object(np.random.default_rng([seed, 2])) for seed in range(1000))
    thing = next(one for one in things if [extra.family for extra in one.contents] == [family])
    placed = PlacedObject(thing, np.eye(4), 5)
    caster, camera = RayCaster(placed.parts()), Intrinsics(41, 41, 60.0, 60.0, 20.0, 20.0)
    above, beside = (
        caster.truth(camera, look_at(eye, (0.0, 0.0, 0.05), up=(0.1, 1.0, 0.2))).instance_ids
        for eye in ((0.0, 0.0, 0.5), (0.4, 0.0, 0.05))
    )
    assert placed.pieces()[above[20, 20]].family == family
    assert 5 in beside and placed.pieces()[5] is thing


def test_nothing_in_a_scene_shares_its_id_and_what_lies_holds_no_liquid() -> None:
    """Scene [9, 2] has two filled and closed vessels among its six objects, [123, 1] five with a liquid or a lid."""
    for scene in (draw_scene([9, 2]), draw_scene([123, 1])):
        ids = [id_ for placed in scene.objects for id_ in placed.pieces()]
        assert ids == list(range(1, len(ids) + 1)) and len(ids) > len(scene.objects)
        assert sorted({part.instance_id for part in scene.parts()}) == [0, *ids]
        for placed in scene.objects:
            stands = placed.T_world_object[2, 2] > 0.99
            assert stands or LIQUID not in [extra.family for extra in placed.item.contents]


def test_a_mix_says_what_is_drawn_and_the_papers_is_what_is_drawn_without_one() -> None:
    metal = Mix({"transparent": 0.0, "specular": 1.0, "ordinary": 0.0}, (0.0, 0.0, 1.0))
    things = [draw_object(np.random.default_rng(seed), metal) for seed in range(20)]
    assert {thing.material.optics for thing in things} == {"specular"}
    assert {thing.family.split(",")[0] for thing in things} <= {"solid", "block"}
    for seed in range(5):
        usual, told = (draw_object(np.random.default_rng(seed), *mix) for mix in ((), (TRANSPHY3D,)))
        assert usual.material.name == told.material.name and np.array_equal(usual.mesh.vertices_m, told.mesh.vertices_m)
