"""Grasps on images from disk: formats, tables found without tags, real captures, pictures."""

import cv2
import numpy as np
import OpenEXR
import pytest

from core.errors import ConfigurationError, PerceptionError
from core.image import RgbdImage
from grasping.detection.from_files import grasps_in, read_rgbd, table_region
from grasping.grasp_set import SCORE, fingertips, rotation
from grasping.pictures import draw_grasps
from perception.table.plane import fit_table
from tests.support.real_captures import captures_folder, load_captures
from tests.support.scenes.tabletop import INTRINSICS, Tabletop, cuboid, drawn, lay

K = (INTRINSICS.fx, INTRINSICS.fy, INTRINSICS.cx, INTRINSICS.cy)


@pytest.fixture(scope="module")
def scene() -> Tabletop:
    return lay(drawn("can", seed=1, xy=(0.03, -0.10)), drawn("mug", seed=2, xy=(0.05, 0.10)))


def frame_of(scene: Tabletop) -> RgbdImage:
    color = np.full((*scene.depth_m.shape, 3), 90, np.uint8)
    return RgbdImage(color, scene.depth_m, INTRINSICS)


@pytest.fixture
def files(tmp_path, scene):
    """The scene in every format, with holes written as each format does."""
    depth = scene.depth_m.copy()
    depth[::50, ::50] = np.nan
    cv2.imwrite(str(tmp_path / "rgb.png"), np.full((*depth.shape, 3), 90, np.uint8))
    holes = np.nan_to_num(depth)
    np.save(tmp_path / "depth.npy", depth)
    np.save(tmp_path / "depth_zero.npy", holes[..., None])
    np.save(tmp_path / "depth_mm.npy", np.rint(holes * 1000).astype(np.uint16))
    cv2.imwrite(str(tmp_path / "depth.png"), np.rint(holes * 1000).astype(np.uint16))
    with OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION}, {"Z": depth}) as exr:
        exr.write(str(tmp_path / "depth.exr"))
    return tmp_path


@pytest.mark.parametrize("name", ["depth.npy", "depth_zero.npy", "depth_mm.npy", "depth.png", "depth.exr"])
def test_every_format_gives_the_same_depth(files, scene, name):
    frame = read_rgbd(files / "rgb.png", files / name, K)
    assert frame.color.shape == (480, 848, 3)
    assert np.isnan(frame.depth_m[0, 0]) and np.isnan(frame.depth_m[100, 150])
    both = np.isfinite(frame.depth_m) & np.isfinite(scene.depth_m)
    assert np.abs(frame.depth_m - scene.depth_m)[both].max() <= 0.0006


def test_grasps_hold_what_stands_there(files, scene):
    grasps = grasps_in(read_rgbd(files / "rgb.png", files / "depth.png", K))
    assert [scene.judge(row) for row in grasps.rows[:10]].count("holds") >= 9


def test_depth_in_tenths_of_a_millimetre_is_a_matter_of_scale(files, scene):
    tenths = np.rint(np.nan_to_num(scene.depth_m) * 10000).astype(np.uint16)
    cv2.imwrite(str(files / "tenths.png"), tenths)
    frame = read_rgbd(files / "rgb.png", files / "tenths.png", K, depth_scale=0.0001)
    assert np.nanmedian(frame.depth_m) == pytest.approx(np.nanmedian(scene.depth_m), abs=1e-3)


def spoil(files):
    """Files and intrinsics that cannot be used, and the word that the error must hold."""
    np.save(files / "small.npy", np.ones((240, 424), np.float32))
    np.save(files / "nan.npy", np.full((480, 848), np.nan, np.float32))
    np.save(files / "zero.npy", np.zeros((480, 848), np.float32))
    np.save(files / "three.npy", np.ones((480, 848, 3), np.float32))
    (files / "text.npy").write_text("no array")
    (files / "text.exr").write_text("no image")
    (files / "text.png").write_text("no image")
    cv2.imwrite(str(files / "eight.png"), np.full((480, 848), 90, np.uint8))
    (files / "depth.tiff").write_bytes(b"")
    rgb = files / "rgb.png"
    return [
        (rgb, "small.npy", K, "424x240"),
        (rgb, "nan.npy", K, "hole"),
        (rgb, "zero.npy", K, "hole"),
        (rgb, "three.npy", K, "shape"),
        (rgb, "text.npy", K, "text.npy"),
        (rgb, "text.exr", K, "text.exr"),
        (rgb, "text.png", K, "text.png"),
        (rgb, "eight.png", K, "16 bits"),
        (rgb, "depth.tiff", K, "format"),
        (rgb, "absent.npy", K, "no file"),
        (files / "absent.png", "depth.npy", K, "no file"),
        (files / "text.png", "depth.npy", K, "text.png"),
        (rgb, "depth.npy", (0.0, 610.0, 424.0, 240.0), "intrinsics"),
        (rgb, "depth.npy", (610.0, 610.0, 1280.0, 240.0), "intrinsics"),
        (rgb, "depth.npy", (float("nan"),) * 4, "intrinsics"),
    ]


