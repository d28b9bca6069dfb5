"""`python main.py trials show`: all that is known of one trial."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.console import Console
from app.paths import trial_folder
from app.trials.blinding import Blinding
from app.trials.listing import as_json
from app.trials.opened_log import opened_log
from app.trials.options import ShowTrialOptions
from app.trials.tables import said_of
from core.json_values import plain
from trials.label import Label, LabelledTrial

_DEEPEST = 2


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
    console.say(f"[bold]Trial {options.id}[/] in {store.where}: {said_of(known)}")
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


def _lines(facts: Mapping[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """A line a value that is there; of what is nested deep, one line in all."""
    for name, value in facts.items():
        if isinstance(value, dict) and value and depth < _DEEPEST:
            yield from _lines(value, f"{before}{name}.", depth + 1)
        elif value not in (None, "", {}, []):
            yield before + name, f"{value:.6g}" if isinstance(value, float) else str(value)
