"""Every calibration of a cell, a file each that is never changed, and which of them is in use.

    calibrations/CELL/2026-11-29T02-10-08.yaml    one version: all of `CellCalibration` but its samples, and a digest
    calibrations/CELL/2026-11-29T02-10-08.npz     its samples
    calibrations/CELL/2026-11-29T02-10-08.html    its report, where one was written
    calibrations/CELL/current                     versions in use, a line each: the first now, below it those before

Each file is written whole or not at all, `current` last: a power cut at any moment leaves the one before in use.
"""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from calibration.result import CellCalibration
from core.errors import CalibrationError, StorageError
from core.files import demand_inside, hold, replace_file, sync_files, writing
from core.json_values import plain
from core.npz_file import read_npz
from core.text_file import field_problems, read_bytes, read_yaml

FORMAT = 1
_CURRENT, _MOST_CURRENT_BYTES = "current", 1 << 20
_SCHEMA = TypeAdapter(CellCalibration)


class CalibrationStore:
    """The calibrations of one cell below `folder`; nothing is made before something is saved."""

    def __init__(self, folder: Path, cell: str) -> None:
        """Raises CalibrationError for a cell whose name can be no folder's."""
        try:
            demand_inside(cell)
        except ValueError as error:
            raise CalibrationError(
                f"The cell's name {cell!r} can name no folder.", "Write a plain `name:` into the cell's YAML."
            ) from error
        self.cell, self.folder = cell, folder / cell

    def save(self, calibration: CellCalibration) -> str:
        """Adds a version and takes it into use; its name.

        Raises:
            CalibrationError: something fatal was found, or it is of another cell.
            StorageError: it cannot be written, or another process saves; what was in use before stays so.
        """
        fatal = [finding for finding in calibration.all_findings if finding.fatal]
        if fatal:
            raise CalibrationError(f"This calibration is not stored: {fatal[0].cause}", fatal[0].remedy)
        if calibration.cell != self.cell:
            raise CalibrationError(
                f"A calibration of the cell {calibration.cell!r} is none of {self.cell!r}.",
                "Name its cell with --cell.",
            )
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._hold():
                version = self._free_version(calibration.date)
                samples = _pack(calibration.samples)
                replace_file(self._file(version, "npz"), samples)
                text = _text(calibration, samples)
                replace_file(self._file(version), text.encode())
                self._use(version)
        return version

    def versions(self) -> list[str]:
        """All of them, oldest first, damaged ones too."""
        return sorted(file.stem for file in self.folder.glob("*.yaml") if not file.name.startswith("."))

    def load(self, version: str) -> CellCalibration:
        """A version, without its samples.

        Raises:
            CalibrationError: there is none of that name, or it is not as it was saved.
        """
        if version not in self.versions():
            known = ", ".join(self.versions()) or "none"
            raise CalibrationError(
                f"The cell {self.cell!r} has no calibration {version!r}.", f"There are: {known} (calibrate list)."
            )
        try:
            return _calibration(read_yaml(self._file(version)), self.cell)
        except (OSError, ValueError) as error:
            raise self._damage_error(self._file(version), error) from error

    def samples(self, version: str) -> dict[str, NDArray[Any]]:
        """The raw samples of a version, by name. Raises CalibrationError where they are not as they were saved."""
        self.load(version)
        file = self._file(version, "npz")
        try:
            if hashlib.sha256(file.read_bytes()).hexdigest() != read_yaml(self._file(version))["samples"]:
                raise ValueError("they are not those that were saved with it")
            return read_npz(file)
        except (OSError, ValueError) as error:
            raise self._damage_error(file, error) from error

    def current_version(self) -> str | None:
        """The one in use; None where none is. Raises CalibrationError where that cannot be told, or it is gone."""
        version = next(iter(self._in_use()), None)
        if version is not None and version not in self.versions():
            raise self._pointer_error(f"it names {version!r}, which is not there")
        return version

    def current(self) -> CellCalibration | None:
        """As `load`, of the version in use."""
        version = self.current_version()
        return None if version is None else self.load(version)

    def rollback(self, to: str | None = None) -> str | None:
        """Takes the version into use that was before this one, or `to`; its name, None where none was.

        Raises:
            CalibrationError: none is in use, or that version is not there or damaged.
            StorageError: it cannot be written.
        """
        if to is not None:
            self.load(to)
            with writing(self.folder), self._hold():
                self._use(to)
            return to
        in_use = self._in_use()
        if not in_use:
            raise CalibrationError(
                f"No calibration of the cell {self.cell!r} is in use.",
                "Calibrate it (python main.py calibrate), or name one with --to VERSION (calibrate list).",
            )
        before = next(iter(in_use[1:]), None)
        if before is not None:
            self.load(before)
        with writing(self.folder), self._hold():
            self._write_in_use(in_use[1:])
        return before

    def report_file(self, version: str) -> Path:
        """Where the report of a version belongs."""
        return self._file(version, "html")

    def _file(self, version: str, kind: str = "yaml") -> Path:
        return self.folder / f"{version}.{kind}"

    def _hold(self) -> Any:
        return hold(
            self.folder / ".lock",
            StorageError(f"Another process writes to {self.folder}.", "Wait for it, then do this again."),
        )

    def _free_version(self, date: str) -> str:
        stamp = datetime.fromisoformat(date).astimezone(UTC).strftime("%Y-%m-%dT%H-%M-%S")
        number, version = 1, stamp
        while self._file(version).exists() or self._file(version, "npz").exists():
            number += 1
            version = f"{stamp}.{number}"
        return version

    def _in_use(self) -> tuple[str, ...]:
        file = self.folder / _CURRENT
        if not file.exists():
            return ()
        try:
            versions = tuple(read_bytes(file, _MOST_CURRENT_BYTES).decode().split())
            for version in versions:
                demand_inside(version)
        except (OSError, ValueError) as error:
            raise self._pointer_error(str(error)) from error
        return versions

    def _use(self, version: str) -> None:
        """From now on; a pointer that nobody can read has nothing to be kept."""
        try:
            before = self._in_use()
        except CalibrationError:
            before = ()
        self._write_in_use((version, *before))

    def _write_in_use(self, versions: tuple[str, ...]) -> None:
        replace_file(self.folder / _CURRENT, "".join(f"{version}\n" for version in versions).encode())
        sync_files([self.folder])

    def _pointer_error(self, why: str) -> CalibrationError:
        known = ", ".join(self.versions())
        take = "Take one into use: python main.py calibrate rollback --to VERSION (calibrate list). There are: "
        return CalibrationError(
            f"Which calibration is in use cannot be told by {self.folder / _CURRENT}: {why}.",
            f"{take}{known}." if known else "None is left to go back to. Calibrate again: python main.py calibrate.",
        )

    def _damage_error(self, file: Path, error: Exception) -> CalibrationError:
        return CalibrationError(
            f"The calibration {file} is not as it was saved: {error}. It is left as it is.",
            "Go back to another (python main.py calibrate rollback, with the same --cell; --to VERSION takes any), "
            "or calibrate again.",
        )


