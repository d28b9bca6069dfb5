"""Plots as inline SVG, for reports: sharp in print, readable without colour, and no library is loaded for them."""

from collections.abc import Sequence
from html import escape


def svg_text(
    x: float, y: float, text: str, size: int = 13, weight: int = 400, anchor: str = "start", fill: str = "#111"
) -> str:
    """x, y: where its line begins, or with `anchor` its middle or end lies."""
    style = f'font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="{fill}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def svg_line(x1: float, y1: float, x2: float, y2: float, stroke: str, width: float = 1.0, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{stroke}" stroke-width="{width}"{dashed}/>'


def svg_picture(height: float, body: Sequence[str], title: str, width: int) -> str:
    """The plot of these parts, as wide as its place allows and at most `width` [px]."""
    return (
        f'<svg viewBox="0 0 {width} {height:.0f}" style="max-width:{width}px" role="img" '
        f'aria-label="{escape(title)}">{"".join(body)}</svg>'
    )
