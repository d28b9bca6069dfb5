"""Normals: exact on planes, kept apart at edges, in the camera's axes, and of use to the grasp detector."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from app.cli import app as cli
from core.errors import PerceptionError
from core.image import Intrinsics
from core.transforms import rotation_z, transform
from grasping.detection.detector import DetectorInput
from grasping.detection.registry import create_detector
from grasping.grasp_set import SCORE, T_camera_tcp
from perception.clip_pictures import MapColours
from perception.depth_types import Plane
from perception.normals import RADIUS_PX, normals_from_depth
from tests.support.recordings import K, make_frame, record
from tests.support.scenes.tabletop import EVERYWHERE, INTRINSICS, Tabletop, cuboid, lay
from tests.support.tiny.dkt import moving_clip, tiny_dkt

SMALL = Intrinsics(160, 120, 150.0, 148.0, 79.5, 60.2)


def degrees(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.clip((a * b).sum(-1), -1, 1)))


def unit(*direction: float) -> np.ndarray:
    return np.array(direction) / np.linalg.norm(direction)


@pytest.mark.parametrize("seed", range(8))
def test_every_plane_has_its_normal_at_every_pixel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    normal = unit(*rng.normal(size=2), -abs(rng.normal()) - 0.4)
    plane = Plane(normal, float(normal @ [0, 0, rng.uniform(0.3, 2)]))
    depth_m = plane.depth(SMALL.rays())
    normals = normals_from_depth(depth_m, SMALL)
    seen = np.isfinite(normals).all(-1)
    assert seen[np.isfinite(depth_m)].mean() > 0.99
    assert degrees(normals[seen], normal).max() < 0.5
    np.testing.assert_allclose(np.linalg.norm(normals[seen], axis=-1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("normal", "offset_m"), [((0, 0, -1), -1.0), ((0, -1, 0), -0.3), ((-1, 0, 0), -0.3), ((1, 0, 0), -0.3)]
)
def test_axes_are_the_cameras(normal: tuple[int, ...], offset_m: float) -> None:
    """The wall ahead, the floor below, the walls at the right and left: all face the camera."""
    depth_m = Plane(np.array(normal, float), offset_m).depth(SMALL.rays())
    normals = normals_from_depth(np.where(depth_m < 3, depth_m, np.nan).astype(np.float32), SMALL)
    np.testing.assert_allclose(np.nanmedian(normals, axis=(0, 1)), normal, atol=0.01)


def test_a_ball_has_radial_normals_that_face_the_camera() -> None:
    center, radius = np.array([0.02, -0.01, 0.6]), 0.12
    rays = INTRINSICS.rays().astype(float)
    square, along = (rays**2).sum(-1), rays @ center
    inside = along**2 - square * (center @ center - radius**2)
    with np.errstate(invalid="ignore"):
        depth_m = ((along - np.sqrt(inside)) / square).astype(np.float32)
    normals = normals_from_depth(depth_m, INTRINSICS)
    truth = (rays * depth_m[..., None] - center) / radius
    error = degrees(normals, truth)
    assert np.nanmedian(error) < 1 and np.nanpercentile(error, 90) < 6
    seen = np.isfinite(normals).all(-1)
    assert ((normals * rays).sum(-1)[seen] < 0).all()


def test_edges_between_surfaces_stay_sharp() -> None:
    near, far = Plane(unit(0.5, 0, -1), -0.5), Plane(unit(-0.3, -0.4, -1), -1.0)
    rays = SMALL.rays()
    is_near = np.zeros((120, 160), bool)
    is_near[30:90, 50:110] = True
    depth_m = np.where(is_near, near.depth(rays), far.depth(rays))
    truth = np.where(is_near[..., None], near.normal, far.normal)
    assert (degrees(normals_from_depth(depth_m, SMALL), truth) < 1).mean() > 0.995


def test_noise_is_averaged_over_the_window() -> None:
    plane = Plane(unit(0.2, -0.6, -1), -0.7)
    depth_m = plane.depth(SMALL.rays())
    noisy = (depth_m + np.random.default_rng(0).normal(0, 0.002, depth_m.shape)).astype(np.float32)
    error = {r: np.nanmedian(degrees(normals_from_depth(noisy, SMALL, r), plane.normal)) for r in (2, RADIUS_PX)}
    assert error[RADIUS_PX] < 1 < 2 < error[2]


def test_holes_stay_holes_and_specks_say_nothing() -> None:
    depth_m = np.full((120, 160), np.nan, np.float32)
    depth_m[:, :80] = 1.0
    depth_m[50:53, 120:123] = 1.0
    depth_m[:, 79:81] = [1.0, 0.0]
    seen = np.isfinite(normals_from_depth(depth_m, SMALL)).all(-1)
    assert seen[:, :80].all() and not seen[:, 80:].any()


def test_in_pictures_right_is_red_up_is_green_and_the_camera_is_blue() -> None:
    picture = MapColours.of("normals", []).draw(np.array([[[1, 0, 0], [0, -1, 0], [0, 0, -1]]], np.float32))
    assert picture[0].argmax(-1).tolist() == [0, 1, 2]


def run(source: Path, out: Path, *more: str):
    return CliRunner().invoke(cli, ["normals", str(source), "--out", str(out), "--json", *more])


def test_a_recording_has_normals_without_a_network(tmp_path: Path) -> None:
    done = run(
        record(tmp_path / "clip.db3", [make_frame(k) for k in range(3)]), tmp_path / "out", "--estimator", "depth"
    )
    assert done.exit_code == 0, done.output
    normals = np.load(tmp_path / "out" / "normals.npy")
    assert normals.shape == (3, K.height, K.width, 3) and normals.dtype == np.float32
    seen = np.isfinite(normals).all(-1)
    assert seen.mean() > 0.5
    np.testing.assert_allclose(np.linalg.norm(normals[seen], axis=-1), 1, atol=1e-6)
    summary = json.loads(done.stdout)
    assert (summary["estimator"], summary["kind"], summary["frames"]) == ("depth", "normals", 3)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted([*summary["files"], "summary.json"])


def test_a_model_gives_unit_vectors_everywhere(tmp_path: Path) -> None:
    weights = tiny_dkt().write(tmp_path / "weights")
    (tmp_path / "frames").mkdir()
    for number, color in enumerate(moving_clip(6)):
        Image.fromarray(color).save(tmp_path / "frames" / f"{number}.png")
    settings = ("--size", "48x32", "--steps", "1", "--dtype", "float32", "--device", "cpu")
    done = run(tmp_path / "frames", tmp_path / "out", "--estimator", "dkt-normal", "--weights", str(weights), *settings)
    assert done.exit_code == 0, done.output
    normals = np.load(tmp_path / "out" / "normals.npy")
    assert normals.shape == (6, 32, 48, 3)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1, atol=1e-5)


def test_images_have_no_normals_of_their_depth(tmp_path: Path) -> None:
    Image.fromarray(moving_clip(1)[0]).save(tmp_path / "a.png")
    failed = run(tmp_path / "a.png", tmp_path / "out", "--estimator", "depth")
    assert failed.exit_code == 2 and "no depth" in failed.stderr


def turned_box(turn_rad: float, noise_m: float) -> tuple[Tabletop, np.ndarray]:
    """A box turned on the table, and the true normals of its image."""
    mesh, _ = cuboid((0.05, 0.07, 0.11))
    T_world_box = transform(rotation_z(turn_rad), (0.03, 0.05, 0.0)) @ transform(None, (-0.025, -0.035, 0.0))
    return lay((mesh, T_world_box), noise_m=noise_m), normals_from_depth(
        lay((mesh, T_world_box), noise_m=0.0).depth_m, INTRINSICS, 2
    )


def axis_errors(scene: Tabletop, rows: np.ndarray, turn_rad: float) -> np.ndarray:
    """Angles [deg] between the closing axes and the nearest of the box's own."""
    axes = np.stack([(scene.T_world_camera @ T_camera_tcp(row))[:3, 1] for row in rows])
    return np.degrees(np.arccos(np.clip(np.abs(axes @ rotation_z(turn_rad)[:, :2]).max(1), 0, 1)))


