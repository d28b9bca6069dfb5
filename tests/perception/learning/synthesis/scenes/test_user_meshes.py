"""A user's meshes come in as things on a table; each that cannot is named with its cause."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from core.errors import ConfigurationError
from perception.learning.synthesis.scenes.user_meshes import MATERIALS, read_user_meshes


def cylinder(height: float = 0.12, radius: float = 0.03) -> trimesh.Trimesh:
    return trimesh.creation.cylinder(radius=radius, height=height, sections=16)


def glass(height: float = 0.12) -> trimesh.Trimesh:
    """A tumbler with a wall: a closed shell, hollow from above."""
    profile = np.array([[0, 0], [0.03, 0], [0.03, height], [0.028, height], [0.028, 0.004], [0, 0.004]])
    return trimesh.creation.revolve(profile, sections=24)


def save(mesh: trimesh.Trimesh, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    mesh.export(file)


def refusal(folder: Path) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as refused:
        read_user_meshes(folder)
    return refused.value


@pytest.mark.parametrize("suffix", ["obj", "glb"])
def test_a_mesh_stands_on_the_table_in_metres(suffix: str, tmp_path: Path) -> None:
    mesh = glass()
    if suffix == "glb":
        mesh.apply_transform(trimesh.transformations.rotation_matrix(-np.pi / 2, [1, 0, 0]))
    save(mesh.apply_translation([3, 4, 5]), tmp_path / f"tumbler.glass.{suffix}")
    thing = read_user_meshes(tmp_path).objects[0]
    vertices = thing.mesh.vertices_m
    assert (thing.family, thing.material.name, thing.material.optics) == ("tumbler", "clear glass", "transparent")
    assert np.allclose(vertices.min(0), [-0.03, -0.03, 0], atol=1e-5)
    assert np.allclose(vertices.max(0), [0.03, 0.03, 0.12], atol=1e-5)
    body = trimesh.Trimesh(vertices, thing.mesh.faces, process=False)
    assert body.is_watertight and body.volume > 0
    assert thing.mass_kg == pytest.approx(2500 * body.volume, rel=1e-3)


def test_a_mesh_turned_inside_out_is_turned_back(tmp_path: Path) -> None:
    mesh = cylinder()
    mesh.invert()
    save(mesh, tmp_path / "can.mirror.obj")
    thing = read_user_meshes(tmp_path).objects[0]
    assert trimesh.Trimesh(thing.mesh.vertices_m, thing.mesh.faces, process=False).volume > 0


def test_hints_beside_the_files_give_material_colour_unit_and_axis(tmp_path: Path) -> None:
    save(cylinder(120.0, 30.0), tmp_path / "flask.obj")
    (tmp_path / "materials.yaml").write_text(
        "flask.obj: {material: tinted, color: [0.2, 0.6, 0.3], units: mm, up: y}\n"
    )
    thing = read_user_meshes(tmp_path).objects[0]
    assert thing.material.name == "tinted glass"
    assert np.allclose(thing.material.finish.texture, [0.2, 0.6, 0.3])
    assert np.allclose(np.ptp(thing.mesh.vertices_m, axis=0), [0.06, 0.12, 0.06], atol=2e-3), "it lies on its side"


def test_every_material_can_be_named(tmp_path: Path) -> None:
    for name in MATERIALS:
        save(cylinder(), tmp_path / f"rod.{name}.obj")
    things = read_user_meshes(tmp_path).objects
    assert sorted(thing.material.name for thing in things) == sorted(material.name for material in MATERIALS.values())


def test_all_that_cannot_be_used_is_named_with_its_cause_and_the_rest_is_listed(tmp_path: Path) -> None:
    save(cylinder(), tmp_path / "good.matte.obj")
    save(cylinder(120.0, 30.0), tmp_path / "huge.glass.obj")
    save(cylinder(0.0012, 0.0003), tmp_path / "tiny.glass.obj")
    save(cylinder(), tmp_path / "plain.obj")
    save(cylinder(), tmp_path / "odd.jelly.obj")
    opened = cylinder()
    opened.update_faces(np.arange(len(opened.faces)) > 0)
    save(opened, tmp_path / "open.glass.glb")
    (tmp_path / "empty.glass.obj").touch()
    (tmp_path / "hollow.glass.obj").write_text("# nothing\nv 0 0 0\n")
    (tmp_path / "nan.glass.obj").write_text("v nan 0 0\nv 0.1 0 0\nv 0 0.1 0\nf 1 2 3\n")
    (tmp_path / "broken.glass.glb").write_bytes(b"glTF\x02\x00\x00\x00 and no more")
    flat = trimesh.Trimesh([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0]], [[0, 1, 2], [0, 2, 1]], process=False)
    save(flat, tmp_path / "flat.glass.obj")
    error = refusal(tmp_path)
    for name, cause in {
        "huge.glass.obj": "is 120 m across",
        "tiny.glass.obj": "is 1.2 mm across",
        "plain.obj": "has no hint on its material (name it like plain.glass.obj",
        "odd.jelly.obj": "has the unknown material 'jelly'",
        "open.glass.glb": "is open (3 of its",
        "empty.glass.obj": "is an empty file",
        "hollow.glass.obj": "holds no triangles",
        "nan.glass.obj": "has vertices that are no numbers",
        "broken.glass.glb": "cannot be read",
        "flat.glass.obj": "has no volume",
    }.items():
        assert f"{name} {cause}" in error.cause, error.cause
    assert "were it drawn in mm, say so" in error.cause
    assert "good.matte.obj (matte)" in error.remedy and error.cause.count("good") == 0


@pytest.mark.parametrize(
    ("hints", "named"),
    [
        ("[", "materials.yaml cannot be used"),
        ("glass", "no list of files"),
        ("can.obj: {material: glass, units: inch}", "m, cm, mm"),
        ("can.obj: {material: glass, color: [1, 2, 3]}", "from 0 to 1"),
        ("can.obj: {colour: red}", "colour"),
        ("can.obj: glass\ngone.obj: glass", "gone.obj, which is not there"),
    ],
)
def test_wrong_hints_are_named(hints: str, named: str, tmp_path: Path) -> None:
    save(cylinder(), tmp_path / "can.obj")
    (tmp_path / "materials.yaml").write_text(hints)
    assert named in refusal(tmp_path).cause


def test_a_folder_without_meshes_is_refused(tmp_path: Path) -> None:
    assert "holds no mesh" in refusal(tmp_path).cause
    assert "cannot be listed" in refusal(tmp_path / "gone").cause


def test_the_digest_tells_one_set_of_meshes_from_another(tmp_path: Path) -> None:
    save(cylinder(), tmp_path / "a" / "can.matte.obj")
    save(cylinder(), tmp_path / "b" / "can.matte.obj")
    save(cylinder(0.11), tmp_path / "c" / "can.matte.obj")
    digests = [read_user_meshes(tmp_path / name).digest for name in "abc"]
    assert digests[0] == digests[1] != digests[2]
