"""The page's own look on top of viser's: keys that a finger hits, and a stop key that never scrolls away."""

from typing import Final

#: Colours of viser's keys.
GO: Final = "green"
STOP: Final = "red"
CAREFUL: Final = "orange"
PLAIN: Final = "gray"

STYLE = """<style>
button[id] { height: auto !important; min-height: 2.8em; white-space: normal; }
button[id] span { white-space: normal; }
.vitro { font-size: 0.92em; margin: 0 0.6em 0.4em; line-height: 1.35; }
.vitro .state { padding: 0.45em 0.7em; border-radius: 0.4em; font-weight: 600; color: white; }
.vitro .idle { background: #6b7280; } .vitro .working { background: #2563eb; }
.vitro .waiting { background: #b45309; } .vitro .moving { background: #b91c1c; }
.vitro .stopped { background: #111827; }
.vitro .fault { border-left: 4px solid #b91c1c; padding: 0.2em 0.7em; background: #b91c1c18; }
.vitro .word { border-left: 4px solid #2563eb; padding: 0.2em 0.7em; background: #2563eb14; }
.vitro .asked { border-left: 4px solid #b45309; padding: 0.2em 0.7em; background: #b4530914; }
.vitro ul { margin: 0.2em 0; padding-left: 1.2em; } .vitro svg { display: block; width: 100%; }
.vitro .question { font-weight: 600; overflow-wrap: anywhere; }
.vitro table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9em; }
.vitro td, .vitro th { text-align: left; padding: 0.1em 0.35em 0.1em 0; vertical-align: top; }
.vitro td.number, .vitro th.number { text-align: right; white-space: nowrap; }
.vitro small { opacity: 0.75; overflow-wrap: anywhere; }
.vitro .success { color: #15803d; } .vitro .failure { color: #b91c1c; } .vitro .invalid { color: #6b7280; }
</style>"""


def row_of(button_ids: list[str]) -> str:
    """Puts keys of little weight beside each other, together as wide as one alone."""
    boxes, number = [f"div:has(> button[id='{id}'])" for id in button_ids], max(len(button_ids), 1)
    width = f"calc((100% - 2 * var(--mantine-spacing-xs) - {number - 1} * 0.4em) / {number})"
    rule = f"display: inline-block; width: {width}; margin: 0 0 0 0.4em !important;"
    first = f"{boxes[0]} {{ margin-left: var(--mantine-spacing-xs) !important; }}" if boxes else ""
    return f"<style>{', '.join(boxes)} {{ {rule} }} {first}</style>"


def sticky(button_id: str) -> str:
    """Keeps one key at the top of what scrolls."""
    return (
        f"<style>div:has(> button[id='{button_id}']) {{ position: sticky; top: 0; z-index: 20; padding-top: 0.4em; }}"
        f"button[id='{button_id}'] {{ min-height: 3.4em; font-size: 1.05em; }}</style>"
    )
