"""A box is found again by its outline, and its front with it."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from core.image import Intrinsics
from core.transforms import rotation_z
from perception.depth_types import Plane
from perception.objects.solids.outline import Kind, read_outline
from perception.objects.solids.upright_box import UprightBox, fit_box
from tests.perception.objects.solids.test_lying_solid import TABLE, K, Mask
from tests.perception.objects.solids.test_upright_solid import outline as outline_of_standing
from tests.perception.objects.solids.test_upright_solid import standing

#: The table's frame under the camera.
R, EYE_M = TABLE.axes(), np.array([0.0, 0.0, -TABLE.offset_m])


def box(size_m: tuple[float, float, float], heading_deg: float, aside_m: float = 0.0) -> UprightBox:
    """So far aside along the table's x; turned by so much from that."""
    ray = np.array([0.0, 0.05, 1.0]) @ R
    middle_m = EYE_M + ray * (-EYE_M[2] / ray[2]) + [aside_m, 0.0, 0.0]
    return UprightBox(middle_m[:2], np.deg2rad(heading_deg), np.array(size_m), R, EYE_M)


def outline(of: UprightBox) -> Mask:
    everywhere = np.ones((K.height, K.width), bool)
    return np.isfinite(of.seen(everywhere, K)[0])


@pytest.mark.parametrize("size_m", [(0.05, 0.05, 0.08), (0.04, 0.09, 0.05), (0.10, 0.07, 0.16), (0.12, 0.06, 0.03)])
@pytest.mark.parametrize("heading_deg", [0.0, 17.0, 40.0, 75.0])
def test_a_box_is_found_again_to_millimetres(size_m: tuple[float, float, float], heading_deg: float) -> None:
    true = box(size_m, heading_deg)
    mask = outline(true)
    found = fit_box(mask, K, TABLE)
    assert found is not None and found.explained > 0.97
    off_m = found.seen(mask, K)[0] - true.seen(mask, K)[0]
    assert np.nanmedian(np.abs(off_m)) < 0.003
    np.testing.assert_allclose(np.sort(found.size_m[:2]), np.sort(size_m[:2]), atol=0.008)
    assert found.size_m[2] == pytest.approx(size_m[2], abs=0.008)


def test_rays_meet_front_top_and_back_where_the_sides_are() -> None:
    true = box((0.06, 0.05, 0.08), 30.0)
    mask = outline(true)
    front_m, back_m, is_top = true.seen(mask, K)
    rays = K.rays().astype(float) @ R
    for depth_m in (front_m, back_m):
        places = (EYE_M + rays * depth_m[..., None])[mask] - np.append(true.center_m, 0.0)
        local = places @ rotation_z(true.heading_rad)
        sides = np.abs(local / (true.size_m / (2, 2, 1)) - (0, 0, 0.5)) * (1, 1, 2)
        np.testing.assert_allclose(sides.max(axis=1), 1.0, atol=1e-3)
    np.testing.assert_allclose(TABLE.height(K.rays() * front_m[..., None])[is_top], 0.08, atol=1e-5)
    assert (back_m[mask] >= front_m[mask]).all() and 0.1 < is_top.sum() / mask.sum() < 0.9


def test_a_dented_mask_is_a_box_still_and_a_part_of_one_is_not() -> None:
    mask = outline(box((0.06, 0.05, 0.08), 30.0)).astype(np.uint8)
    rows, columns = np.nonzero(mask)
    dented = mask.copy()
    cv2.circle(dented, (int(columns.min()), int(rows.mean())), 3, 0, -1)
    assert read_outline(dented.astype(bool), K, TABLE).kind is Kind.BOX
    half = mask.copy()
    cv2.circle(half, (int(columns.mean()), int(rows.min())), 14, 0, -1)
    assert read_outline(half.astype(bool), K, TABLE).kind is not Kind.BOX


def test_a_box_whose_corners_a_network_rounds_is_no_bowl() -> None:
    """A chrome box on a mirror, as `vitro-s` saw it in scene 26000."""
    seen = [[378, 137], [331, 154], [323, 154], [327, 180], [348, 216], [390, 202], [394, 198], [392, 153]]
    mask = cv2.fillPoly(np.zeros((480, 848), np.uint8), [np.array(seen)], 1).astype(bool)
    normal = np.array([0.0, -0.638, -0.77])
    table = Plane(normal / np.linalg.norm(normal), -0.631)
    d435 = Intrinsics(848, 480, 610.0, 610.0, 423.5, 239.5)
    assert read_outline(mask, d435, table).kind is not Kind.BOWL


@pytest.mark.parametrize("shape", ["tumbler", "can", "bottle"])
def test_what_is_round_is_no_box(shape: str) -> None:
    assert read_outline(outline_of_standing(standing(shape, TABLE)), K, TABLE).kind is not Kind.BOX


def test_a_mask_beyond_the_table_has_no_box() -> None:
    sky: NDArray = np.zeros((K.height, K.width), bool)
    sky[5:40, 50:90] = True
    upright = Plane(np.array([0.0, -1.0, 0.0]), -0.5)
    assert fit_box(sky, K, upright) is None
