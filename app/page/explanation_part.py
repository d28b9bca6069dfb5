"""A word of explanation for who sees a trial for the first time, as the demo gives it."""

from html import escape
from typing import TYPE_CHECKING

from app.events import Event, Explanation

if TYPE_CHECKING:
    from viser import ViserServer


class ExplanationPart:
    """Hidden where nobody explains."""

    def __init__(self, server: "ViserServer") -> None:
        self._html = server.gui.add_html("", visible=False)

    def hear(self, event: Event) -> None:
        if isinstance(event, Explanation):
            self._html.content = (
                f'<div class="vitro"><div class="word" id="vitro-word"><b>{escape(event.about)}</b><br>'
                f"{escape(event.text)}</div></div>"
            )
            self._html.visible = True

    def tick(self, now_s: float) -> None:
        """Nothing changes by itself."""
