"""One clip on disk: it appears whole, under its name, or not at all; and every byte of it can be checked.

A clip is written into a hidden folder that nobody takes for a clip, brought to disk and renamed. Where the same
clip is there already (another worker was faster), ours is dropped: clips depend on nothing but their number.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from core.errors import DatasetError
from core.files import free_folder, storage_remedy

CLIP = "clip.json"
INTRINSICS = "intrinsics.json"
#: What mends a damaged clip.
REPAIR = "Render it again: the command that made the data set, with --repair."
_NAME = re.compile(r"\d{6}")
_PARTIAL = re.compile(r"\.\d{6}\.[0-9a-f]+\.partial")


def clip_name(number: int) -> str:
    """The folder of clip `number`."""
    return f"{number:06d}"


def as_json(value: Mapping[str, Any]) -> bytes:
    """JSON for people and programs: the same bytes for the same values."""
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


class ClipWriter:
    """Collects the files of a clip; `finish` gives it its name, leaving the block without it leaves nothing.

    Raises:
        DatasetError: the disk takes no more; it names the clip.
    """

    def __init__(self, clips: Path, number: int) -> None:
        self._path = clips / clip_name(number)
        self._partial = clips / f".{clip_name(number)}.{uuid4().hex[:12]}.partial"
        self._hashes: dict[str, str] = {}
        self._facts: dict[str, Any] = {}

    def __enter__(self) -> "ClipWriter":
        self.begin()
        return self

    def __exit__(self, *exc: object) -> None:
        self.drop()

    def begin(self) -> None:
        """Makes the hidden folder; who calls it without the block calls `drop` in the end."""
        try:
            self._partial.mkdir(parents=True)
        except OSError as error:
            raise self._unwritten(error) from error

    def drop(self) -> None:
        """Removes what is not finished."""
        shutil.rmtree(self._partial, ignore_errors=True)

    def add(self, files: Mapping[str, bytes]) -> None:
        """Writes some of its files; clip.json waits for the others' hashes."""
        for name, content in files.items():
            if name == CLIP:
                self._facts = json.loads(content)
                continue
            self._hashes[name] = hashlib.sha256(content).hexdigest()
            self._write(name, content)

    def finish(self) -> None:
        """Writes clip.json with the hashes, brings all to disk and moves the clip to its name."""
        facts = self._facts | {"files": dict(sorted(self._hashes.items()))}
        self._write(CLIP, as_json(facts | {"checksum": checksum(facts)}))
        try:
            for path in (*self._partial.iterdir(), self._partial):
                _sync(path)
            self._partial.rename(self._path)
            _sync(self._path.parent)
        except OSError as error:
            if not self._path.is_dir():
                raise self._unwritten(error) from error

    def _write(self, name: str, content: bytes) -> None:
        try:
            (self._partial / name).write_bytes(content)
        except OSError as error:
            raise self._unwritten(error) from error

    def _unwritten(self, error: OSError) -> DatasetError:
        return DatasetError(
            f"Clip {self._path.name} cannot be written to {self._path.parent} ({error.strerror or error}); "
            "no half of it is left, and the clips before it are whole.",
            storage_remedy(error, "it goes on with this clip"),
        )


def checksum(facts: Mapping[str, Any]) -> str:
    """What clip.json says of itself: the SHA-256 of all its other entries."""
    others = {key: value for key, value in facts.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(others, sort_keys=True, allow_nan=False).encode()).hexdigest()


def read_facts(folder: Path) -> dict[str, Any]:
    """What clip.json says.

    Raises:
        DatasetError: it is missing or damaged.
    """
    try:
        facts = json.loads((folder / CLIP).read_text())
        sound = isinstance(facts["files"], dict) and facts["checksum"] == checksum(facts)
    except OSError as error:
        raise DatasetError(f"{folder / CLIP} cannot be read ({error.strerror}).", REPAIR) from error
    except (ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise DatasetError(f"{folder / CLIP} is damaged.", REPAIR)
    return facts


def problems_of(folder: Path, thorough: bool, digest: str | None = None) -> list[str]:
    """What is wrong with a clip, a line each.

    thorough: its files are read and hashed, not only looked for; digest: of the settings that it should have been
    rendered with, where they are known.
    """
    try:
        facts = read_facts(folder)
    except DatasetError as error:
        return [error.cause]
    files, there = facts["files"], {path.name for path in folder.iterdir()}
    problems = [f"{folder / name} is missing" for name in sorted(files.keys() - there)]
    if facts.get("number") not in (None, int(folder.name)):
        problems.append(f"{folder} is clip {facts['number']} under another's name")
    # Clips of version 2 do not say which set they are of.
    if digest is not None and facts.get("settings", digest) != digest:
        problems.append(f"{folder} is a clip of another data set")
    problems += [f"{folder / name} is not of this clip" for name in sorted(there - files.keys() - {CLIP})]
    if thorough:
        kept = sorted(files.keys() & there)
        problems += [f"{folder / name} is changed" for name in kept if _hash(folder / name) != files[name]]
    return problems


def set_aside(folder: Path, place: Path) -> None:
    """Moves a clip's folder, with all that lies in it, to a free name in `place`. Raises OSError."""
    place.mkdir(exist_ok=True)
    folder.rename(free_folder(place / folder.name))


def clips_in(clips: Path) -> list[Path]:
    """The folders of clips, in the order of their numbers."""
    return sorted(path for path in clips.glob("*") if _NAME.fullmatch(path.name) and path.is_dir())


def remove_partial(clips: Path) -> None:
    """Removes what killed workers left; nothing else may be writing."""
    for path in clips.glob(".*.partial"):
        if _PARTIAL.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)


def _hash(file: Path) -> str:
    """SHA-256 of a file, or a word that is none where it cannot be read."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return "unreadable"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
