"""Where the session is: the trial, the stage and its time, whether an arm moves, the last fault and its remedy."""

import time
from html import escape
from typing import TYPE_CHECKING, Any

from app.events import (
    CampaignEnd,
    ErrorTold,
    Event,
    MotionBegin,
    MotionEnd,
    QuestionEnd,
    QuestionOpen,
    SessionProgress,
    StageBegin,
    StageEnd,
    TrialBegin,
    TrialChange,
)

if TYPE_CHECKING:
    from viser import ViserServer

#: How often a running stage's time is shown anew [s].
PERIOD_S = 0.2


class StatusPart:
    """What is shown is worked out anew from what was heard last; `end` is the last word."""

    def __init__(self, server: "ViserServer") -> None:
        self._html = server.gui.add_html("")
        self._progress, self._fault, self._end = "", "", ""
        self._share: float | None = None
        self._bar: Any = server.gui.add_progress_bar(0.0, visible=False)
        self._stage: tuple[str, float] | None = None
        self._arm, self._is_asked = "", False
        self._is_practice = False
        #: What is told of each trial, and its last attempt, by its number; which is told now, 0 none.
        self._trials, self._shown = {0: ("", 1)}, 0
        self._due_s = 0.0

    def hear(self, event: Event) -> None:
        match event:
            case SessionProgress(text, done, of, is_practice):
                self._progress, self._share, self._is_practice = text, done / max(of, 1), is_practice
            case CampaignEnd():
                self._progress, self._share, self._shown = "The campaign is complete.", 1.0, 0
            case TrialBegin(record):
                name = event.estimator_shown or record.estimator
                number = "nothing of it is kept" if self._is_practice else f"no. {record.id} in the log"
                self._trials[record.id] = f"{number}: {record.surface} table, scene {record.seed}, depth by {name}", 1
                self._fault, self._shown = "", record.id
            case TrialChange(trial):
                self._trials[self._shown] = self._trials[self._shown][0], len(trial.attempts)
            case StageBegin(name):
                self._stage = name, time.monotonic()
            case StageEnd():
                self._stage = None
            case MotionBegin(arm):
                self._arm = arm
            case MotionEnd():
                self._arm = ""
            case QuestionOpen(question):
                self._is_asked = True
                if question.trial in self._trials:  # it may be about one before the last
                    self._shown = question.trial or self._shown
            case QuestionEnd():
                self._is_asked = False
            case ErrorTold(cause, remedy):
                self._fault = f"{escape(cause)}<br><b>→</b> {escape(remedy)}"
        self._due_s = 0.0

    def end(self, words: str) -> None:
        """The session is over; nothing that was under way is any more."""
        self._stage, self._arm, self._is_asked, self._end, self._due_s = None, "", False, words, 0.0

    def tick(self, now_s: float) -> None:
        if now_s < self._due_s:
            return
        self._due_s = now_s + PERIOD_S
        self._html.content = self._content(now_s)
        if self._share is not None:
            self._bar.value, self._bar.visible = 100 * self._share, True

    def _content(self, now_s: float) -> str:
        kind, words = self._state(now_s)
        trial, number = self._trials[self._shown]
        attempt = f"attempt {number}" if number > 1 else ""
        lines = " · ".join(escape(line) for line in (self._progress, trial, attempt) if line)
        fault = f'<div class="fault">{self._fault}</div>' if self._fault else ""
        # The stamp lets a test tell how old is what a browser shows.
        return (
            f'<div class="vitro" id="vitro-status" data-state="{kind}" data-stamp="{time.time():.3f}">'
            f'<div class="state {kind}">{escape(words)}</div><div>{lines}</div>{fault}</div>'
        )

    def _state(self, now_s: float) -> tuple[str, str]:
        stage = f"{self._stage[0]} … {now_s - self._stage[1]:.1f} s" if self._stage else ""
        if self._end:
            return "stopped", self._end
        if self._arm:
            moves = "arms move" if " and " in self._arm else "arm moves"
            return "moving", f"The {self._arm} {moves}: {stage}"
        if self._is_asked:
            return "waiting", "Waiting for you"
        return ("working", stage or "Working") if stage or self._progress else ("idle", "Idle")
