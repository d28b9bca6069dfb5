"""What the operator's page is made of: parts that hear what the session tells and draw it."""

from typing import Protocol

from app.events import Event


class PagePart(Protocol):
    """Called on the page's own thread alone, so that it may draw at leisure."""

    def hear(self, event: Event) -> None:
        """One event, in the order in which they happened."""
        ...

    def tick(self, now_s: float) -> None:
        """Some times a second; now_s: time.monotonic()."""
        ...
