"""The page's tables: the stages of this trial with their times, and the trials of this session with their labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING

from app.events import CampaignEnd, Event, LabelChange, StageBegin, StageEnd, TrialBegin, TrialEnd
from app.trials.tables import label_words
from core.report.words import counted
from trials.label import Label, LabelledTrial
from trials.record import TrialRecord

if TYPE_CHECKING:
    from viser import ViserServer

#: How many of the newest trials are listed; the rates are of all.
_LISTED = 30


class StagesPart:
    """A row a stage of the trial that runs, or of the last one."""

    def __init__(self, server: "ViserServer") -> None:
        self._html = server.gui.add_html("")
        self._rows: list[tuple[str, str, str]] = []

    def hear(self, event: Event) -> None:
        if isinstance(event, TrialBegin):
            self._rows = self._rows[-1:] if self._rows[-1:] and self._rows[-1][0] == "stage" else []
        elif isinstance(event, StageBegin):
            self._rows.append((event.name, "…", ""))
        elif isinstance(event, StageEnd):
            detail = "✗" if event.failed else event.detail
            self._rows = [*self._rows[:-1], (event.name, f"{event.seconds:.2f} s", detail)]
        else:
            return
        rows = "".join(
            f'<tr><td>{escape(name)}</td><td class="number">{seconds}</td><td><small>{escape(detail)}</small></td></tr>'
            for name, seconds, detail in self._rows
        )
        self._html.content = f'<div class="vitro"><table id="vitro-stages">{rows}</table></div>'

    def tick(self, now_s: float) -> None:
        """Nothing changes by itself."""


@dataclass(frozen=True)
class ShownTrial:
    """A trial as the page lists it."""

    record: TrialRecord
    estimator: str
    label: Label | None = None

    @property
    def said(self) -> str:
        """What it counts as, or what it is still to be confirmed as."""
        if self.record.outcome is None:
            return "runs"
        if self.label is not None:
            return str(self.label.value)
        known = LabelledTrial(self.record)
        return f"{label_words(known)} ({known.suggested}?)" if known.counts else label_words(known)

    @property
    def why(self) -> str:
        if self.label is not None:
            return " · ".join(filter(None, (str(self.label.reason or ""), self.label.note)))
        return str(self.record.reason)


class ResultsPart:
    """Success by surface and estimator so far, and the newest trials first.

    Of a campaign that is open only how many trials count: who sees rates may be tempted to stop there.
    """

    def __init__(self, server: "ViserServer") -> None:
        self._html = server.gui.add_html('<div class="vitro">No trial yet.</div>')
        self._trials: dict[int, ShownTrial] = {}
        self._ended: set[int] = set()

    def hear(self, event: Event) -> None:
        known = self._trials
        match event:
            case TrialBegin(record):
                known[record.id] = ShownTrial(record, event.estimator_shown or record.estimator)
            case TrialEnd(record):
                shown = known.get(record.id, ShownTrial(record, record.estimator))
                known[record.id] = replace(shown, record=record)
            case LabelChange(label) if label.trial in known:
                known[label.trial] = replace(known[label.trial], label=label if label.undone is None else None)
            case CampaignEnd(campaign):
                self._ended.add(campaign)
                for id, shown in known.items():
                    if shown.record.campaign == campaign:
                        known[id] = replace(shown, estimator=shown.record.estimator)
            case _:
                return
        self._html.content = f'<div class="vitro">{self._rates()}{self._list()}</div>'

    def tick(self, now_s: float) -> None:
        """Nothing changes by itself."""

    def _rates(self) -> str:
        groups: dict[tuple[str, str, bool], list[LabelledTrial]] = {}
        for shown in self._trials.values():
            if shown.record.outcome is not None:
                is_open = shown.record.campaign not in {0, *self._ended}
                key = (shown.record.surface, shown.estimator, is_open)
                groups.setdefault(key, []).append(LabelledTrial(shown.record, shown.label))
        rows = "".join(
            f"<tr><td>{escape(surface)}</td><td>{escape(estimator)}</td>"
            f'<td class="number">{_count(group, is_open)}</td></tr>'
            for (surface, estimator, is_open), group in groups.items()
        )
        hidden = "<small>Rates are shown when the campaign has ended.</small>" if any(key[2] for key in groups) else ""
        head = "<tr><th>surface</th><th>depth by</th><th class='number'>success</th></tr>"
        return f"<table>{head}{rows}</table>{hidden}<hr>"

    def _list(self) -> str:
        newest = list(self._trials.values())[: -_LISTED - 1 : -1]
        rows = "".join(
            f'<tr><td class="number">{shown.record.id}</td><td>{escape(shown.record.surface)}</td>'
            f'<td class="{shown.label.value if shown.label else ""}">{escape(shown.said)}</td>'
            f"<td><small>{escape(shown.why)}</small></td></tr>"
            for shown in newest
        )
        head = "<tr><th class='number'>trial</th><th>surface</th><th>came to</th><th>why</th></tr>"
        return f'<table id="vitro-results">{head}{rows}</table>'


def _count(group: Sequence[LabelledTrial], is_open: bool) -> str:
    valid = sum(one.counts for one in group)
    return counted(valid, "trial") if is_open else f"{sum(one.is_success for one in group)} of {valid}"
