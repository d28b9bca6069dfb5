"""One cause that explains what all tags say against the cell file or the intrinsics, with its number."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.errors import CalibrationError, IntrinsicsError
from core.image import Intrinsics
from perception.depth_types import SeenTag
from perception.table.pose import contradictions_of, solve_pose, world_corners
from perception.table.tags import foreign_tags

#: A cause explains the residual where with it no tag contradicts and this is left: a share of it, and pixels.
_LEFT_SHARE, _LEFT_PX = 0.6, 0.45
#: Where a picture's edge cuts a tag, its corners keep more: a fifth of a large residual, up to what is accepted.
_MUCH_SHARE, _MOST_LEFT_PX = 0.2, 1.0
#: Causes that leave so nearly the same explain equally well.
_ALIKE_PX = 0.1
#: Numbers nearer to those given are no cause: a focal length, as a share of it, and a centre, as one of the width.
_LEAST_FOCAL, _LEAST_CENTRE = 0.007, 0.006
#: Nor is a lens that bends less.
_LEAST_K1 = 0.03
#: Tags printed within this of their size are no cause either; the tags' own sizes agree this well.
_LEAST_SCALE, _SCALE_SPREAD = 0.015, 0.03
#: A tag36h11 is 8 modules wide, its paper 10, and what is inside its black border 6.
_BORDER, _INSIDE = 8 / 10, 8 / 6
_FEWEST = 3

Tags = tuple[SeenTag, ...]


def one_cause(tags: Tags, intrinsics: Intrinsics, cell: Cell, residual_px: float) -> CalibrationError | None:
    """What single mistake makes all of the tags disagree, None where none explains it."""
    if len(tags) < _FEWEST:
        return None
    explained = []
    prints, lenses = _prints(tags, intrinsics, cell), _lenses(tags, intrinsics, cell)
    ways = [*((CalibrationError, way) for way in prints), *((IntrinsicsError, way) for way in lenses)]
    for kind, (cause, remedy, seen, k) in ways:
        left_px = _left_px(seen, k, cell, residual_px)
        if left_px is not None:
            explained.append((left_px, kind(cause, remedy)))
    least_px = min((left_px for left_px, _ in explained), default=0.0)
    # The likeliest is first of those that explain it equally well.
    return next((error for left_px, error in explained if left_px <= least_px + _ALIKE_PX), None)


def print_and_one_place(tags: Tags, intrinsics: Intrinsics, cell: Cell) -> CalibrationError | None:
    """That all tags were printed or laid otherwise than the cell file says, and one of them lies elsewhere too; None
    where that does not explain what they say."""
    explained = []
    for tag in tags if len(tags) > _FEWEST + 1 else ():
        others = tuple(other for other in tags if other is not tag)
        residual_px = solve_pose(others, intrinsics, cell)[1]
        for cause, remedy, seen, k in _prints(others, intrinsics, cell):
            left_px = _left_px(seen, k, cell, residual_px)
            mended = replace(tag, size_m=tag.size_m * seen[0].size_m / others[0].size_m)
            own = contradictions_of((mended,), solve_pose(seen, k, cell)[0], k, cell)
            if left_px is not None and own:
                told = f"{cause} Besides, tag {tag.id} {own[tag.id]} (measured by the others)."
                explained.append(
                    (left_px, told, f"{remedy} Mend the place of tag {tag.id} in the cell file, or lay it there.")
                )
    return CalibrationError(*min(explained)[1:]) if explained else None


def _left_px(tags: Tags, k: Intrinsics, cell: Cell, residual_px: float) -> float | None:
    """What a cause leaves of the residual, where the tags are then as it would have them; None where it explains too
    little."""
    T_camera_world, left_px = solve_pose(tags, k, cell)
    enough_px = min(_LEFT_SHARE * residual_px, max(_LEFT_PX, min(_MOST_LEFT_PX, _MUCH_SHARE * residual_px)))
    return None if left_px >= enough_px or contradictions_of(tags, T_camera_world, k, cell) else left_px


def demand_own_tags(color: NDArray[np.uint8], cell: Cell) -> None:
    """Raises a CalibrationError where none of the cell's tags is seen, but tags that are not the cell's."""
    what = foreign_tags(color)
    if what:
        own = ", ".join(str(tag.id) for tag in cell.tags)
        raise CalibrationError(
            f"None of the tags of the cell {cell.name!r} (tag36h11 {own}) is in view, but {what}.",
            "Name the cell file of this table with --cell, print its tags (python main.py tag-sheet), or turn the "
            "picture over.",
        )


def _prints(tags: Tags, k: Intrinsics, cell: Cell) -> Iterator[tuple[str, str, Tags, Intrinsics]]:
    """Ways in which all tags may be printed or laid otherwise than the cell file says."""
    for quarters in range(4):
        turned = tuple(replace(tag, corners_px=np.roll(tag.corners_px, quarters, axis=0)) for tag in tags)
        turn = f"are turned by {90 * quarters}° against the cell file"
        why = " (as AprilTag's own images are against OpenCV's)" if quarters == 2 else ""
        mend = f"Turn the papers, or add {np.radians(90 * quarters):.4f} to every yaw_rad in the cell file."
        if quarters:
            yield f"All tags {turn}{why}.", mend, turned, k
        scale = _print_scale(turned, k, cell)
        if scale is None or abs(scale - 1) < _LEAST_SCALE:
            continue
        scaled = tuple(replace(tag, size_m=scale * tag.size_m) for tag in turned)
        told = f"All tags measure {scale:.1%} of what the cell file says{f' and {turn}' if quarters else ''}: "
        remedy = f"Write what a ruler says, size_m times {scale:.3f}, into the cell file."
        if abs(scale - _BORDER) < _SCALE_SPREAD:
            told += "size_m has their paper, with the white border, instead of the black square."
        elif abs(scale - _INSIDE) < _SCALE_SPREAD:
            told += "size_m has what is inside their black border instead of the black square."
        else:
            told += f"they were printed at {scale:.0%}."
            remedy = f"Print them at 100 % (no fit to page). Or: {remedy}"
        yield told, f"{remedy} {mend}" if quarters else remedy, scaled, k


def _print_scale(tags: Tags, k: Intrinsics, cell: Cell) -> float | None:
    """The share of their sizes that all tags measure, where their middles lie; None where they differ in it."""
    import cv2

    middles = np.array([tag.corners_px.mean(axis=0) for tag in tags])
    world = np.array([world_corners((tag,), cell).mean(axis=0) for tag in tags])
    if len(tags) < 4:
        return None
    homography = cv2.findHomography(middles, world[:, :2])[0]
    if homography is None:
        return None
    shares = []
    for tag in tags:
        corners = cv2.perspectiveTransform(tag.corners_px[None], homography)[0]
        shares.append(np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1).mean() / tag.size_m)
    return float(np.median(shares)) if np.ptp(shares) < 2 * _SCALE_SPREAD * np.median(shares) else None


def _lenses(tags: Tags, k: Intrinsics, cell: Cell) -> Iterator[tuple[str, str, Tags, Intrinsics]]:
    """Ways in which the intrinsics may be wrong, the likeliest first."""
    said = f"The tags do not fit the intrinsics ({k.fx:.1f}, {k.fy:.1f}, {k.cx:.1f}, {k.cy:.1f})"
    remedy = "Give the intrinsics of this very picture: they change with every resize and crop."
    yield f"{said}: their order is fx, cx, fy, cy.", "Give fx, fy, cx, cy.", tags, replace(k, fy=k.cx, cx=k.fy)
    for cause, other in (*_other_numbers(k), *_fitted_numbers(tags, k, cell)):
        yield f"{said}: {cause}", remedy, tags, other
    bent = _refine(tags, k, cell, "k1")[1]
    if abs(bent) > _LEAST_K1:
        straight = tuple(replace(tag, corners_px=_straighten(tag.corners_px, k, bent)) for tag in tags)
        cause = f"{said}: with a lens that bends (k1 of {bent:.2f}) they do: the picture was not undistorted."
        yield cause, "Give the lens's model and coeffs in intrinsics.json, or undistort colour and depth.", straight, k


def _other_numbers(k: Intrinsics) -> Iterator[tuple[str, Intrinsics]]:
    """What the numbers by themselves may be wrong in: of another size, or one focal length mistyped."""
    share = (2 * k.cx + 1) / k.width
    if abs(share - 1) > _LEAST_CENTRE:
        larger = Intrinsics(round(k.width * share), round(k.height * share), k.fx, k.fy, k.cx, k.cy)
        fitting = larger.resized(k.width, k.height)
        numbers = f"{fitting.fx:.1f}, {fitting.fy:.1f}, {fitting.cx:.1f}, {fitting.cy:.1f}"
        yield f"they are of {larger.width}x{larger.height}; for {k.width}x{k.height} they are {numbers}.", fitting
    for name, other in (("fy", replace(k, fy=k.fx)), ("fx", replace(k, fx=k.fy))):
        if abs(k.fx / k.fy - 1) > _LEAST_FOCAL:
            yield f"with {name} as the other, {other.fx:.1f}, they do.", other


def _fitted_numbers(tags: Tags, k: Intrinsics, cell: Cell) -> Iterator[tuple[str, Intrinsics]]:
    """Another centre or focal length that the tags fit; the centre first where it comes nearer to the picture's."""
    focal, centre = _refine(tags, k, cell, "focal")[0], _refine(tags, k, cell, "centre")[0]
    moved = np.hypot(centre.cx - k.cx, centre.cy - k.cy)
    middle_x, middle_y = (k.width - 1) / 2, (k.height - 1) / 2
    before, after = (np.hypot(one.cx - middle_x, one.cy - middle_y) for one in (k, centre))
    is_crop = (
        f"with the centre at {centre.cx:.0f}, {centre.cy:.0f} they do, {moved:.0f} px away: the picture was cropped, "
        "or the centre is another's.",
        centre,
    )
    if moved > _LEAST_CENTRE * k.width and after < before:
        yield is_crop
    if abs(focal.fx / k.fx - 1) > _LEAST_FOCAL:
        yield f"with a focal length of {focal.fx:.1f} px they do, {focal.fx / k.fx:.3f} times it.", focal
    if moved > _LEAST_CENTRE * k.width:
        yield is_crop


