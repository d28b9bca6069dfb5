"""Clouds keep what the depth image knows, and drop what only its averaging made."""

from pathlib import Path

import numpy as np
import pytest

from core.image import Intrinsics
from perception.objects.clouds import flying_pixels, organised_cloud, save_cloud, without_flying_pixels

_INTRINSICS = Intrinsics(64, 48, 60.0, 61.0, 31.5, 23.5)


def _step() -> np.ndarray:
    """A near surface left of a far one, with one averaged column between them."""
    depth_m = np.full((48, 64), 0.6, np.float32)
    depth_m[:, 32] = 0.7
    depth_m[:, 33:] = 0.8
    return depth_m


def test_every_point_projects_back_to_its_pixel() -> None:
    depth_m = np.random.default_rng(0).uniform(0.3, 2.0, (48, 64)).astype(np.float32)
    cloud = organised_cloud(depth_m, _INTRINSICS)
    v, u = np.mgrid[:48, :64]
    pixels = _INTRINSICS.project(cloud.reshape(-1, 3)).reshape(48, 64, 2)
    np.testing.assert_allclose(pixels, np.stack([u, v], -1), atol=1e-3)
    np.testing.assert_array_equal(cloud[..., 2], depth_m)


@pytest.mark.parametrize("hole", [np.nan, 0.0, -1.0])
def test_holes_stay_holes(hole: float) -> None:
    depth_m = np.ones((48, 64), np.float32)
    depth_m[5, 6] = hole
    cloud = organised_cloud(depth_m, _INTRINSICS)
    assert np.isnan(cloud[5, 6]).all()
    assert np.isfinite(np.delete(cloud.reshape(-1, 3), 5 * 64 + 6, axis=0)).all()


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_only_the_averaged_pixels_of_an_edge_fly(turn: int) -> None:
    depth_m = np.rot90(_step(), turn)
    np.testing.assert_array_equal(flying_pixels(depth_m), np.rot90(_step() == np.float32(0.7), turn))


def test_a_clean_edge_a_slope_and_a_hole_do_not_fly() -> None:
    edge = np.where(np.arange(64) < 30, 0.6, 0.9) * np.ones((48, 1))
    slope = np.linspace(0.5, 1.5, 480)[:, None] * np.ones((1, 64))
    holed = edge.copy()
    holed[:, 30] = np.nan
    for depth_m in (edge, slope, holed):
        assert not flying_pixels(depth_m.astype(np.float32)).any()


def test_filtering_makes_holes_and_changes_nothing_else() -> None:
    depth_m = _step()
    filtered = without_flying_pixels(depth_m)
    assert np.isnan(filtered[:, 32]).all()
    kept = np.delete(np.arange(64), 32)
    np.testing.assert_array_equal(filtered[:, kept], depth_m[:, kept])


def test_a_saved_cloud_reads_back_without_its_holes(tmp_path: Path) -> None:
    import open3d

    depth_m = _step()
    depth_m[3, 4] = np.nan
    colors = np.random.default_rng(2).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    cloud = organised_cloud(depth_m, _INTRINSICS)
    save_cloud(tmp_path / "cloud.ply", cloud, colors)
    read = open3d.io.read_point_cloud(tmp_path / "cloud.ply")
    seen = np.isfinite(depth_m)
    np.testing.assert_allclose(np.asarray(read.points), cloud[seen], atol=1e-6)
    np.testing.assert_allclose(np.asarray(read.colors) * 255, colors[seen], atol=0.51)


def test_a_cloud_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot write"):
        save_cloud(tmp_path / "nowhere" / "cloud.ply", np.zeros((4, 3)))
