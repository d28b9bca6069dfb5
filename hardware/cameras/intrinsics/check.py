"""Whether intrinsics can be a camera's and this picture's, before anything is made of them."""

from dataclasses import replace
from math import atan, degrees, isfinite

from core.image import Intrinsics

#: Fields of view of cameras that people mount before a table, across and down [deg].
_LEAST_FOV_DEG, _MOST_FOV_DEG = 15.0, 120.0
#: A centre lies this near to the middle, in widths and heights, where the picture was not cropped; of crops farther.
_CENTRE, _CROPPED_CENTRE = 0.06, 0.4
#: A centre that is off by one share of both is another size's from here on.
_RESIZED_CENTRE = 0.1
#: Pixels are so square, where the picture was not squeezed; squeezed pictures keep to the second.
_SQUARE, _SQUEEZED = 1.05, 2.0
#: Widths and heights of pictures that cameras give, of which a crop may have kept the centre.
_SIZES = (
    (640, 360),
    (640, 480),
    (800, 600),
    (848, 480),
    (960, 540),
    (1280, 720),
    (1280, 800),
    (1280, 960),
    (1920, 1080),
)
#: In which other order people give the four.
_ORDERS = (("fx", "cx", "fy", "cy"), ("cx", "cy", "fx", "fy"))
#: How near a centre is to the middle of the picture that it is of, in its width.
_OWN_MIDDLE = 0.015


def why_not(k: Intrinsics) -> str:
    """Why these can be no camera's, with the likeliest cause; "" where they can."""
    said = f"fx {k.fx:g}, fy {k.fy:g}, cx {k.cx:g}, cy {k.cy:g} for {k.width}x{k.height}"
    if not all(isfinite(v) for v in (k.fx, k.fy, k.cx, k.cy)) or min(k.fx, k.fy, k.width, k.height) <= 0:
        return f"{said}: values no camera has"
    if not _is_plain(k):
        for order in _ORDERS:
            given = dict(zip(order, (k.fx, k.fy, k.cx, k.cy), strict=True))
            if _is_plain(Intrinsics(k.width, k.height, **given)):
                return f"{said}: their order is {', '.join(order)}; fy is {given['fy']:g} and cx {given['cx']:g}"
        if _is_plain(replace(k, cx=k.cy, cy=k.cx)):
            return f"{said}: cx and cy, or the width and the height, have changed places"
        if min(k.cx, k.cy) > 0 and max(k.cx, k.cy) <= 1:
            return f"{said}: they are shares of the width and the height; in pixels cx is {k.cx * k.width:g}"
    x, y = _off_middle(k)
    of = _resized_from(k)
    if max(abs(x), abs(y)) > _CROPPED_CENTRE or (of and min(abs(x), abs(y)) > _RESIZED_CENTRE):
        return f"{said}: the centre is {abs(x):.0%} of the width, {abs(y):.0%} of the height off the middle{of}"
    if not 1 / _SQUEEZED <= k.fx / k.fy <= _SQUEEZED:
        return f"{said}: fx is {k.fx / k.fy:.2f} times fy"
    across, down = fields_of_view_deg(k)
    if not (_LEAST_FOV_DEG <= across <= _MOST_FOV_DEG and down <= _MOST_FOV_DEG):
        return f"{said}: a field of view of {across:.0f}° x {down:.0f}°, which is no camera's for a table"
    return ""


def doubt(k: Intrinsics) -> str:
    """What speaks against intrinsics where nothing in the picture confirms them; "" where nothing does."""
    x, y = _off_middle(k)
    if max(abs(x), abs(y)) > _CENTRE:
        for width, height in _SIZES:
            other = (width, height) != (k.width, k.height)
            near = (
                abs(2 * k.cx + 1 - width) < 2 * _OWN_MIDDLE * width,
                abs(2 * k.cy + 1 - height) < 2 * _OWN_MIDDLE * width,
            )
            if other and all(near):
                is_crop = width >= k.width and height >= k.height
                why = "it was cropped, and the centre must move along" if is_crop else "they are the other's"
                return (
                    f"the centre {k.cx:g}, {k.cy:g} is the middle of a {width}x{height} picture, this one is "
                    f"{k.width}x{k.height}: {why}"
                )
    if not 1 / _SQUARE <= k.fx / k.fy <= _SQUARE:
        return f"fx is {k.fx / k.fy:.2f} times fy: one of them is likely to be another picture's"
    return ""


def for_size(k: Intrinsics, width: int, height: int) -> str:
    """What to say where a picture has another size than its intrinsics: what they are if it was resized."""
    if abs(k.width * height / (k.height * width) - 1) > 0.01:
        return (
            f"These are of {k.width}x{k.height}, which has another shape: give those of this {width}x{height} picture."
        )
    fitting = k.resized(width, height)
    numbers = ", ".join(f"{name} {getattr(fitting, name):.2f}" for name in ("fx", "fy", "cx", "cy"))
    return f"These are of {k.width}x{k.height}; for a picture resized to {width}x{height} they are {numbers}."


def fields_of_view_deg(k: Intrinsics) -> tuple[float, float]:
    """Across and down [deg]."""
    return degrees(2 * atan(k.width / (2 * k.fx))), degrees(2 * atan(k.height / (2 * k.fy)))


def _off_middle(k: Intrinsics) -> tuple[float, float]:
    """How far the centre is from the middle, in widths and heights."""
    return (k.cx + 0.5) / k.width - 0.5, (k.cy + 0.5) / k.height - 0.5


def _is_plain(k: Intrinsics) -> bool:
    """Whether nothing at all is odd about them."""
    x, y = _off_middle(k)
    return max(abs(x), abs(y)) <= _CENTRE and 1 / _SQUARE <= k.fx / k.fy <= _SQUARE


def _resized_from(k: Intrinsics) -> str:
    """Of a centre that is the middle of another size of the same shape, the intrinsics of this one."""
    share = (2 * k.cx + 1) / k.width
    if abs((2 * k.cy + 1) / k.height / share - 1) > 0.05:
        return ""
    fitting = Intrinsics(round(k.width * share), round(k.height * share), k.fx, k.fy, k.cx, k.cy)
    return ": " + for_size(fitting, k.width, k.height).rstrip(".")
