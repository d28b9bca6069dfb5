"""Work that goes on where it was cut off: one run a folder, whole checkpoints, results published last.

What a kill, Ctrl-C, a full disk or changed options leave behind is gone on with, or said to be thrown away and why.
"""

import hashlib
import json
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import ConfigurationError, VitroError
from core.files import demand_inside, hold, read_archive, replace_file, sync_files, write_archive, writing
from core.json_values import plain, to_json
from core.text_file import read_json

SUMMARY = "summary.json"


def hold_folder(folder: Path, refusal: VitroError | None = None, lock: str = ".lock", then: str = "") -> BinaryIO:
    """Makes a folder and keeps other runs out of it until what it gives is closed, or the process ends.

    Args:
        refusal: what is raised where another run holds it.
        then: as `writing` takes it.

    Raises:
        ConfigurationError: another run works there, unless `refusal` says it otherwise.
        StorageError: nothing can be written.
    """
    with writing(folder, then):
        folder.mkdir(parents=True, exist_ok=True)
        return hold(folder / lock, refusal or _another_run(folder))


def write_whole(path: Path, content: bytes, then: str = "") -> None:
    """Makes or replaces a file, and its folder; a kill at any moment leaves the old or the new one.

    Raises:
        StorageError: the disk takes no more, or the folder no file.
    """
    with writing(path, then):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)


def changes(
    before: Mapping[str, Any], now: Mapping[str, Any], words: str = "{key}: {before} before, {now} now"
) -> list[str]:
    """What is not as it was, in the order of `now` and then `before`; a key that one lacks is None there."""
    keys = [key for key in dict.fromkeys([*now, *before]) if before.get(key) != now.get(key)]
    return [words.format(key=key, before=before.get(key), now=now.get(key)) for key in keys]


def digest_of(path: Path, pattern: str = "*") -> str:
    """What tells a file, or the files of a folder that match, from changed ones: names, sizes, times of change."""
    files = [path] if path.is_file() else sorted(p for p in path.glob(pattern) if p.is_file())
    facts = [(str(p.relative_to(path)), p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Work:
    """One command's work in the folder `out`, where other things may lie too.

    .COMMAND-unfinished/   lock, identity.json, checkpoint.pt, and results that grow
    summary.json           written last: whose results lie in `out`, and that they are whole

    identity: what the results are made from, by name. results: the names of all files that the command may leave.
    """

    out: Path
    command: str
    identity: Mapping[str, str]
    results: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where results lie until they are published."""
        return self.out / _folder_of(self.command)

    @property
    def fingerprint(self) -> str:
        """Of the identity."""
        return hashlib.sha256(json.dumps(dict(self.identity), sort_keys=True).encode()).hexdigest()[:16]

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is one, be it sound or not."""
        return self._checkpoint.exists()

    def result(self) -> dict[str, Any] | None:
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
        is_whole = all((self.out / name).exists() for name in summary["files"])
        return summary if is_whole and summary["fingerprint"] == self.fingerprint else None

    def refuse_foreign(self) -> None:
        """Raises a ConfigurationError where files of the results' names are of no earlier run: not ours to remove."""
        there = self._there()
        if there and self._summary() is None and not self.has_checkpoint:
            raise ConfigurationError(
                f"{there[0]} is in the way and not of an earlier `{self.command}`.", "Move it, or name another --out."
            )

    @contextmanager
    def hold(self, fresh: bool) -> Iterator[str]:
        """Holds the work's folder, empty unless it is this very work's; yields why work there is not gone on with.

        Left without a checkpoint, it leaves nothing behind.

        Raises:
            ConfigurationError: another run works there, or another command has unfinished work there.
            StorageError: it cannot be written.
        """
        for other in set(self.out.glob(_folder_of("*"))) - {self.folder}:
            raise ConfigurationError(
                f"{self.out} holds the unfinished results of another command ({other.name}).",
                f"Name another --out, or throw them away: rm -r {shlex.quote(str(other))}",
            )
        created = [path for path in (self.out, *self.out.parents) if not path.exists()]
        with hold_folder(self.folder, _another_run(self.out), "lock"):
            try:
                why_anew = self._why_anew(fresh)
                with writing(self.folder):
                    if why_anew:
                        self._checkpoint.unlink()
                    (self.folder / "identity.json").write_text(json.dumps(dict(self.identity)))
                yield why_anew
            finally:
                if not self.has_checkpoint:
                    shutil.rmtree(self.folder, ignore_errors=True)
                    with suppress(OSError):
                        for path in created:
                            path.rmdir()

    def load(self) -> dict[str, Any] | None:
        """The checkpoint, None where there is none or a damaged one."""
        try:
            return read_archive(self._checkpoint)
        except ValueError:
            return None

    def save(self, checkpoint: Mapping[str, Any]) -> None:
        """Replaces the checkpoint; a kill at any moment leaves the old or the new one.

        Raises:
            StorageError: the disk is full.
        """
        write_archive(self._checkpoint, checkpoint)

    def forget(self) -> bool:
        """Removes earlier results, that none is taken for new; says whether there were any.

        Raises:
            StorageError: they cannot be removed.
        """
        there = self._there()
        with writing(self.out):
            for path in there:
                path.unlink()
        return bool(there)

    def publish(self, files: Mapping[str, Path], facts: Mapping[str, Any]) -> dict[str, Any]:
        """Moves finished files (name: where they are) to their names, the summary last, and ends the work.

        Returns the summary: `facts`, as JSON has them, and whose they are.

        Raises:
            StorageError: they cannot be moved.
        """
        end = {"files": sorted(files), "command": self.command, "fingerprint": self.fingerprint}
        whole: dict[str, Any] = plain({**facts, **end})
        self.forget()
        with writing(self.out):
            summary = self.folder / SUMMARY
            summary.write_text(to_json(whole, indent=2) + "\n")
            sync_files([*files.values(), summary])
            for name, path in files.items():
                path.replace(self.out / name)
            summary.replace(self.out / SUMMARY)
            self._checkpoint.unlink(missing_ok=True)
        return whole

    @property
    def _checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def _there(self) -> list[Path]:
        """The summary last: as long as there are results it says whose they are."""
        return [path for name in (*self.results, SUMMARY) if (path := self.out / name).exists()]

    def _summary(self) -> dict[str, Any] | None:
        try:
            summary = read_json(self.out / SUMMARY)
            demand_inside(*summary["files"])
            return summary if {"command", "fingerprint"} <= summary.keys() else None
        except (OSError, ValueError, AttributeError, KeyError, TypeError):
            return None

    def _why_anew(self, fresh: bool) -> str:
        if not self.has_checkpoint:
            return ""
        if fresh:
            return "as asked"
        try:
            keys = changes(read_json(self.folder / "identity.json"), self.identity, "{key}")
        except (OSError, ValueError, AttributeError):
            return "what it was made from is not known"
        return f"{', '.join(keys)} changed" if keys else ""


def _folder_of(command: str) -> str:
    return f".{command}-unfinished"


def _another_run(folder: Path) -> ConfigurationError:
    return ConfigurationError(f"Another run writes to {folder}.", "Wait for it, or name another --out.")
