"""One cell: its table, camera, tags, arms and bin, read from one YAML and checked when read."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from errors import ConfigurationError
from hardware.transforms import Matrix, look_at, rotation_z, transform

SURFACES = ("reflective", "translucent", "diffuse")
Surface = Literal["reflective", "translucent", "diffuse"]
Vector2 = tuple[float, float]
Vector3 = tuple[float, float, float]
Positive = Annotated[float, Field(gt=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Table(_Section):
    """A rectangle in the world's z = 0 plane, centred on the origin: size along x and y [m]."""

    size_m: tuple[Positive, Positive]


class CameraMount(_Section):
    """Where the camera is (nominally: the tags say exactly) and which camera it is."""

    serial: str
    width: int = Field(gt=63)
    height: int = Field(gt=63)
    fps: int = 30
    position_m: Vector3
    target_m: Vector3
    #: Used by the simulated camera; a real one reports its own.
    focal_px: Positive

    @property
    def T_world_camera(self) -> Matrix:
        return look_at(self.position_m, self.target_m)


class Tag(_Section):
    """A tag36h11 lying on the table. size_m is the side of the black square, as measured."""

    id: int = Field(ge=0, le=586)
    size_m: Positive
    position_m: Vector2
    yaw_rad: float = 0.0

    @property
    def T_world_tag(self) -> Matrix:
        """Tag frame: x right and y up as printed, z out of the table."""
        return transform(rotation_z(self.yaw_rad), (*self.position_m, 0.0))


class ArmMount(_Section):
    """One PiPER: where it stands, how it is reached, and what differs between units."""

    channel: str
    base_m: Vector3
    yaw_rad: float = 0.0
    #: `new`: j2, j3 zero offsets -172.22, -102.78 deg; `old`: -174.22, -100.78.
    firmware: Literal["new", "old"] = "new"
    gripper_stroke_m: Positive = 0.07

    @property
    def T_world_base(self) -> Matrix:
        return transform(rotation_z(self.yaw_rad), self.base_m)


class Bin(_Section):
    """An open box standing on the table: centre of its floor, outer size [m]."""

    center_m: Vector2
    size_m: tuple[Positive, Positive, Positive]


class Workspace(_Section):
    """Where objects may lie (on the table) and the tool may go (above it), world frame [m]."""

    objects_x_m: Vector2
    objects_y_m: Vector2
    tool_x_m: Vector2
    tool_y_m: Vector2
    tool_z_m: Vector2


class Cell(_Section):
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
        ids = [tag.id for tag in self.tags]
        if len(set(ids)) != len(ids):
            raise ValueError(f"tags share an id: {sorted(ids)}")
        bases = [np.array(arm.base_m) for arm in self.arms.values()]
        for i, a in enumerate(bases):
            for b in bases[i + 1 :]:
                if np.linalg.norm(a - b) < 0.20:
                    raise ValueError("two arms overlap: their bases stand less than 0.20 m apart")
        self._check_camera_sees_table()
        return self

    def _check_camera_sees_table(self) -> None:
        height = self.camera.position_m[2]
        distance = float(np.linalg.norm(np.subtract(self.camera.position_m, self.camera.target_m)))
        if height < 0.15:
            raise ValueError(f"the camera is unreachable: {height:.2f} m above the table, at least 0.15 m needed")
        if not 0.28 <= distance <= 2.0:
            raise ValueError(f"the camera looks from {distance:.2f} m; a D435 measures from 0.28 to 2.0 m")
        if (
            abs(self.camera.target_m[0]) > self.table.size_m[0] / 2
            or abs(self.camera.target_m[1]) > self.table.size_m[1] / 2
        ):
            raise ValueError("the camera does not look at the table: its target lies outside")


def load_cell(path: Path) -> Cell:
    """Reads and checks a cell YAML.

    Raises:
        ConfigurationError: no such file, not YAML, or a cell that cannot be built, by field.
    """
    try:
        return Cell.model_validate(yaml.safe_load(path.read_text()))
    except OSError as error:
        raise ConfigurationError(
            f"The cell file {path} cannot be read ({error.strerror}).", "Name an existing YAML with --cell."
        ) from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"The cell file {path} is not YAML: {error}", "Mend the line it names.") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'cell'}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(
            f"The cell file {path} cannot be used: {problems}.",
            "Mend these fields; app/cells/sim.yaml is an example that works.",
        ) from error
