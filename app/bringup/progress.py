"""Which steps of a cell's bring-up are done: kept on disk, and due again once what they were about has changed."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError
from core.work import write_whole


@dataclass(frozen=True)
class Done:
    """date: when; note: what came of it; about: a digest of what it was about."""

    date: str
    note: str
    about: str


class Progress:
    """The steps done, in one JSON file that is rewritten after each."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigurationError for a file that is none of ours."""
        self._path = path
        self._done: dict[str, Done] = {}
        if path.exists():
            try:
                self._done = {step: Done(**done) for step, done in json.loads(path.read_text("utf-8")).items()}
            except (ValueError, TypeError, AttributeError, RecursionError) as error:
                raise ConfigurationError(
                    f"What was done of the bring-up cannot be read from {path}.", "Remove that file and begin again."
                ) from error

    def of(self, step: str, about: Any) -> Done | None:
        """A step that is done and was about the same thing as now."""
        done = self._done.get(step)
        return done if done is not None and done.about == _digest(about) else None

    def add(self, step: str, about: Any, note: str) -> None:
        """Raises StorageError where the file cannot be written."""
        self._done[step] = Done(datetime.now().isoformat(" ", "minutes"), note, _digest(about))
        steps = {name: asdict(done) for name, done in self._done.items()}
        write_whole(self._path, json.dumps(steps, indent=2).encode())


def _digest(about: Any) -> str:
    """Of what JSON has, and of parts of a cell."""
    text = json.dumps(about, sort_keys=True, default=lambda part: part.model_dump(mode="json"))
    return sha256(text.encode()).hexdigest()[:16]
