"""Parts that have the outline of one thing together are one thing; what stands behind another is not."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_opening

from perception.objects.joining import join_parts, with_handles
from perception.objects.model import ObjectPrediction
from perception.objects.object_map import ObjectMap
from perception.objects.solids.outline import Kind, read_outline
from perception.objects.solids.upright_solid import UprightSolid
from tests.perception.objects.solids.test_lying_solid import TABLE, K, Mask
from tests.perception.objects.solids.test_outline import spoon
from tests.perception.objects.solids.test_upright_box import box
from tests.perception.objects.solids.test_upright_solid import standing
from tests.support.scenes.solids import whole_view

WHOLE = np.ones((240, 424), bool)
Map = NDArray[np.float32]


def look(ids: NDArray[np.int32], front_m: Map) -> ObjectPrediction:
    mask = ids > 0
    objects = ObjectMap(ids, mask.astype(np.float32), np.where(mask, 0.05, np.nan).astype(np.float32))
    return ObjectPrediction(objects, np.where(mask, front_m, np.nan).astype(np.float32), mask.astype(np.float32))


def cut(mask: Mask, share: float) -> NDArray[np.int32]:
    """Ids: 2 above a row, 1 below; so much of the mask's height is above."""
    rows = np.flatnonzero(mask.any(axis=1))
    ids = mask.astype(np.int32)
    ids[: int(rows[0] + share * len(rows))] *= 2
    return ids


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_a_bottle_in_two_parts_is_one(share: float) -> None:
    front_m = whole_view(standing("bottle", TABLE), K)[0]
    joined = join_parts(look(cut(np.isfinite(front_m), share), front_m), K, TABLE)
    assert joined.objects.count == 1
    np.testing.assert_array_equal(joined.objects.mask, np.isfinite(front_m))


def test_a_spoon_in_two_parts_is_one() -> None:
    mask = spoon()
    ids = mask.astype(np.int32)
    ids[:, 225:] *= 2
    front_m = TABLE.depth(K.rays()) - 0.01
    assert join_parts(look(ids, front_m), K, TABLE).objects.count == 1


WOOD, RED, SHADE = (181, 143, 92), (201, 74, 66), (74, 56, 36)


def picture(*painted: tuple[Mask, tuple[int, int, int]]) -> NDArray[np.uint8]:
    """A wooden table and what is painted on it, with a camera's noise."""
    color = np.broadcast_to(np.array(WOOD, float), (240, 424, 3)).copy()
    for mask, paint in painted:
        color[mask] = paint
    return (color + np.random.default_rng(0).normal(0.0, 3.0, color.shape)).clip(0, 255).astype(np.uint8)


def head_of_spoon() -> tuple[Mask, Mask, ObjectPrediction]:
    """A spoon, its head, and the look that saw the head alone."""
    whole = spoon()
    head = binary_opening(whole, iterations=6) & whole
    return whole, head, look(head.astype(np.int32), TABLE.depth(K.rays()) - 0.01)


def test_a_spoon_of_which_the_head_was_seen_has_its_handle() -> None:
    whole, head, seen = head_of_spoon()
    assert head.sum() < 0.8 * whole.sum()
    found = with_handles(seen, picture((whole, RED)), K, TABLE, None)
    assert (found.objects.mask & whole).sum() > 0.97 * whole.sum()
    assert not (found.objects.mask & ~binary_dilation(whole)).any()
    height_m = TABLE.height(K.rays() * found.front_m[..., None])[found.objects.mask & ~head]
    assert 0.0 < height_m.min() <= height_m.max() < 0.015


def test_what_is_no_handle_or_not_its_own_is_left() -> None:
    whole, head, seen = head_of_spoon()
    beside = binary_dilation(head, iterations=8) & np.roll(head, 6, axis=0) & ~whole
    rod = np.zeros_like(head)
    rows, columns = np.nonzero(head)
    rod[rows.min() : rows.min() + 5, columns.max() : columns.max() + 90] = True
    row, column = np.rint(np.argwhere(head).mean(axis=0)).astype(int)
    stripe = np.zeros_like(head)
    stripe[row - 2 : row + 3] = True
    ring = binary_dilation(head, iterations=80)
    cable = stripe & (np.arange(head.shape[1]) < column)
    for color in (
        picture((head | stripe, RED)),  # to both sides
        picture((head | (stripe & ring), RED)),  # to both sides, not far
        picture((head | cable, RED)),  # far longer
        picture((whole, SHADE), (head, RED)),  # of another colour
        picture((head, RED), (beside, SHADE)),  # a shadow
        picture((head | rod, RED)),  # which does not point to it
        picture((head | beside, RED)),  # which is not slender
        picture((whole, WOOD)),  # clear: of the table's colour
    ):
        np.testing.assert_array_equal(with_handles(seen, color, K, TABLE, None).objects.ids, seen.objects.ids)
    ids = np.where(head, 1, np.where(whole, 2, 0)).astype(np.int32)
    both = look(ids, TABLE.depth(K.rays()) - 0.01)
    np.testing.assert_array_equal(with_handles(both, picture((whole, RED)), K, TABLE, None).objects.ids, ids)