def test_true_normals_leave_a_clean_boxs_grasps_where_they_are() -> None:
    scene, truth = turned_box(0.4, noise_m=0.0003)
    detect = create_detector("antipodal", 0.10).detect
    own = detect(DetectorInput(scene.depth_m, INTRINSICS, scene.plane, EVERYWHERE))
    given = detect(DetectorInput(scene.depth_m, INTRINSICS, scene.plane, EVERYWHERE, normals=truth))
    for grasps in (own, given):
        assert axis_errors(scene, grasps.rows[:10], 0.4).max() < 2
        assert [scene.judge(row) for row in grasps.rows[:10]] == ["holds"] * 10
    assert given.rows[0, SCORE] == pytest.approx(own.rows[0, SCORE], abs=0.1)


@pytest.mark.slow
def test_with_noisy_depth_true_normals_square_the_grasps_with_the_box() -> None:
    errors: dict[str, list[np.ndarray]] = {"own": [], "given": []}
    for turn_rad in (0.1, 0.45, 0.8):
        scene, truth = turned_box(turn_rad, noise_m=0.006)
        detect = create_detector("antipodal", 0.10).detect
        for name, normals in (("own", None), ("given", truth)):
            rows = detect(DetectorInput(scene.depth_m, INTRINSICS, scene.plane, EVERYWHERE, normals=normals)).rows[:10]
            errors[name].append(axis_errors(scene, rows, turn_rad))
    own, given = (np.concatenate(errors[name]) for name in ("own", "given"))
    assert np.median(given) < 1 < 2.5 < np.median(own)


