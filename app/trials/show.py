"""`python main.py trials show`: all that is known of one trial."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.console import Console
from app.paths import trial_folder
from app.trials.blinding import Blinding
from app.trials.listing import as_json
from app.trials.opened_log import opened_log
from app.trials.options import ShowTrialOptions
from app.trials.tables import label_words
from core.json_values import plain
from trials.label import Label, LabelledTrial


def show_trial(options: ShowTrialOptions) -> int:
    """Raises a TrialError where there is no such trial."""
    console = Console(options.as_json)
    with opened_log(console) as store:
        history = store.labels(options.id)
        standing = [label for label in history if label.undone is None]
        blinding = Blinding(store.campaigns())
        known = blinding.shown(LabelledTrial(store.get(options.id), standing[-1] if standing else None))
    campaign = blinding.campaigns.get(known.trial.campaign)
    folder = trial_folder(store.where, options.id)
    console.say(f"[bold]Trial {options.id}[/] in {store.where}: {label_words(known)}")
    facts = plain(known.trial) | {"campaign": campaign.name if campaign else None}
    console.table("its row", ("column", "value"), list(_lines(facts)))
    _show_history(console, history)
    console.say(f"  files: {folder}" if folder.is_dir() else f"  files: none ({folder} is not there)")
    more = {"labels": history, "campaign": campaign.name if campaign else None, "folder": folder}
    console.result({"trial": as_json(known), **more})
    return 0


def _show_history(console: Console, history: tuple[Label, ...]) -> None:
    rows = [
        (
            f"{label.made:%Y-%m-%d %H:%M:%S}",
            label.value,
            label.reason or "",
            label.by,
            label.note,
            f"{label.undone:%Y-%m-%d %H:%M:%S}" if label.undone else "",
        )
        for label in history
    ]
    if rows:
        console.table("labels, oldest first", ("made (UTC)", "label", "reason", "by", "note", "taken back"), rows)


def _lines(facts: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """A line a value that is there; of things in a list each by its number."""
    for name, value in facts.items():
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            value = {str(number): one for number, one in enumerate(value, 1)}
        if isinstance(value, dict) and value:
            yield from _lines(value, f"{before}{name}.")
        elif value not in (None, "", {}, []):
            yield before + name, _text(value)


def _text(value: Any) -> str:
    """A matrix row by row."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list) and all(isinstance(one, list) for one in value):
        return "\n".join(_text(row) for row in value)
    if isinstance(value, list):
        return " ".join(f"{one + 0.0:>8.4g}" if isinstance(one, float) else str(one) for one in value)
    return str(value)
