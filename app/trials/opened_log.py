"""The log for a command that only reads it: of a damaged one, what can still be read."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from app.console import Console
from app.paths import trial_log
from core.errors import DamageError
from trials.store import TrialStore


@contextmanager
def opened_log(console: Console) -> Iterator[TrialStore]:
    """Says what is damaged, and how to go on with the rest; nothing is written.

    Raises:
        TrialError, StorageError: nothing of it can be read.
    """
    where = trial_log(is_written=False)
    try:
        store = TrialStore(where, is_read=True)
    except DamageError as error:
        store = TrialStore(where, is_salvaged=True)
        saved, aside = shlex.quote(f"{where}.saved.zip"), shlex.quote(f"{where}.damaged")
        said = f"{error.cause.rstrip('.')}: {store.lost_rows} of its rows cannot be read; the others are shown."
        remedy = (
            f"Save them: python main.py trials export {saved}; move it aside: mv {shlex.quote(where)} {aside}; "
            f"start anew with them: python main.py trials import {saved}"
        )
        console.error(DamageError(said, remedy))
    with store:
        yield store
