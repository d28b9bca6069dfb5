"""A trial report's plots."""

from collections.abc import Iterable, Sequence
from html import escape

from core.report.svg import svg_picture, svg_text
from trials.label import FailureReason
from trials.report.contents import TrialReport
from trials.report.counting import SurfaceRate
from trials.report.details import ExpectedShare
from trials.report.verdict import percent, with_interval
from trials.summary import PAPER

_WIDTH, _ROW, _LEFT, _RIGHT = 860, 26, 190, 170
#: One colour a group of reasons, its lighter tones for the reasons within.
_GROUPS = {
    "perception": (214, 60),
    "grasp": (268, 45),
    "planning": (168, 55),
    "execution": (38, 85),
    "contact": (4, 62),
}
_DARK = 45


def forest_plot(report: TrialReport) -> str:
    """Success with its 95 % interval by surface and estimator; triangles mark the paper's rates."""
    body: list[str] = []
    top = 30
    for surface in report.surfaces:
        body.append(svg_text(0, top + 4, surface, weight=600, size=14))
        body += _paper_marks(surface, top)
        top += _ROW
        for estimator in report.estimators:
            rate = report.rate(estimator, surface)
            if rate is not None and rate.success.of:
                body += _forest_row(rate, estimator, top)
                top += _ROW
        top += 8
    grid = _grid(top - 12)
    legend = svg_text(_LEFT, top + 14, "■ success with its 95 % interval · ▽ paper, RAW · ▼ paper, DKT-1.3B", size=12)
    return svg_picture(top + 22, [*grid, *body, legend], "Success by surface and estimator", _WIDTH)


def _forest_row(rate: SurfaceRate, estimator: str, y: float) -> list[str]:
    low, high = map(_x, rate.success.interval)
    middle = _x(rate.success.rate or 0.0)
    return [
        svg_text(16, y + 4, estimator),
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke="#1d3f72" stroke-width="2.5"/>',
        *(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 5}" y2="{y + 5}" stroke="#1d3f72" stroke-width="2"/>'
            for x in (low, high)
        ),
        f'<rect x="{middle - 5:.1f}" y="{y - 5}" width="10" height="10" fill="#1d3f72"/>',
        svg_text(_WIDTH - _RIGHT + 14, y + 4, f"{with_interval(rate.success)}, n {rate.success.of}", size=12),
    ]


def _paper_marks(surface: str, y: float) -> list[str]:
    marks = []
    for system, fill in (("RAW", "#fff"), ("DKT-1.3B", "#b3541e")):
        rate = PAPER[system].get(surface)
        if rate is not None:
            x = _x(rate)
            points = f"{x - 6:.1f},{y - 5} {x + 6:.1f},{y - 5} {x:.1f},{y + 6}"
            marks.append(f'<polygon points="{points}" fill="{fill}" stroke="#b3541e" stroke-width="1.5"/>')
    return marks


def _grid(bottom: float) -> list[str]:
    lines = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = _x(share)
        lines.append(f'<line x1="{x}" x2="{x}" y1="18" y2="{bottom}" stroke="#d9d9d9"/>')
        lines.append(svg_text(x, 12, percent(share), size=12, anchor="middle"))
    return lines


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def failure_bars(report: TrialReport) -> str:
    """Why trials failed, stacked by reason, one bar a surface and estimator; empty where none did."""
    rows = [(key, causes) for key, causes in report.causes.items() if causes]
    if not rows:
        return ""
    most = max(sum(causes.values()) for _, causes in rows)
    colours = _colours(cause for _, causes in rows for cause in causes)
    body, top, surface = [], 20, ""
    for (where, estimator), causes in rows:
        if where != surface:
            surface = where
            body.append(svg_text(0, top + 4, surface, weight=600, size=14))
            top += _ROW - 4
        body += _bar(causes, estimator, top, most, colours)
        top += _ROW
    body += _legend(colours, top + 12)
    return svg_picture(top + 16 + 20 * ((len(colours) + 2) // 3), body, "Failures by reason", _WIDTH)


def _bar(causes: dict[str, int], estimator: str, y: float, most: int, colours: dict[str, str]) -> list[str]:
    parts, x, scale = [svg_text(16, y + 4, estimator)], float(_LEFT), (_WIDTH - _LEFT - 60) / most
    for cause in (cause for cause in colours if cause in causes):
        width = causes[cause] * scale
        parts.append(
            f'<rect x="{x:.1f}" y="{y - 9}" width="{width:.1f}" height="18" fill="{colours[cause]}" stroke="#fff">'
            f"<title>{escape(cause)}: {causes[cause]}</title></rect>"
        )
        if width > 16:
            parts.append(svg_text(x + width / 2, y + 4, str(causes[cause]), size=12, anchor="middle", fill="#fff"))
        x += width
    return [*parts, svg_text(x + 8, y + 4, str(sum(causes.values())), size=12)]


def _colours(causes: Iterable[str]) -> dict[str, str]:
    """In the order of `FailureReason`, what only the machine said last."""
    known = [str(reason) for reason in FailureReason]
    ordered = sorted(set(causes), key=lambda cause: (known.index(cause) if cause in known else len(known), cause))
    colours, seen = {}, dict.fromkeys([*_GROUPS, ""], 0)
    for cause in ordered:
        group = cause.partition(":")[0] if ":" in cause else ""
        hue, strength = _GROUPS.get(group, (0, 0))
        group = group if group in seen else ""
        colours[cause] = f"hsl({hue},{strength}%,{_DARK - 5 + 8 * min(seen[group], 3)}%)"
        seen[group] += 1
    return colours


def _legend(colours: dict[str, str], top: float) -> list[str]:
    parts = []
    for place, (cause, colour) in enumerate(colours.items()):
        x, y = _LEFT + 220 * (place % 3), top + 20 * (place // 3)
        parts.append(f'<rect x="{x}" y="{y - 9}" width="12" height="12" fill="{colour}"/>')
        parts.append(svg_text(x + 18, y + 2, cause, size=12))
    return parts


def expectation_plot(shares: Sequence[ExpectedShare]) -> str:
    """What came true of what was expected; on the diagonal is who expects rightly. Empty of too few trials."""
    if not shares:
        return ""
    side, left, top = 260, 60, 12

    def at(x: float, y: float) -> tuple[float, float]:
        return left + x * side, top + (1 - y) * side

    body = [f'<rect x="{left}" y="{top}" width="{side}" height="{side}" fill="none" stroke="#999"/>']
    body.append(
        f'<line x1="{left}" y1="{top + side}" x2="{left + side}" y2="{top}" stroke="#999" stroke-dasharray="4"/>'
    )
    for share in shares:
        x, y = at(share.expected, share.observed.rate or 0.0)
        ends = [at(share.expected, end)[1] for end in share.observed.interval]
        body.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{ends[0]:.1f}" y2="{ends[1]:.1f}" stroke="#1d3f72"/>')
        body.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="#1d3f72"/>')
    for mark in (0.0, 0.5, 1.0):
        body.append(svg_text(left - 8, at(0, mark)[1] + 4, percent(mark), size=12, anchor="end"))
        body.append(svg_text(at(mark, 0)[0], top + side + 18, percent(mark), size=12, anchor="middle"))
    body.append(svg_text(left + side / 2, top + side + 38, "expected of the chosen grasp", size=12, anchor="middle"))
    return svg_picture(top + side + 46, body, "Expected and observed success", width=400)
