"""Without tags: of the planes in depth the table is found, and depth that is no metre is told by what it is."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.errors import ContradictionError, PerceptionError
from core.image import Intrinsics, RgbdImage
from core.transforms import Matrix, apply, invert, look_at
from perception.table.plane import fit_table

K = Intrinsics(424, 240, 305.0, 305.0, 211.5, 119.5)
_CAMERA = look_at((0.52, 0.0, 0.62), (0.0, 0.0, 0.0))
#: The table [m] that is in front of a floor and a wall.
_HALF_X_M, _HALF_Y_M, _FLOOR_M = 0.5, 0.65, 0.72


def scene(T_world_camera: Matrix = _CAMERA, half_y_m: float = _HALF_Y_M, wall_x_m: float = -1.2) -> RgbdImage:
    """A box on a table, before a wall, above a floor, by ray casting."""
    eye, rays = T_world_camera[:3, 3], K.rays().astype(float) @ T_world_camera[:3, :3].T

    def level(height_m: float) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(divide="ignore"):
            depth = (height_m - eye[2]) / rays[..., 2]
        return np.where(depth > 0, depth, np.inf), eye + rays * np.where(depth > 0, depth, 0)[..., None]

    table, at = level(0.0)
    table = np.where((np.abs(at[..., 0]) < _HALF_X_M) & (np.abs(at[..., 1]) < half_y_m), table, np.inf)
    box, on_box = level(0.08)
    box = np.where(np.abs(on_box[..., :2] - [0.0, 0.1]).max(-1) < 0.05, box, np.inf)
    with np.errstate(divide="ignore"):
        wall = (wall_x_m - eye[0]) / rays[..., 0]
    wall = np.where(wall > 0, wall, np.inf)
    depth_m = np.min([table, box, level(-_FLOOR_M)[0], wall], axis=0)
    noise = np.random.default_rng(0).normal(0, 0.001, depth_m.shape) * depth_m**2
    return RgbdImage(np.full((240, 424, 3), 120, np.uint8), (depth_m + noise).astype(np.float32), K)


def error_mm(frame: RgbdImage, T_world_camera: Matrix) -> float:
    """By how much the found table misses the true one at its middle."""
    plane = fit_table(frame).plane
    return 1000 * abs(float(plane.height(apply(invert(T_world_camera), np.zeros(3)[None]))[0]))


@pytest.mark.parametrize("wall_x_m", [-0.5, -0.8, -1.2])
@pytest.mark.parametrize("look", [(0.52, 0.62, 0.0), (0.8, 0.5, -0.1), (0.9, 0.45, -0.4), (0.3, 0.9, 0.0)])
@pytest.mark.parametrize("half_y_m", [0.25, 0.65])
def test_neither_wall_nor_floor_is_the_table(wall_x_m: float, look: tuple[float, ...], half_y_m: float) -> None:
    x, z, target_x = look
    camera = look_at((x, 0.05, z), (target_x, 0.0, 0.0))
    assert error_mm(scene(camera, half_y_m, wall_x_m), camera) < 5


def test_a_wall_alone_a_ceiling_and_what_is_far_are_no_table() -> None:
    rays = K.rays()
    for plane_m in (2.5 + 0 * rays[..., 0], 1.2 / (0.9 + 0.6 * rays[..., 0]), 0.8 / (0.7 - 0.7 * rays[..., 1])):
        with pytest.raises(PerceptionError):
            fit_table(RgbdImage(np.zeros((240, 424, 3), np.uint8), plane_m.astype(np.float32), K))


def test_a_camera_that_looks_straight_down_sees_a_table() -> None:
    camera = look_at((0.02, 0.0, 0.9), (0.0, 0.0, 0.0))
    assert error_mm(scene(camera), camera) < 3


WRONG = {
    "millimetres": (lambda z: z * 1000, 0.001, "millimetres"),
    "quarters": (lambda z: z * 4, 0.25, "times 0.25"),
    "tenths": (lambda z: z * 10, 0.1, "times 0.1"),
    "too small a unit": (lambda z: z / 10, 10.0, "times 10"),
    "metres read as mm": (lambda z: z / 1000, 1000.0, "times 1000"),
    "disparity": (lambda z: 1 / z, None, "disparity"),
    "disparity, normalised": (lambda z: (1 / z - (1 / z).min()) / np.ptp(1 / z), None, "normalised"),
    "normalised": (lambda z: (z - z.min()) / np.ptp(z), None, "normalised"),
    "share of the largest": (lambda z: z / z.max(), None, "normalised"),
    "upside down": (lambda z: z[::-1], None, "upside down"),
}


@pytest.mark.parametrize("case", WRONG)
def test_depth_that_is_no_metre_is_told_by_what_it_is(case: str) -> None:
    spoil, factor, told = WRONG[case]
    frame = scene(half_y_m=1.0)
    with pytest.raises(ContradictionError, match=told) as refusal:
        fit_table(replace(frame, depth_m=spoil(frame.depth_m).astype(np.float32)))
    assert refusal.value.factor == factor


def test_distances_along_rays_are_told_and_depth_is_not() -> None:
    frame = scene(half_y_m=1.0)
    assert fit_table(frame).source == "sensor"
    with pytest.raises(ContradictionError, match="along each pixel's ray"):
        fit_table(replace(frame, depth_m=frame.depth_m * np.linalg.norm(frame.intrinsics.rays(), axis=2)))


def shaded_by_height() -> RgbdImage:
    frame = scene(look_at((0.52, 0.35, 0.62), (0.0, 0.2, 0.0)))
    nearer = np.median(frame.depth_m, axis=1, keepdims=True) / frame.depth_m - 1
    shade = 40 * np.digitize(nearer, [-0.2, -0.05, 0.05]) + 60
    return replace(frame, color=np.repeat(shade[..., None], 3, axis=2).astype(np.uint8))


def test_right_depth_whose_edges_lie_by_chance_on_swapped_colours_is_not_refused() -> None:
    """As on mirrors, whose depth has edges of noise: what little colour tells of heights must speak against it too."""
    frame = shaded_by_height()
    shown = np.random.default_rng(0).random((60, 106)) < 0.02
    color = np.where(shown.repeat(4, axis=0).repeat(4, axis=1)[..., None], frame.color, 120).astype(np.uint8)
    row, column = np.nonzero(cv2.dilate(edges_of(frame.depth_m)[:, ::-1].astype(np.uint8), np.ones((3, 3))))
    color[row, column] += (30 * (column % 4 // 2)[:, None]).astype(np.uint8)
    assert fit_table(replace(frame, color=color)).source == "sensor"


def edges_of(depth_m: np.ndarray) -> np.ndarray:
    """(H, W) True at steps of depth."""
    inverse = 1 / cv2.medianBlur(depth_m, 5)
    edges = np.zeros(depth_m.shape, bool)
    edges[2:-2] |= np.abs(inverse[4:] - inverse[:-4]) > 0.06 * np.median(inverse)
    edges[:, 2:-2] |= np.abs(inverse[:, 4:] - inverse[:, :-4]) > 0.06 * np.median(inverse)
    return edges


def test_depth_that_is_swapped_against_colour_is_told_and_right_depth_is_not() -> None:
    frame = shaded_by_height()
    color = frame.color
    assert fit_table(replace(frame, color=color)).source == "sensor"
    with pytest.raises(ContradictionError, match="left and right swapped"):
        fit_table(replace(frame, color=np.ascontiguousarray(color[:, ::-1])))
