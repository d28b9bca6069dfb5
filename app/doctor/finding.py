"""What an examination finds, and where it looks: another root shows it another machine's files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["pass", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One line: `warn` is what works without. command: what mends it, to be pasted into a shell; else see remedy."""

    subject: str
    state: State
    found: str
    remedy: str = ""
    command: str = ""


@dataclass(frozen=True)
class Machine:
    """Files as Linux shows them. root: `/`, or a tree that stands for another machine's."""

    root: Path = Path("/")

    @property
    def is_this(self) -> bool:
        return self.root == Path("/")

    def folders(self, path: str) -> list[Path]:
        """What lies in a folder, sorted by name; nothing where it is not there."""
        folder = self.root / path
        return sorted(folder.iterdir()) if folder.is_dir() else []

    def read(self, path: str | Path) -> str:
        """A file's text without its last line's end; empty where there is none."""
        try:
            return (self.root / path).read_text(errors="replace").strip()
        except OSError:
            return ""
