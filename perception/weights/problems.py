"""A list of what is wrong, for checks that go on after the first fault."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import PerceptionError


class Problems(list[str]):
    """Causes, in the order they were found."""

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Keeps what the body raises, and lets the next check have its turn."""
        try:
            yield
        except PerceptionError as error:
            self.append(error.cause)
