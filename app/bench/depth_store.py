"""What `bench depth` keeps in its folder: a file a pair of clip and estimator, their exhibits, and its results."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.files import replace_file, writing
from core.work import hold_folder
from perception.learning.evaluation.exhibit import Exhibit, pack_exhibit, read_exhibit
from perception.learning.evaluation.measure import ClipResult
from perception.learning.evaluation.stored import from_json, to_json


class PairStore:
    """OUT/pairs/<estimator>/<clip>.json, and .npz where the clip is shown in pictures."""

    def __init__(self, out: Path) -> None:
        self._pairs = out / "pairs"
        self.out, self.scratch = out, out / ".scratch"

    @contextmanager
    def opened(self) -> Iterator["PairStore"]:
        """Keeps other runs away, and clears up after those that were killed.

        Raises:
            ConfigurationError: another run works there.
            StorageError: nothing can be written.
        """
        with hold_folder(self.out):
            shutil.rmtree(self.scratch, ignore_errors=True)
            with writing(self.out):
                self.scratch.mkdir()
            try:
                yield self
            finally:
                shutil.rmtree(self.scratch, ignore_errors=True)

    def load(self, clip: str, subject: str, key: str, with_exhibit: bool) -> ClipResult | None:
        """The result that is kept, None where there is none of this key, or no exhibit and one is wanted."""
        file = self._file(clip, subject)
        try:
            result = from_json(file.read_text(), key)
        except (OSError, ValueError):
            return None
        if result is not None and with_exhibit and result.kind != "normals" and self.exhibit(clip, subject) is None:
            return None
        return result

    def save(self, result: ClipResult, exhibit: Exhibit | None, key: str) -> None:
        """The exhibit first: the result says that all is there."""
        file = self._file(result.clip, result.subject)
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            if exhibit is not None:
                replace_file(file.with_suffix(".npz"), pack_exhibit(exhibit))
            replace_file(file, to_json(result, key).encode())

    def exhibit(self, clip: str, subject: str) -> Exhibit | None:
        """None where there is none, or a damaged one."""
        try:
            return read_exhibit(self._file(clip, subject).with_suffix(".npz"))
        except (OSError, ValueError, KeyError, TypeError, EOFError):
            return None

    def _file(self, clip: str, subject: str) -> Path:
        return self._pairs / subject / f"{slug(clip)}.json"


def slug(clip: str) -> str:
    """A clip's name as a file's."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", clip).lstrip(".") or "clip"