def _straighten(pixels: NDArray[np.float64], k: Intrinsics, k1: float) -> NDArray[np.float64]:
    import cv2

    return np.asarray(cv2.undistortPoints(pixels[:, None], k.matrix, np.array([k1, 0, 0, 0]), P=k.matrix)[:, 0])


def _refine(tags: Tags, k: Intrinsics, cell: Cell, free: str) -> tuple[Intrinsics, float]:
    """The intrinsics and k1 that fit the tags best, with the focal length, the centre or k1 free."""
    import cv2

    fixed = cv2.CALIB_USE_INTRINSIC_GUESS | cv2.CALIB_ZERO_TANGENT_DIST | cv2.CALIB_FIX_K2 | cv2.CALIB_FIX_K3
    fixed |= 0 if free == "k1" else cv2.CALIB_FIX_K1
    fixed |= 0 if free == "centre" else cv2.CALIB_FIX_PRINCIPAL_POINT
    fixed |= cv2.CALIB_FIX_ASPECT_RATIO if free == "focal" else cv2.CALIB_FIX_FOCAL_LENGTH
    world = world_corners(tags, cell).astype(np.float32)
    pixels = np.concatenate([tag.corners_px for tag in tags]).astype(np.float32)
    try:
        K, bent = cv2.calibrateCamera([world], [pixels], (k.width, k.height), k.matrix, np.zeros(5), flags=fixed)[1:3]
    except cv2.error:
        return k, 0.0
    fitting = replace(k, fx=float(K[0, 0]), fy=float(K[1, 1]), cx=float(K[0, 2]), cy=float(K[1, 2]))
    return fitting, float(np.ravel(bent)[0])