def _pack(samples: Any) -> bytes:
    file = BytesIO()
    np.savez_compressed(file, **samples)
    return file.getvalue()


def _text(calibration: CellCalibration, samples: bytes) -> str:
    fields = plain(replace(calibration, samples={}))
    content = {"format": FORMAT, **fields, "samples": hashlib.sha256(samples).hexdigest()}
    return yaml.safe_dump(content | {"digest": _digest(content)}, sort_keys=False, default_flow_style=None, width=110)


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _calibration(content: Any, cell: str) -> CellCalibration:
    """Raises a ValueError that says what is wrong."""
    if not isinstance(content, dict) or "format" not in content:
        raise ValueError("it is no calibration")
    if content["format"] != FORMAT:
        raise ValueError(f"its format is {content['format']}, this program reads {FORMAT}")
    try:
        calibration = _SCHEMA.validate_python({key: value for key, value in content.items() if key in _FIELDS})
    except (ValidationError, TypeError) as error:
        raise ValueError(_first_problem(error)) from error
    if calibration.cell != cell:
        raise ValueError(f"it is of the cell {calibration.cell!r}")
    if not _is_as_saved(content):
        raise ValueError("its numbers were edited since")
    return calibration


def _is_as_saved(content: dict[str, Any]) -> bool:
    try:
        return bool(content.get("digest") == _digest({key: value for key, value in content.items() if key != "digest"}))
    except TypeError:  # YAML's dates and keys without a name, which no JSON has
        return False


_FIELDS = set(CellCalibration.__dataclass_fields__) - {"samples"}


def _first_problem(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    field, what = next(field_problems(error.errors()))
    return f"{'.'.join(field)}: {what}"
