"""One cell: its table, camera, tags, arms and bin, read from one YAML and checked when read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError, model_validator

from core.cell_checks import arm_problems, bin_problems, camera_problems, tag_problems
from core.cell_parts import ArmMount, Bin, CameraMount, Section, Table, Tag, Workspace
from core.errors import ConfigurationError


class Cell(Section):
    """A whole cell. Frames: world is the table's centre, z up."""

    name: str
    table: Table
    camera: CameraMount
    tags: tuple[Tag, ...]
    arms: dict[str, ArmMount]
    bin: Bin
    workspace: Workspace
    #: When and how the arms' bases were measured; None means uncalibrated: real arms stay still.
    calibrated: str | None = None

    @model_validator(mode="after")
    def _is_buildable(self) -> "Cell":
        problems = [
            *tag_problems(self.tags, self.table),
            *arm_problems(self.arms, self.table),
            *bin_problems(self.bin, self.table, self.arms, self.workspace),
            *camera_problems(self.camera, self.table, self.arms),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self


def load_cell(path: Path) -> Cell:
    """Reads and checks a cell YAML.

    Raises:
        ConfigurationError: no such file, not YAML, or a cell that cannot be built, by field.
    """
    try:
        return Cell.model_validate(_read(path))
    except ValidationError as error:
        raise ConfigurationError(
            f"The cell file {path} cannot be used: {'; '.join(map(_message, error.errors()))}.",
            "Mend these fields; app/cells/sim.yaml is an example that works.",
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"The cell file {path} cannot be read ({error.strerror}).", "Name an existing YAML with --cell."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"The cell file {path} is not UTF-8 text (byte {error.start}).", "Save it as UTF-8, or name a cell YAML."
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigurationError(f"The cell file {path} is not YAML: {error}", "Mend the line it names.") from error
    if not isinstance(content, dict):
        holds = "is empty" if content is None else "holds no fields"
        raise ConfigurationError(f"The cell file {path} {holds}.", "Begin with a copy of app/cells/lab.yaml.")
    return content


def _message(error: Mapping[str, Any]) -> str:
    """One refusal; those of the whole cell name their fields themselves."""
    what = error["msg"].removeprefix("Value error, ")
    field = ".".join(map(str, error["loc"]))
    return f"{field}: {what}" if field else what
