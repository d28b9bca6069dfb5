"""The renderer's pictures agree with geometry: tags, planes and spheres are where the cell says."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from core.clock import WallClock
from core.errors import CameraError
from core.surfaces import SURFACES
from core.transforms import apply, invert, transform
from hardware.robot.fixtures import fixtures_of
from hardware.simulation.catalogue.cell_scene import cell_scene, lamps, room, table_finish
from hardware.simulation.catalogue.tableware import GLASS, MATTE, TINTED, draw_tableware, material_of
from hardware.simulation.rendering.backend import _llvm_version
from hardware.simulation.rendering.path_tracer import PathTracer
from hardware.simulation.rendering.raycast import RayCaster
from hardware.simulation.rendering.renderer import Renderer, develop
from hardware.simulation.scene.meshes import Primitive
from hardware.simulation.scene.scene import TAG_LIFT_M, RobotShape
from hardware.simulation.scene.triangles import primitive, smooth
from hardware.simulation.sim_camera import REMEMBERED, SimCamera, cell_intrinsics
from perception.table.tags import detect_tags, tag_corners_m
from tests.support.paths import ROOT
from tests.support.scenes.fixtures import LAMP, RAISED, furnished
from tests.support.scenes.rendering import ball, render, scene, small_cell

CELL = small_cell()
RAYS = cell_intrinsics(CELL).rays()
#: Its arms on the table, and nothing that stands about.
BARE = furnished().model_copy(update={"camera": CELL.camera})


def truth_of(state, cell=CELL):
    return RayCaster(cell_scene(cell, state).parts()).truth(cell_intrinsics(CELL), state.T_world_camera)


def world_points(depth_m):
    return apply(CELL.camera.T_world_camera, depth_m[..., None] * RAYS)


@pytest.mark.slow
@pytest.mark.parametrize("surface", SURFACES)
def test_every_tag_is_seen_where_the_cell_puts_it(surface):
    cell = small_cell(2)
    intrinsics = cell_intrinsics(cell)
    state = scene(cell, surface)
    radiance = PathTracer(cell_scene(cell, state).parts(), room(3), lamps(3)).radiance(
        intrinsics, state.T_world_camera, 8
    )
    seen = detect_tags(develop(radiance), cell.tags)
    assert {tag.id for tag in seen} == {tag.id for tag in cell.tags}
    T_camera_world = invert(state.T_world_camera)
    errors_px = []
    for tag in seen:
        T_world_tag = next(t.T_world_tag for t in cell.tags if t.id == tag.id) @ transform(None, (0, 0, TAG_LIFT_M))
        expected = intrinsics.project(apply(T_camera_world @ T_world_tag, tag_corners_m(tag.size_m)))
        errors_px.append(np.linalg.norm(tag.corners_px - expected, axis=1))
    assert np.mean(errors_px) < 0.3


def test_truth_of_an_empty_table_is_its_plane():
    depth_m = truth_of(scene(CELL, "diffuse")).depth_m
    points = world_points(depth_m)
    on_table = (np.abs(points[..., :2]) < np.array(CELL.table.size_m) / 2 - 0.05).all(-1) & (points[..., 2] < 0.001)
    normal = CELL.camera.T_world_camera[:3, :3].T @ [0.0, 0.0, 1.0]
    plane = -CELL.camera.T_world_camera[2, 3] / (RAYS @ normal)
    lift = np.abs(depth_m - plane)[on_table]
    assert on_table.mean() > 0.5
    # Tags lie 0.2 mm above it: that is all a table's depth may differ.
    assert lift.max() < 5e-4
    assert np.median(lift) < 1e-6


def test_fixtures_and_pedestals_are_seen_where_the_cell_has_them():
    cell = RAISED.model_copy(update={"camera": CELL.camera})
    depth_m, bare_m = (truth_of(scene(one, "diffuse"), one).depth_m for one in (cell, BARE))
    changed = np.abs(depth_m - bare_m) > 1e-6
    points, on_any = world_points(depth_m), np.zeros(depth_m.shape, bool)
    for one in fixtures_of(cell):
        away_m = np.abs(apply(invert(one.T_world_box), points)) - one.half_m
        on = (away_m.max(axis=-1) < 1e-4) & (away_m.max(axis=-1) > -1e-4)
        assert (on & changed).any() or one.name == LAMP.name, one.name  # which hangs above all that the camera sees
        on_any |= on
    assert on_any[changed].all()


@pytest.mark.slow
def test_a_fixture_is_in_the_path_traced_picture():
    cell = RAISED.model_copy(update={"camera": CELL.camera})
    bare, with_them = (render(one, scene(one, "diffuse")) for one in (BARE, cell))
    bare_m, depth_m = (truth_of(scene(one, "diffuse"), one).depth_m for one in (BARE, cell))
    changed = np.abs(depth_m - bare_m) > 1e-6
    off = np.abs(bare.color.astype(float) - with_them.color).mean(axis=-1)
    assert off[changed].mean() > 3 * off[~changed].mean()


def test_truth_of_a_ball_is_the_sphere_with_its_normals():
    radius = 0.06
    truth = truth_of(scene(CELL, "diffuse", (ball(GLASS, radius), 0.05, -0.02)))
    mine = truth.instance_ids == 1
    away = world_points(truth.depth_m)[mine] - [0.05, -0.02, radius]
    assert mine.sum() > 150
    # A polyhedron of 40 x 24 sides lies up to 0.3 mm inside its sphere.
    assert np.abs(np.linalg.norm(away, axis=1) - radius).max() < 4e-4
    normals = truth.normals[mine] @ CELL.camera.T_world_camera[:3, :3].T
    cosine = np.einsum("ni,ni->n", normals, away / np.linalg.norm(away, axis=1, keepdims=True))
    assert np.degrees(np.arccos(cosine.min())) < 4.0


def test_things_of_one_material_keep_their_own_instance():
    things = [(ball(GLASS), x, y) for x, y in ((0.05, -0.15), (0.05, 0.0), (0.05, 0.15))]
    ids = truth_of(scene(CELL, "reflective", *things)).instance_ids
    columns = [np.nonzero(ids == i)[1].mean() for i in (1, 2, 3)]
    assert set(np.unique(ids)) == {0, 1, 2, 3}
    # The camera faces the arms: world +y is to its right.
    assert columns[0] < columns[1] < columns[2]


@pytest.mark.slow
def test_a_crop_of_the_camera_sees_the_crop_of_its_picture():
    intrinsics = cell_intrinsics(CELL)
    state = scene(CELL, "diffuse")
    tracer = PathTracer(cell_scene(CELL, state).parts(), room(3), lamps(3))
    whole = tracer.radiance(intrinsics, state.T_world_camera, 8)
    left, top, width, height = 100, 20, 80, 90
    cropped = replace(intrinsics, width=width, height=height, cx=intrinsics.cx - left, cy=intrinsics.cy - top)
    part = tracer.radiance(cropped, state.T_world_camera, 8)
    errors = [
        np.abs(part[4:-4, 4:-4] - whole[top + dy + 4 :, left + dx + 4 :][: height - 8, : width - 8]).mean()
        for dx, dy in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
    ]
    assert np.argmin(errors) == 0


def test_glass_shows_what_is_behind_it_and_matter_hides_it():
    intrinsics = cell_intrinsics(CELL)

    def picture(*things):
        state = scene(CELL, "diffuse", *things)
        color = develop(
            PathTracer(cell_scene(CELL, state).parts(), room(3), lamps(3)).radiance(intrinsics, state.T_world_camera, 8)
        )
        return color.astype(float), truth_of(state).instance_ids == 1

    empty, _ = picture()
    change = {}
    for material in (GLASS, MATTE):
        tumbler = draw_tableware(np.random.default_rng(5), "tumbler", material)
        color, mine = picture((replace(tumbler, material=material_of(material, (0.05, 0.1, 0.9))), 0.05, 0.0))
        change[material] = np.abs(color - empty)[mine].mean()
    assert 2.0 < change[GLASS] < change[MATTE] / 2


def test_appearance_comes_from_the_seed_alone():
    for surface in SURFACES:
        assert np.array_equal(table_finish(surface, 5).texture, table_finish(surface, 5).texture)
        assert not np.array_equal(table_finish(surface, 5).texture, table_finish(surface, 6).texture)


def test_shading_is_smooth_across_gentle_edges_and_sharp_across_creases():
    cylinder = primitive(Primitive("cylinder", (0.03, 0.05), np.eye(4)))
    sideways = np.abs(cylinder.normals[..., 2]) < 0.1
    upright = np.abs(cylinder.normals[..., 2]) > 0.9
    assert (sideways | upright).all()
    corners = cylinder.corners_m[sideways]
    outward = corners[:, :2] / np.linalg.norm(corners[:, :2], axis=1, keepdims=True)
    assert np.einsum("ni,ni->n", outward, cylinder.normals[sideways][:, :2]).min() > 0.999


@pytest.mark.parametrize("kind, size", [("box", (0.1, 0.2, 0.3)), ("sphere", (0.1,)), ("capsule", (0.1, 0.2))])
def test_primitives_face_outwards(kind, size):
    triangles = primitive(Primitive(kind, size, np.eye(4)))
    corners = triangles.corners_m.astype(float)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("fi,fci->fc", normals, triangles.normals) > 0).all()
    assert np.einsum("fi,fi->", corners[:, 0], normals) > 0


def test_an_unknown_primitive_is_refused_by_name():
    with pytest.raises(ValueError, match="cone"):
        primitive(Primitive("cone", (0.1,), np.eye(4)))


def test_a_mesh_without_area_still_has_unit_normals():
    flat = smooth(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [2, 0, 0]], float), np.array([[0, 1, 2], [0, 1, 3]]))
    assert np.isfinite(flat.normals).all()


def test_camera_reads_fresh_frames_and_keeps_the_truth_apart():
    state = scene(CELL, "diffuse", (ball(MATTE), 0.05, 0.0))
    with SimCamera(CELL, lambda: state, WallClock(), spp=4) as camera:
        frames = [camera.read() for _ in range(REMEMBERED + 1)]
        numbers, stamps = [f.number for f in frames], [f.stamp_s for f in frames]
        assert numbers == sorted(set(numbers))
        assert stamps == sorted(set(stamps))
        first, second = frames[0], frames[1]
        assert first.color.shape == (120, 212, 3)
        assert first.depth_m.dtype == np.float32
        assert first.infrared is not None
        assert first.infrared[0].shape == first.infrared[1].shape == (120, 212)
        # Nothing moved: the same scene, each time with new sensor noise.
        assert not np.array_equal(first.color, second.color)
        assert np.abs(first.color.astype(int) - second.color).mean() < 3
        assert np.array_equal(camera.truth(frames[-1]), camera.truth(frames[-2]))
        with pytest.raises(CameraError, match="not kept"):
            camera.truth(first)
        with pytest.raises(CameraError, match="period"):
            camera.read(timeout_s=0.001)
    with pytest.raises(CameraError, match="closed"):
        camera.read()


@pytest.mark.slow
def test_camera_sees_what_has_moved():
    states = [scene(CELL, "diffuse", (ball(MATTE), 0.05, y)) for y in (-0.1, 0.1)]
    arm = RobotShape(Primitive("box", (0.05, 0.05, 0.2), np.eye(4)), transform(None, (0.0, 0.3, 0.2)), (0.9, 0.9, 0.9))
    states.append(replace(states[1], robot=(arm,)))
    camera = SimCamera(CELL, iter(states).__next__, WallClock(), spp=4)
    truths = [camera.truth(camera.read()) for _ in states]
    assert np.abs(truths[0] - truths[1]).max() > 0.02
    assert np.abs(truths[1] - truths[2]).max() > 0.02


@pytest.mark.slow
def test_a_scene_that_is_laid_anew_is_not_rendered_anew(monkeypatch: pytest.MonkeyPatch):
    rendered, see = [], Renderer.render
    monkeypatch.setattr(Renderer, "render", lambda self, *given: rendered.append(self) or see(self, *given))
    y_m = (-0.1, 0.1, 0.1, -0.1)
    states = [scene(CELL, "diffuse", (ball(MATTE), 0.05, y)) for y in y_m]  # each of an object made anew
    states.append(scene(CELL, "diffuse", (ball("tinted glass"), 0.05, 0.1)))
    camera = SimCamera(CELL, iter(states).__next__, WallClock(), spp=4)
    truths = [camera.truth(camera.read()) for _ in states]
    assert len(rendered) == 3
    assert np.array_equal(truths[0], truths[3])
    assert np.array_equal(truths[1], truths[2])


def test_llvm_versions_are_read_from_library_names():
    names = {"libLLVM.so.19.1": 19, "libLLVM-15.so.1": 15, "libLLVM-14.0.6.so.1": 14, "libLLVM.so": 0}
    assert {name: _llvm_version(name) for name in names} == names


@pytest.mark.slow
def test_without_llvm_the_scalar_renderer_gives_the_same_picture(tmp_path):
    code = """
import sys, numpy as np
import hardware.simulation.rendering.backend as backend
backend._llvm_library = lambda: None
backend._has_optix = lambda: False
sys.path.insert(0, "tests")
from tests.support.scenes.rendering import ball, render, scene, small_cell
cell = small_cell(8)
state = scene(cell, "diffuse", (ball("tinted glass"), 0.05, 0.0))
assert backend.mitsuba().variant() == "scalar_rgb"
np.save(sys.argv[1], render(cell, state, 8).color)
"""
    out = tmp_path / "color.npy"
    done = subprocess.run([sys.executable, "-c", code, str(out)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    cell = small_cell(8)
    color = render(cell, scene(cell, "diffuse", (ball(TINTED), 0.05, 0.0)), 8).color
    blocks = [
        picture[:60, :100].astype(float).reshape(6, 10, 10, 10, 3).mean((1, 3)) for picture in (np.load(out), color)
    ]
    assert np.abs(blocks[0] - blocks[1]).max() < 8.0