def test_where_no_normal_is_given_the_depths_own_is_used() -> None:
    scene, truth = turned_box(0.4, noise_m=0.0003)
    detect = create_detector("antipodal", 0.10).detect
    own = detect(DetectorInput(scene.depth_m, INTRINSICS, scene.plane, EVERYWHERE))
    nothing = detect(
        DetectorInput(scene.depth_m, INTRINSICS, scene.plane, EVERYWHERE, normals=np.full_like(truth, np.nan))
    )
    np.testing.assert_array_equal(own.rows, nothing.rows)


def test_normals_of_another_image_are_refused() -> None:
    scene, truth = turned_box(0.4, noise_m=0.0003)
    with pytest.raises(PerceptionError, match="normals are"):
        create_detector("antipodal", 0.10).detect(
            DetectorInput(scene.depth_m, INTRINSICS, scene.plane, EVERYWHERE, normals=truth[:100])
        )


@pytest.mark.slow
def test_the_grasps_command_takes_what_the_normals_command_wrote(tmp_path: Path) -> None:
    scene, truth = turned_box(0.4, noise_m=0.003)
    Image.fromarray(np.full((480, 848, 3), 128, np.uint8)).save(tmp_path / "rgb.png")
    np.save(tmp_path / "depth.npy", scene.depth_m)
    np.save(tmp_path / "normals.npy", truth[None])
    np.save(tmp_path / "other.npy", truth[None, :, :, 0])

    def grasps(*more: str):
        named = {"rgb": "rgb.png", "depth": "depth.npy", "out": "grasps.npy"}
        files = [part for key, name in named.items() for part in (f"--{key}", str(tmp_path / name))]
        return CliRunner().invoke(cli, ["grasps", *files, "--intrinsics", "610,610,423.5,239.5", *more])

    assert grasps().exit_code == 0
    own = np.load(tmp_path / "grasps.npy")
    assert grasps("--normals", str(tmp_path / "normals.npy")).exit_code == 0
    given = np.load(tmp_path / "grasps.npy")
    assert np.median(axis_errors(scene, given[:10], 0.4)) < np.median(axis_errors(scene, own[:10], 0.4))
    failed = grasps("--normals", str(tmp_path / "other.npy"))
    assert failed.exit_code == 1 and "other.npy" in failed.stderr
