"""A bench's table in a Markdown file: a part of its own between two marks. What people wrote around it stays."""

from pathlib import Path

from core.errors import ConfigurationError
from core.files import demand_writable, replace_file, writing

_END = "<!-- end of what it writes -->"


class ReportFile:
    """Where a bench's report goes, if anywhere."""

    def __init__(self, path: Path | None, bench: str) -> None:
        """Looks, before any work, whether it may be written.

        Raises:
            ConfigurationError: the file holds text, and no part of this bench's.
            StorageError: it cannot be written.
        """
        self._path, self._begin = path, f"<!-- written by bench {bench}: edit above and below -->"
        self._before, self._after = "", ""
        if path is None:
            return
        demand_writable(path)
        with writing(path):
            text = path.read_text() if path.exists() else ""
        if text:
            self._before, begun, rest = text.partition(self._begin)
            _, ended, self._after = rest.partition(_END)
            if not (begun and ended):
                raise ConfigurationError(
                    f"{path} holds text that bench {bench} did not write.",
                    f"Name another file, or put the lines {self._begin} and {_END} where the table shall stand.",
                )

    def write(self, text: str) -> None:
        """Replaces the bench's part.

        Raises:
            StorageError: it cannot be written.
        """
        if self._path is not None:
            whole = f"{self._before}{self._begin}\n\n{text.strip()}\n\n{_END}{self._after or chr(10)}"
            with writing(self._path):
                replace_file(self._path, whole.encode())
