"""`python main.py replay TRIAL`: a logged trial again, and what other estimators would have made of its frames."""

from contextlib import closing
from html import escape
from typing import Any

from app.console import Console
from app.page.page_server import keep_open
from app.paths import home
from app.replay.compare import compare_estimators, stored_attempt
from app.replay.options import ReplayOptions
from app.replay.replay_page import ReplayPage
from app.replay.stored_trial import StoredTrial, cell_of, find_trial
from app.replay.timeline import timeline_of, timeline_of_frames
from core.files import demand_writable


def replay_trial(options: ReplayOptions) -> int:
    """Says what is stored, runs what is asked for, and shows it on a page; 0 unless it could not.

    Raises:
        TrialError: no such trial, a recording that is not whole, or frames that are not what they were.
        ConfigurationError: an estimator, a detector or an attempt that there is not.
    """
    console = Console(options.as_json)
    trial = find_trial(options.trial)
    facts = _facts(trial)
    console.say(f"[bold]{trial.name}[/], {trial.estimator}: {facts['ended'] or 'how it ended is not known'}")
    for sentence in trial.missing:
        console.say(f"[yellow]![/] {sentence}")
    if options.estimators:
        folder = options.out or home() / "replay" / trial.name.replace(" ", "-")
        demand_writable(folder)
        facts |= {"comparison": compare_estimators(trial, options, folder, console)}
    _show_states(console, facts)
    console.result(facts)
    if not options.headless:
        _show_page(trial, options, facts["ended"], console)
    return 0


def _show_page(trial: StoredTrial, options: ReplayOptions, ended: str, console: Console) -> None:
    """Serves the page until a key is pressed, or Ctrl-C where there is no terminal."""
    cell, said = cell_of(trial, options.cell)
    if trial.recording is not None:
        timeline = timeline_of(trial.recording)
    else:
        attempt = stored_attempt(trial, options.attempt)
        timeline = timeline_of_frames(attempt.frames, None if attempt.depth is None else attempt.depth.depth_m)
    lines = [f"<b>{escape(trial.name)}</b>, {escape(trial.estimator)}: {escape(ended or 'how it ended is not known')}"]
    lines += [f"<small>{escape(line)}</small>" for line in (*trial.missing, said) if line]
    with closing(ReplayPage(timeline, cell, "<br>".join(lines), options.page_host)) as page:
        keep_open(page.address, console)


def _show_states(console: Console, facts: dict[str, Any]) -> None:
    """What happened, line by line."""
    if facts["recording"] is not None:
        lines = [(f"{state['s']:.2f}", state["name"], state["words"]) for state in facts["recording"]["states"]]
        console.table("what happened", ("s", "stage", ""), lines)


def _facts(trial: StoredTrial) -> dict[str, Any]:
    ended = trial.facts.get("outcome", "") if trial.record is None else trial.record.ending
    timeline = None if trial.recording is None else timeline_of(trial.recording)
    return {
        "trial": trial.name.removeprefix("trial "),
        "folder": str(trial.folder),
        "estimator": trial.estimator,
        "ended": ended,
        "attempts_with_frames": len(trial.attempts),
        "missing": trial.missing,
        "recording": None
        if trial.recording is None or timeline is None
        else {
            "file": str(trial.recording.path),
            "duration_s": round(timeline.duration_s, 3),
            "topics": {topic: len(said) for topic, said in trial.recording.messages.items()},
            "states": [{"s": round(n.time_s, 3), "name": n.name, "words": n.words} for n in timeline.notes],
        },
    }
