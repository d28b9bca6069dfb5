"""The sheet of failures that `bench validity` leaves, and the chain's tolerance as a picture."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.bench.validity_table import SceneResult, ValiditySummary, validity_rows
from core.image_file import write_image
from grasping.pictures import draw_grasps
from grasping.validity import Cause
from hardware.cameras.frame import RgbdFrame
from perception.depth_types import Plane
from perception.pictures import Image, colour_depth, legend, titled

#: Pixels around the true objects that a picture shows, and the height that takes the last colour [m].
_MARGIN_PX, _HIGHEST_M = 90, 0.20
#: Side of each of a failure's two pictures.
_SIDE_PX = 480
_OUTLINE_RGB = (255, 60, 220)
#: Where the picture of the tolerance has its axes and a degradation's column [px], and the surfaces' colours.
_LEFT, _TOP, _BOTTOM, _STEP = 70, 40, 420, 76
_INKS = ((200, 70, 30), (30, 110, 200), (30, 150, 70))
_STYLE = (
    "body{font:14px system-ui;margin:2em}table{border-collapse:collapse}td,th{padding:2px 10px;text-align:left;"
    "border-bottom:1px solid #ddd}figure{display:inline-block;margin:8px;vertical-align:top}img{width:620px}"
)


@dataclass(frozen=True)
class Judged:
    """One scene as the sheet shows it. rows (0 or 1, 17): the best grasp. depth_m (H, W) [m]: the estimate, None where
    there is none. true_m (H, W): the objects alone, NaN beside them."""

    frame: RgbdFrame
    plane: Plane
    rows: NDArray[np.float64]
    depth_m: NDArray[np.float32] | None
    true_m: NDArray[np.float32]
    result: SceneResult


def draw_failure(file: Path, judged: Judged) -> None:
    """Colour with the best grasp and the true outline; beside it the estimate as height above the table."""
    import cv2

    frame = judged.frame
    standing = np.isfinite(judged.true_m)
    outlines = cv2.findContours(standing.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    color = draw_grasps(frame.color, judged.rows, frame.intrinsics)
    height = _height_picture(judged)
    for image in (color, height):
        cv2.drawContours(image, outlines, -1, _OUTLINE_RGB, 1, cv2.LINE_AA)
    window = _window(standing)
    panels = [_resize(image[window]) for image in (color, height)]
    caption = f"{judged.result.estimator}: {judged.result.cause}"
    picture = np.hstack(
        [
            titled(panels[0], caption),
            titled(panels[1], "height of the estimate"),
            legend(_SIDE_PX, 1000 * _HIGHEST_M, 0.0, "mm", 0),
        ]
    )
    write_image(file, picture)


def _resize(image: Image) -> Image:
    import cv2

    return np.asarray(cv2.resize(np.ascontiguousarray(image), (_SIDE_PX, _SIDE_PX)), np.uint8)


def _height_picture(judged: Judged) -> Image:
    if judged.depth_m is None:
        return np.full_like(judged.frame.color, 18)
    height_m = judged.plane.height(judged.frame.intrinsics.rays() * judged.depth_m[..., None])
    # Turbo paints what is near in red; here what is high.
    return colour_depth((1.0 + _HIGHEST_M - height_m).astype(np.float32), 1.0, 1.0 + _HIGHEST_M)


def _window(standing: NDArray[np.bool_]) -> tuple[slice, slice]:
    """A square around the objects, inside the image."""
    rows, columns = np.nonzero(standing) if standing.any() else (np.array([0]), np.array([0]))
    side = min(int(max(np.ptp(rows), np.ptp(columns))) + 2 * _MARGIN_PX, *standing.shape)
    starts = [
        int(np.clip((places.min() + places.max() - side) // 2, 0, size - side))
        for places, size in zip((rows, columns), standing.shape, strict=True)
    ]
    return slice(starts[0], starts[0] + side), slice(starts[1], starts[1] + side)


def write_page(out: Path, summaries: Sequence[ValiditySummary], results: Iterable[SceneResult]) -> None:
    """report.html: the table, then every failure with its cause."""
    columns, rows = validity_rows(summaries)
    lines = [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
    figures = [
        f'<figure><img src="{escape(one.picture)}" loading="lazy"><figcaption><b>{one.cause}</b> '
        f"{escape(one.estimator)}, {one.surface} {one.seed} {escape(one.note)}</figcaption></figure>"
        for one in results
        if one.cause is not Cause.VALID
    ]
    heads = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = f"<h1>Grasps against the true shapes</h1><table><tr>{heads}</tr>{''.join(lines)}</table>"
    (out / "report.html").write_text(
        f'<!doctype html><meta charset="utf-8"><title>Validity</title><style>{_STYLE}</style>{body}<h2>Failures</h2>'
        + "".join(figures)
    )


def draw_tolerance(file: Path, summaries: Sequence[ValiditySummary]) -> None:
    """Validity of the best grasp of each degradation of the truth, one line a kind, with Wilson intervals."""
    import cv2

    chosen = [one for one in summaries if one.estimator.startswith("oracle")]
    names = list(dict.fromkeys(one.estimator for one in chosen))
    image = np.full((520, _LEFT + _STEP * max(len(names), 1) + 30, 3), 255, np.uint8)
    for share in np.linspace(0, 1, 6):
        cv2.line(image, (_LEFT - 5, _row(share)), (image.shape[1] - 20, _row(share)), (225, 225, 225), 1)
        _label(image, f"{share:.1f}", (20, _row(share) + 5))
    for number, name in enumerate(names):
        kind, _, degree = name.partition("+")[2].partition("-")
        _label(image, kind or "truth", (_LEFT + _STEP * number + 8, _BOTTOM + 30))
        _label(image, degree, (_LEFT + _STEP * number + 8, _BOTTOM + 50))
    for number, surface in enumerate(dict.fromkeys(one.surface for one in chosen)):
        ink = _INKS[number % len(_INKS)]
        _draw_surface(image, [one for one in chosen if one.surface == surface], names, ink, 8 * number)
        _label(image, surface, (_LEFT + 130 * number, 25))
        cv2.circle(image, (_LEFT + 130 * number - 12, 20), 5, ink, -1, cv2.LINE_AA)
    _label(image, "share of scenes whose best grasp is valid, 95 % intervals", (_LEFT, 500))
    write_image(file, image)


def _draw_surface(
    image: Image, summaries: Sequence[ValiditySummary], names: Sequence[str], ink: tuple[int, int, int], aside_px: int
) -> None:
    """One surface's points with their intervals; those of one kind of degradation are joined."""
    import cv2

    last: tuple[str, tuple[int, int]] | None = None
    for one in summaries:
        x = _LEFT + _STEP * names.index(one.estimator) + _STEP // 2 + aside_px
        low, high = one.top_1.interval
        kind, point = one.estimator.partition("+")[2].partition("-")[0], (x, _row(one.top_1.rate or 0.0))
        cv2.line(image, (x, _row(low)), (x, _row(high)), ink, 1, cv2.LINE_AA)
        cv2.circle(image, point, 5, ink, -1, cv2.LINE_AA)
        if last is not None and last[0] == kind:
            cv2.line(image, last[1], point, ink, 2, cv2.LINE_AA)
        last = kind, point


def _row(share: float) -> int:
    """The picture's row of a share 0..1."""
    return round(_BOTTOM - share * (_BOTTOM - _TOP))


def _label(image: Image, text: str, at: tuple[int, int]) -> None:
    import cv2

    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.48, (40, 40, 40), 1, cv2.LINE_AA)
