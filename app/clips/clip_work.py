"""Where long work on a clip stands: a hidden folder beside its results, from which a killed run goes on."""

import hashlib
import json
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError
from core.files import hold_results, sync_files, writing

SUMMARY = "summary.json"


@dataclass(frozen=True)
class Checkpoint:
    """After `frames` frames went in and `maps` maps came out, `seconds` into the work.

    estimator: its name as it runs. state: the stream's.
    """

    frames: int
    maps: int
    seconds: float
    estimator: str
    state: dict[str, Any]


class ClipWork:
    """The unfinished results of one command in one folder, and the identity of what they are made from."""

    def __init__(self, out: Path, command: str, identity: dict[str, str]) -> None:
        self.out = out
        self.command = command
        self.folder = out / _folder_of(command)
        self.identity = identity
        self.fingerprint = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
        self._checkpoint = self.folder / "checkpoint.pt"
        self._identity = self.folder / "identity.json"

    def finished(self) -> dict[str, Any] | None:
        """The summary of this very work, where it is done and its files are still there.

        Raises:
            ConfigurationError: the folder holds what another command made.
        """
        summary = self._summary()
        if summary is None:
            return None
        if summary["command"] != self.command:
            raise ConfigurationError(
                f"{self.out} holds the results of `{summary['command']}`.",
                "Name another --out: summary and pictures share names.",
            )
        is_this = summary["fingerprint"] == self.fingerprint
        return summary if is_this and all((self.out / name).exists() for name in summary["files"]) else None

    def _summary(self) -> dict[str, Any] | None:
        try:
            summary = json.loads((self.out / SUMMARY).read_text())
            return summary if {"command", "fingerprint", "files"} <= summary.keys() else None
        except (OSError, ValueError, AttributeError):
            return None

    def refuse_foreign(self, names: tuple[str, ...]) -> None:
        """Raises a ConfigurationError where files of these names are of no earlier run, so not ours to remove."""
        there = [path for name in (SUMMARY, *names) if (path := self.out / name).exists()]
        if there and self._summary() is None and not self.was_begun:
            raise ConfigurationError(
                f"{there[0]} is in the way and not of an earlier `{self.command}`.", "Move it, or name another --out."
            )

    @contextmanager
    def opened(self, fresh: bool) -> Iterator[str]:
        """Holds the folder, empty unless it is this work's own; yields why work that was there is not gone on with.

        Left without a checkpoint, it leaves nothing behind.

        Raises:
            ConfigurationError: another run works there, or another command has unfinished work there, or it
                cannot be written.
        """
        for other in set(self.out.glob(_folder_of("*"))) - {self.folder}:
            raise ConfigurationError(
                f"{self.out} holds the unfinished results of another command ({other.name}).",
                f"Name another --out, or throw them away: rm -r {shlex.quote(str(other))}",
            )
        made = [path for path in (self.out, *self.out.parents) if not path.exists()]
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        with hold_results(self.folder / "lock", self.out):
            try:
                changed = self._changed(fresh)
                if changed:
                    self._checkpoint.unlink(missing_ok=True)
                with writing(self.folder):
                    self._identity.write_text(json.dumps(self.identity))
                yield changed
            finally:
                if not self._checkpoint.exists():
                    shutil.rmtree(self.folder, ignore_errors=True)
                    _remove_empty(made)

    def _changed(self, fresh: bool) -> str:
        if not self._checkpoint.exists():
            return ""
        if fresh:
            return "as asked"
        try:
            before = json.loads(self._identity.read_text())
        except (OSError, ValueError):
            return "what it was made from is not known"
        keys = [key for key in self.identity | before if before.get(key) != self.identity.get(key)]
        return f"{', '.join(keys)} changed" if keys else ""

    @property
    def was_begun(self) -> bool:
        """Whether there is a checkpoint, be it sound or not."""
        return self._checkpoint.exists()

    def load(self) -> Checkpoint | None:
        """Where the work was left, None where it was not begun or its checkpoint is damaged."""
        import torch

        try:
            return Checkpoint(**torch.load(self._checkpoint, map_location="cpu", weights_only=True))
        except Exception:  # whatever a damaged file makes torch raise: the work starts anew
            return None

    def save(self, checkpoint: Checkpoint) -> None:
        """Replaces the checkpoint; a kill at any moment leaves the old or the new one.

        Raises:
            ConfigurationError: the disk is full.
        """
        import torch

        partial = self._checkpoint.with_suffix(".partial")
        with writing(self.folder):
            try:
                with partial.open("wb") as file:
                    torch.save(vars(checkpoint), file)
                    file.flush()
                    os.fsync(file.fileno())
                partial.replace(self._checkpoint)
            except (OSError, RuntimeError) as error:
                partial.unlink(missing_ok=True)
                if isinstance(error.__context__, OSError):
                    # torch tops the disk's error with one of its own, of an archive cut short.
                    raise error.__context__ from None
                raise

    def forget(self, names: tuple[str, ...]) -> bool:
        """Removes earlier results of these names, that none is taken for new; says whether there were any."""
        with writing(self.out):
            # The summary last: as long as there are results it says whose they are.
            old = [path for name in (*names, SUMMARY) if (path := self.out / name).exists()]
            for path in old:
                path.unlink()
        return bool(old)

    def publish(self, files: dict[str, Path], summary: dict[str, Any]) -> dict[str, Any]:
        """Moves finished files (name: where they are) to their names, the summary last, and ends the work."""
        whole = summary | {"files": sorted(files), "command": self.command, "fingerprint": self.fingerprint}
        with writing(self.out):
            (self.folder / SUMMARY).write_text(json.dumps(whole, indent=2, allow_nan=False) + "\n")
            sync_files([*files.values(), self.folder / SUMMARY])
            for name, path in files.items():
                path.replace(self.out / name)
            (self.folder / SUMMARY).replace(self.out / SUMMARY)
            self._checkpoint.unlink(missing_ok=True)
        return whole


def _folder_of(command: str) -> str:
    return f".{command}-unfinished"


def digest_of(path: Path, pattern: str = "*") -> str:
    """What tells a file, or the files of a folder that match, from changed ones: names, sizes, times of change."""
    files = [path] if path.is_file() else sorted(p for p in path.glob(pattern) if p.is_file())
    told = [(str(p.relative_to(path)), p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def _remove_empty(made: list[Path]) -> None:
    for path in made:
        try:
            path.rmdir()
        except OSError:
            return