def boxes(*places_m: float) -> tuple[NDArray[np.int32], Map]:
    """Ids and front of equal boxes so far to the side on the table."""
    fronts = np.array([box((0.05, 0.05, 0.08), 0.0, aside_m).seen(WHOLE, K)[0] for aside_m in places_m])
    front_m = np.where(np.isfinite(fronts), fronts, np.inf)
    ids = np.where(np.isfinite(fronts).any(axis=0), 1 + front_m.argmin(axis=0), 0).astype(np.int32)
    return ids, np.where(ids > 0, front_m.min(axis=0), np.nan).astype(np.float32)


@pytest.mark.parametrize("gap_m", [0.0, 0.001, 0.003])
def test_boxes_side_by_side_are_not_one(gap_m: float) -> None:
    ids, front_m = boxes(0.0, 0.05 + gap_m)
    assert read_outline(ids > 0, K, TABLE).kind is Kind.BOX, "so their outline is no proof"
    assert join_parts(look(ids, front_m), K, TABLE).objects.count == 2


@pytest.mark.parametrize(("radius_m", "height_m"), [(0.012, 0.045), (0.012, 0.09), (0.015, 0.12)])
@pytest.mark.parametrize("turned_deg", [75, 105])
def test_a_vial_that_stands_is_no_part_of_a_knife(radius_m: float, height_m: float, turned_deg: float) -> None:
    vial = replace(standing("tumbler", TABLE), heights_m=np.array([0, height_m]), radii_m=np.full(2, radius_m))
    front_m = whole_view(vial, K)[0]
    mask = np.isfinite(front_m)
    start = np.array([np.nonzero(mask)[1].mean(), np.nonzero(mask)[0].max() - 3])
    along = 130 * np.array([np.cos(np.deg2rad(turned_deg)), np.sin(np.deg2rad(turned_deg))])
    knife = cv2.line(np.zeros(mask.shape, np.uint8), start.astype(int), (start + along).astype(int), 1, 18) > 0
    ids = np.where(mask, 1, 2 * knife).astype(np.int32)
    joined = join_parts(look(ids, np.where(mask, front_m, TABLE.depth(K.rays()) - 0.01)), K, TABLE)
    assert joined.objects.count == 2


def goblet() -> tuple[Mask, Mask, Map]:
    """The masks of its bowl and its foot, without the stem, and its front."""
    front_m = whole_view(standing("wine glass", TABLE), K)[0]
    heights_m = TABLE.height(K.rays() * front_m[..., None])
    return np.nan_to_num(heights_m) > 0.085, np.isfinite(front_m) & (heights_m < 0.004), front_m


def test_a_goblet_is_one_where_its_stem_was_not_seen() -> None:
    bowl, foot, front_m = goblet()
    joined = join_parts(look(bowl + 2 * foot.astype(np.int32), front_m), K, TABLE)
    assert joined.objects.count == 1
    assert (joined.objects.ids[bowl | foot] == 1).all() and joined.objects.mask.sum() > (bowl | foot).sum()
    assert np.isfinite(joined.front_m[joined.objects.mask]).all()


def test_a_foot_that_is_of_no_object_is_the_goblets() -> None:
    bowl, foot, front_m = goblet()
    seen = look(bowl.astype(np.int32), front_m)
    likely = replace(seen.objects, probability=(bowl | foot).astype(np.float32))
    joined = join_parts(replace(seen, objects=likely), K, TABLE)
    assert joined.objects.ids[foot].all()
    assert not join_parts(seen, K, TABLE).objects.ids[foot].any()


def test_what_lies_beside_a_bowl_is_not_its_foot() -> None:
    bowl, foot, front_m = goblet()
    aside = np.roll(foot, 45, axis=1)
    front_m = np.where(aside, TABLE.depth(K.rays()) - 0.003, front_m).astype(np.float32)
    assert join_parts(look(bowl + 2 * aside.astype(np.int32), front_m), K, TABLE).objects.count == 2


def behind(solid: UprightSolid, aside_m: float, away_m: float) -> Map:
    center_m = solid.center_m + np.array([-away_m, aside_m])
    return whole_view(replace(solid, center_m=center_m), K)[0]


@pytest.mark.parametrize(("aside_m", "away_m"), [(0.02, 0.08), (-0.03, 0.08), (0.0, 0.09), (0.05, 0.07)])
def test_a_bottle_behind_a_tumbler_is_none_of_it(aside_m: float, away_m: float) -> None:
    near_m = whole_view(standing("tumbler", TABLE), K)[0]
    far_m = behind(standing("bottle", TABLE), aside_m, -away_m)
    far_m = far_m if np.nanmin(far_m) > np.nanmin(near_m) else behind(standing("bottle", TABLE), aside_m, away_m)
    ids = np.where(np.isfinite(near_m), 1, np.where(np.isfinite(far_m), 2, 0)).astype(np.int32)
    front_m = np.where(ids == 1, near_m, far_m)
    assert join_parts(look(ids, front_m), K, TABLE).objects.count == 2


def test_things_that_do_not_touch_stay_apart() -> None:
    ids = np.zeros((240, 424), np.int32)
    ids[100:140, 100:120], ids[100:140, 130:150] = 1, 2
    assert join_parts(look(ids, TABLE.depth(K.rays()) - 0.03), K, TABLE).objects.count == 2
