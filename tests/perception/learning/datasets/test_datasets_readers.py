"""Every layout gives back what was written into it, and a wrong or damaged one is named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.cell_parts import Tag
from core.errors import ConfigurationError, DatasetError
from perception.learning.datasets.base import KINDS, open_dataset
from tests.support.dataset_samples import (
    CAMERA,
    GLASS_ID,
    NORMAL,
    OFFSET_M,
    sample,
    write_cleargrasp_real,
    write_cleargrasp_synthetic,
    write_clearpose,
    write_dreds,
    write_hiss,
    write_transphy3d,
)
from tests.support.real_captures import captures_folder

WRITERS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "transphy3d": ("transphy3d", write_transphy3d),
    "cleargrasp real": ("cleargrasp", lambda root: write_cleargrasp_real(root / "real-val" / "d435")),
    "cleargrasp synthetic": ("cleargrasp", lambda root: write_cleargrasp_synthetic(root / "cup-val" / "source-files")),
    "dreds": ("dreds", lambda root: write_dreds(root / "DREDS-CatKnown" / "test" / "00000", real=False)),
    "std": ("dreds", lambda root: write_dreds(root / "STD-CatKnown" / "test_0", real=True)),
    "hiss": ("hiss", lambda root: write_hiss(root / "val" / "102344049")),
    "clearpose": ("clearpose", lambda root: write_clearpose(root / "set1" / "scene5")),
}
#: Steps of the stored depth [m]: half floats, millimetres, tenths of them.
TOLERANCE_M = {"clearpose": 6e-4, "transphy3d": 6e-5}


@pytest.mark.parametrize("layout", WRITERS)
def test_depth_colour_and_sensor_come_back_as_they_were_written(layout: str, tmp_path: Path) -> None:
    kind, write = WRITERS[layout]
    write(tmp_path)
    clip = open_dataset(kind, tmp_path).clips[0]
    frame, one = clip.frame(0), sample(0)
    np.testing.assert_allclose(frame.depth_m, one.truth_m, atol=TOLERANCE_M.get(kind, 1e-6))
    # JPEG is not exact.
    assert np.abs(frame.color.astype(int) - one.color).mean() < (12 if kind == "cleargrasp" else 0.01)
    if frame.sensor_m is not None:
        np.testing.assert_allclose(frame.sensor_m, one.sensor_m, atol=TOLERANCE_M.get(kind, 1e-6))


@pytest.mark.parametrize("layout", sorted(set(WRITERS) - {"hiss"}))
def test_glass_is_known_where_the_data_set_tells_of_materials(layout: str, tmp_path: Path) -> None:
    kind, write = WRITERS[layout]
    write(tmp_path)
    frame = open_dataset(kind, tmp_path).clips[0].frame(0)
    assert frame.transparent is not None
    np.testing.assert_array_equal(frame.transparent, sample(0).ids == GLASS_ID)


@pytest.mark.parametrize("layout", ["transphy3d", "cleargrasp real", "cleargrasp synthetic", "clearpose"])
def test_normals_are_in_camera_axes_and_face_the_camera(layout: str, tmp_path: Path) -> None:
    kind, write = WRITERS[layout]
    write(tmp_path)
    frame = open_dataset(kind, tmp_path).clips[0].frame(0)
    assert frame.normals is not None
    angle = np.degrees(np.arccos(np.clip(frame.normals @ NORMAL, -1, 1)))
    assert np.nanmax(angle) < 1.0


@pytest.mark.parametrize("layout", ["cleargrasp real", "cleargrasp synthetic", "clearpose", "transphy3d"])
def test_intrinsics_are_those_of_the_images(layout: str, tmp_path: Path) -> None:
    kind, write = WRITERS[layout]
    write(tmp_path)
    k = open_dataset(kind, tmp_path).clips[0].frame(0).intrinsics
    assert (k.width, k.height) == (CAMERA.width, CAMERA.height)
    np.testing.assert_allclose([k.fx, k.fy, k.cx, k.cy], [CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy], rtol=1e-6)


def test_the_tables_plane_follows_from_pose_and_world(tmp_path: Path) -> None:
    frame = open_dataset("transphy3d", write_transphy3d(tmp_path / "set")).clips[0].frame(1)
    assert frame.table is not None
    np.testing.assert_allclose(frame.table.normal, NORMAL, atol=1e-12)
    assert frame.table.offset_m == pytest.approx(OFFSET_M)
    assert frame.families == {1: "tumbler", 2: "can"}


def test_instance_zero_of_dreds_is_an_object(tmp_path: Path) -> None:
    for real in (True, False):
        root = tmp_path / str(real)
        write_dreds(root / "scene", real)
        frame = open_dataset("dreds", root).clips[0].frame(0)
        assert frame.families == {1: "bottle", 2: "can"}
        assert frame.specular is not None and frame.instance_ids is not None
        np.testing.assert_array_equal(frame.instance_ids, sample(0).ids)
        np.testing.assert_array_equal(frame.specular, sample(0).ids == 2)


def test_films_are_told_from_images(tmp_path: Path) -> None:
    films = {}
    for layout, (kind, write) in WRITERS.items():
        root = tmp_path / layout
        root.mkdir()
        write(root)
        films[layout] = open_dataset(kind, root).clips[0].is_video
    assert {layout for layout, film in films.items() if film} == {"transphy3d", "std", "clearpose"}


@pytest.mark.parametrize("above", ["", "d435", "real-val/d435"])
def test_captures_are_found_in_their_folder_and_below_it(above: str, tmp_path: Path) -> None:
    write_cleargrasp_real(tmp_path / above, ("1", "2"))
    assert [clip.name.split("/")[-1] for clip in open_dataset("cleargrasp", tmp_path).clips] == ["1", "2"]


def test_frames_that_the_authors_leave_out_of_hiss_are_left_out(tmp_path: Path) -> None:
    write_hiss(tmp_path / "train" / "102344049")
    write_hiss(tmp_path / "train" / "glass_door")
    (tmp_path / "train" / "bad_his.txt").write_text("datasets/HISS/train/102344049/0001_depth.exr 17.2\n")
    clips = open_dataset("hiss", tmp_path).clips
    assert [(clip.name, len(clip)) for clip in clips] == [("train/102344049", 1)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_of_another_layout_is_refused_with_what_was_looked_for_and_found(kind: str, tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(DatasetError) as refused:
        open_dataset(kind, tmp_path)
    assert "looked for" in refused.value.cause and "holiday.jpg" in refused.value.cause
    with pytest.raises(DatasetError, match="cannot be listed"):
        open_dataset(kind, tmp_path / "nowhere")


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="clearpose"):
        open_dataset("imagenet", Path())


@pytest.mark.parametrize(
    ("layout", "damaged"),
    [
        *(("transphy3d", "clips/000000/000000.truth.png"), ("transphy3d", "clips/000000/000000.png")),
        *(("cleargrasp real", "real-val/d435/000000001-opaque-depth-img.exr"),),
        *(("std", "STD-CatKnown/test_0/0000_mask.png"), ("dreds", "DREDS-CatKnown/test/00000/0000_meta.txt")),
        *(("hiss", "val/102344049/0000_simDepthImage.exr"), ("clearpose", "set1/scene5/metadata.mat")),
    ],
)
@pytest.mark.parametrize("how", ["cut off", "missing"])
def test_a_damaged_or_missing_file_is_named(layout: str, damaged: str, how: str, tmp_path: Path) -> None:
    kind, write = WRITERS[layout]
    write(tmp_path)
    file = tmp_path / damaged
    if how == "cut off":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    elif layout == "hiss":
        pytest.skip("HISS may lack what stereo saw")
    else:
        file.unlink()
    with pytest.raises(DatasetError) as refused:
        open_dataset(kind, tmp_path).clips[0].frame(0)
    assert file.name in refused.value.cause


def test_the_stamp_changes_with_the_files(tmp_path: Path) -> None:
    write_hiss(tmp_path / "scene")
    before = open_dataset("hiss", tmp_path).clips[0].stamp()
    assert open_dataset("hiss", tmp_path).clips[0].stamp() == before
    (tmp_path / "scene" / "0000_color.png").write_bytes(b"other")
    assert open_dataset("hiss", tmp_path).clips[0].stamp() != before


def test_real_captures_have_truth_and_sensor_in_the_same_places() -> None:
    if not captures_folder().is_dir():
        pytest.skip("real captures are not part of the repository (shared/real)")
    for clip in open_dataset("cleargrasp", captures_folder()).clips:
        frame = clip.frame(0)
        assert frame.sensor_m is not None and frame.transparent is not None
        assert np.nanmedian(np.abs(frame.sensor_m - frame.depth_m)[~frame.transparent]) < 0.003
        assert frame.intrinsics.fx == pytest.approx(921.0)


def test_tags_on_the_table_come_back_and_impossible_ones_are_named(tmp_path: Path) -> None:
    folder = write_transphy3d(tmp_path / "set", clips=1) / "clips/000000"
    assert open_dataset("transphy3d", tmp_path / "set").clips[0].frame(0).tags == ()
    told = json.loads((folder / "clip.json").read_text())
    tag = {"id": 7, "size_m": 0.05, "position_m": [0.1, -0.2], "yaw_rad": 0.4}
    (folder / "clip.json").write_text(json.dumps(told | {"tags": [tag]}))
    assert open_dataset("transphy3d", tmp_path / "set").clips[0].frame(1).tags == (Tag(**tag),)
    (folder / "clip.json").write_text(json.dumps(told | {"tags": [tag | {"id": 900}]}))
    with pytest.raises(DatasetError, match=r"clip\.json .*Tag"):
        open_dataset("transphy3d", tmp_path / "set").clips[0].frame(0)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"objects": None}, {"objects": [{"id": 1, "family": "cup"}]}, {"objects": ["cup"]}),
        *(
            {"T_world_camera": []},
            {"T_world_camera": [[[1.0] * 4] * 3]},
            {"T_world_camera": [[[float("nan")] * 4] * 4]},
        ),
        *({"table": None}, {"table": {"normal": [0.0, 0.0, 0.0], "offset_m": 0.0}}, {"tags": None}, {"files": 3}),
    ],
)
def test_what_clip_json_cannot_say_is_named(wrong: dict, tmp_path: Path) -> None:
    folder = write_transphy3d(tmp_path / "set", clips=1) / "clips/000000"
    told = json.loads((folder / "clip.json").read_text())
    (folder / "clip.json").write_text(json.dumps(told | wrong))
    with pytest.raises(DatasetError, match=r"clip\.json"):
        len(open_dataset("transphy3d", tmp_path / "set").clips[0])


def test_a_file_that_a_clip_had_is_missed_and_pictures_of_another_shape_are_refused(tmp_path: Path) -> None:
    root = write_transphy3d(tmp_path / "set", clips=1)
    folder = root / "clips/000000"
    told = json.loads((folder / "clip.json").read_text())
    (folder / "clip.json").write_text(json.dumps(told | {"files": {"000000.depth.npy": "0" * 64}}))
    (folder / "000000.depth.npy").unlink()
    np.save(folder / "000001.depth.npy", np.zeros(3, np.float32))
    (folder / "000002.ids.png").write_bytes((folder / "000002.png").read_bytes())
    clip = open_dataset("transphy3d", root).clips[0]
    for i, named in enumerate(("000000.depth.npy is missing", "000001.depth.npy is 3,", "000002.ids.png is 96x128x3")):
        with pytest.raises(DatasetError, match=named):
            clip.frame(i)


@pytest.mark.parametrize("focal", ["0", ".nan", "-3"])
def test_a_camera_that_no_picture_can_be_of_is_named(focal: str, tmp_path: Path) -> None:
    folder = write_cleargrasp_real(tmp_path)
    camera = f"xres: 256\nyres: 192\nfx: {focal}\nfy: 240\ncx: 127.5\ncy: 95.5\n"
    (folder / "camera_intrinsics.yaml").write_text(camera)
    with pytest.raises(DatasetError, match=r"camera_intrinsics\.yaml"):
        open_dataset("cleargrasp", tmp_path).clips[0].frame(0)


@pytest.mark.parametrize(
    "wrong",
    [{"factor_depth": 0}, {"intrinsic_matrix": np.zeros((3, 3))}, {"intrinsic_matrix": np.full((3, 3), np.nan)}],
)
def test_metadata_that_no_picture_can_be_of_is_named(wrong: dict, tmp_path: Path) -> None:
    from scipy.io import savemat

    folder = write_clearpose(tmp_path / "scene", frames=1)
    good = {"factor_depth": 1000, "intrinsic_matrix": CAMERA.matrix, "rotation_translation_matrix": np.eye(4)[:3]}
    for told in ({"000000": good | wrong}, {"000000": np.zeros((0, 0))}):
        savemat(folder / "metadata.mat", told)
        with pytest.raises(DatasetError, match=r"metadata\.mat"):
            open_dataset("clearpose", tmp_path).clips[0].frame(0)


def test_a_copy_of_a_rendered_clip_under_another_name_is_no_clip(tmp_path: Path) -> None:
    root = write_transphy3d(tmp_path / "set", clips=2)
    shutil.copytree(root / "clips/000001", root / "clips/000001-before")
    assert [clip.name for clip in open_dataset("transphy3d", root).clips] == ["000000", "000001"]