def test_bad_files_are_refused_with_the_reason(files):
    for rgb, depth, intrinsics, word in spoil(files):
        with pytest.raises((PerceptionError, ConfigurationError), match=word):
            read_rgbd(rgb, files / depth, intrinsics)


def test_the_table_is_found_from_depth_alone(scene):
    plane = fit_table(frame_of(scene)).plane
    assert np.degrees(np.arccos(plane.normal @ scene.plane.normal)) < 0.5
    assert abs(plane.offset_m - scene.plane.offset_m) < 0.003


@pytest.mark.slow
def test_a_wall_that_fills_the_image_is_no_table():
    wall = cuboid((0.02, 1.2, 0.7), xy=(-0.15, 0.0))
    scene = lay(wall, drawn("can", seed=1, xy=(0.10, 0.0)))
    frame = frame_of(scene)
    plane = fit_table(frame).plane
    assert np.degrees(np.arccos(plane.normal @ scene.plane.normal)) < 1.0
    grasps = grasps_in(frame)
    assert scene.judge(grasps.rows[0]) == "holds"


def test_what_is_beyond_the_table_is_outside_the_region(scene):
    frame = frame_of(scene)
    points = INTRINSICS.rays() * scene.depth_m[..., None]
    beyond = scene.plane.height(points) < -0.02
    region = table_region(frame, fit_table(frame).plane)
    assert region[200:300, 300:500].mean() > 0.9
    assert not (region & beyond & (points[..., 2] > 1.6)).any()


def test_depth_without_a_plane_is_an_error():
    ball = 0.5 + 0.2 * np.random.default_rng(0).random((480, 848)).astype(np.float32)
    color = np.zeros((480, 848, 3), np.uint8)
    with pytest.raises(PerceptionError, match="table"):
        grasps_in(RgbdImage(color, ball, INTRINSICS))


def test_grasps_are_drawn_where_they_are_and_the_image_is_kept(scene):
    frame = frame_of(scene)
    rows = grasps_in(frame).rows[:4]
    before = frame.color.copy()
    picture = draw_grasps(frame.color, rows, INTRINSICS)
    np.testing.assert_array_equal(frame.color, before)
    changed = (picture != before).any(-1)
    assert 200 < changed.sum() < 0.2 * changed.size
    for tip in INTRINSICS.project(fingertips(rows) + 0.5 * rows[:, 1:2] * np.stack([rotation(r)[:, 1] for r in rows])):
        u, v = np.rint(tip).astype(int)
        assert changed[v - 4 : v + 5, u - 4 : u + 5].any()


def test_grasps_behind_the_camera_are_not_drawn(scene):
    rows = grasps_in(frame_of(scene)).rows[:1].copy()
    rows[:, 15] -= 5.0
    image = np.zeros((480, 848, 3), np.uint8)
    assert not draw_grasps(image, rows, INTRINSICS).any()
    assert not draw_grasps(image, rows[:0], INTRINSICS).any()


CAPTURES = load_captures(captures_folder())


@pytest.mark.skipif(not CAPTURES, reason="the real captures are not here (VITRO_SHARED)")
@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: capture.name)
def test_real_opaque_captures_give_grasps_on_the_objects(capture):
    grasps = grasps_in(capture.opaque_frame)
    assert len(grasps) > 20
    best = grasps.rows[grasps.rows[:, SCORE] > 0.5 * grasps.rows[0, SCORE]]
    near = cv2.dilate(capture.mask.astype(np.uint8), np.ones((41, 41))) > 0
    u, v = np.rint(capture.frame.intrinsics.project(fingertips(best))).astype(int).T
    assert near[np.clip(v, 0, 719), np.clip(u, 0, 1279)].mean() > 0.7
