"""One cell: its table, camera, tags, arms, bin and fixtures, read from one YAML and checked when read."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, get_args

import numpy as np
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from core.cell_parts import ArmMount, ArmPace, Bin, CameraMount, Fixture, Section, Table, Tag, Workspace, overlap
from core.errors import ConfigurationError
from core.text_file import UNKNOWN, field_problems, read_yaml

_NAME_ONE = "Mend it, or name the YAML of a cell with --cell, as app/cells/lab.yaml is one."
#: More tags than a table has room for, and few enough to be compared with each other.
MOST_TAGS = 100
#: What stands about in a lab; each is asked about at every distance.
MOST_FIXTURES = 20
#: Nearest and farthest that a D435 measures, and the lowest that it is mounted [m].
_DEPTH_RANGE_M = (0.28, 2.0)
_LOWEST_CAMERA_M = 0.15
#: Two arms stand at least this far apart; a base keeps this far from its axis to itself [m].
_ARM_SPACING_M = 0.20
_BASE_RADIUS_M = 0.07
#: Arms stand on the table or on something this near it [m].
_ARM_BESIDE_TABLE_M = 0.3
#: A camera inside this cylinder around an arm's axis would be hit, or stands in the arm [m].
_ARM_BODY_RADIUS_M, _ARM_BODY_HEIGHT_M = 0.15, 0.4
#: A base that calibration finds this much lower still stands on what it stood on [m].
_FOOT_SLACK_M = 0.01
#: What hangs lower than this over a tag hides it [m].
_HIDES_TAG_M = 0.05
#: What stands before the camera is asked for at this height over the table, where objects' tops are [m].
_OBJECT_TOP_M = 0.1
#: Nothing stands about that is thinner, and nothing farther from the table's middle meets an arm or a camera [m].
_THINNEST_FIXTURE_M, _FARTHEST_FIXTURE_M = 0.001, 3.0


class Cell(Section):
    """A whole cell. Frames: world is the table's centre, z up."""

    name: str
    table: Table
    camera: CameraMount
    tags: Annotated[tuple[Tag, ...], Field(max_length=MOST_TAGS)]
    arms: dict[str, ArmMount]
    bin: Bin
    workspace: Workspace
    #: An empty `fixtures:` has none.
    fixtures: Annotated[
        tuple[Fixture, ...], BeforeValidator(lambda given: given or ()), Field(max_length=MOST_FIXTURES)
    ] = ()
    #: How hard arms are driven; without it as hard as motions are planned.
    motion: ArmPace = ArmPace()
    #: When and how the arms' bases were measured; None means uncalibrated: real arms stay still.
    calibrated: str | None = None
    #: The stored calibration that was merged in (its version, as logs name it); no file writes it.
    calibration: str = ""
    #: A calibration older than this is not used unasked [days].
    calibration_days: Annotated[float, Field(gt=0)] = 30.0

    @model_validator(mode="after")
    def _is_buildable(self) -> "Cell":
        problems = [
            *_tag_problems(self.tags, self.table),
            *_arm_problems(self.arms, self.table),
            *_bin_problems(self.bin, self.table, self.arms, self.workspace),
            *_camera_problems(self.camera, self.table, self.arms),
            *_fixture_problems(self),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self


def load_cell(path: Path) -> Cell:
    """Reads and checks a cell YAML.

    Raises:
        ConfigurationError: no such file, not YAML, or a cell that cannot be built, by field.
    """
    content = _read(path)
    try:
        return Cell.model_validate(content)
    except ValidationError as error:
        problems = []
        for field, what in field_problems(error.errors()):  # those of the whole cell name their fields themselves
            problems.append(": ".join(filter(None, (".".join(field), _meant(*field) if what == UNKNOWN else what))))
        shows_fixtures = any(problem.startswith("fixtures") for problem in problems)
        example = "app/cells/lab.yaml, which shows fixtures," if shows_fixtures else "app/cells/sim.yaml"
        raise ConfigurationError(
            f"The cell file {path} cannot be used: {'; '.join(problems)}.",
            f"Mend these fields; {example} is an example that works.",
        ) from error


def _meant(*path: str) -> str:
    """What is said of a field that there is not: which one was meant, if any, of its own section or of another."""
    *place, field = path
    own = place[0] if place else ""
    fields = {section: list(kind.model_fields) for section, kind in _sections()}
    if meant := get_close_matches(field, fields[own], 1):
        return f"{UNKNOWN}; is {meant[0]} meant?"
    if meant := get_close_matches(field, sorted({name for names in fields.values() for name in names}), 1):
        owners = [section or "the whole cell" for section, names in fields.items() if meant[0] in names]
        return f"{UNKNOWN}; is {meant[0]} of {' or '.join(owners)} meant?"
    return UNKNOWN


def _sections() -> Iterator[tuple[str, type[Section]]]:
    """The cell's own fields, by no name, and those of its sections, by the section's."""
    yield "", Cell
    for name, field in Cell.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):  # of one section, or of a list or mapping of them
            if isinstance(kind, type) and issubclass(kind, Section):
                yield name, kind


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path)
    except OSError as error:
        raise ConfigurationError(f"The cell file {path} cannot be read ({error.strerror}).", _NAME_ONE) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"The cell file {path} is not UTF-8 text (byte {error.start}).", "Save it as UTF-8, or name a cell YAML."
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"The cell file {path} is not YAML: {error}.", _NAME_ONE) from error
    if not isinstance(content, dict):
        holds = "is empty" if content is None else "holds no fields"
        raise ConfigurationError(f"The cell file {path} {holds}.", "Begin with a copy of app/cells/lab.yaml.")
    return content


def _tag_problems(tags: Sequence[Tag], table: Table) -> Iterator[str]:
    half = np.array(table.size_m) / 2
    for tag in tags:
        if np.any(np.abs(tag.paper_corners_m) > half):
            yield f"tags: the paper of tag {tag.id} reaches over the table's edge"
    for id_, count in Counter(tag.id for tag in tags).items():
        if count > 1:
            yield f"tags: two tags share an id: {id_}"
    papers_m = [tag.paper_corners_m for tag in tags]
    for (a, one), (b, other) in combinations(zip(tags, papers_m, strict=True), 2):
        if a.id != b.id and overlap(one, other):
            yield f"tags: the papers of tags {a.id} and {b.id} overlap"


def _arm_problems(arms: Mapping[str, ArmMount], table: Table) -> Iterator[str]:
    if not arms:
        yield "arms: there is none, a cell has at least one"
    for name, arm in arms.items():
        over = np.maximum(np.abs(arm.base_m[:2]) - np.array(table.size_m) / 2, 0.0)
        away_m = float(np.linalg.norm([*over, arm.base_m[2]]))
        if away_m > _ARM_BESIDE_TABLE_M:
            yield f"arms.{name}.base_m: {away_m:.2f} m from the table, at most {_ARM_BESIDE_TABLE_M} m is buildable"
    for (one, a), (other, b) in combinations(arms.items(), 2):
        if a.channel == b.channel:
            yield f"arms: {one} and {other} share the channel {a.channel}"
        if np.linalg.norm(np.subtract(a.base_m, b.base_m)) < _ARM_SPACING_M:
            yield f"arms: {one} and {other} overlap: their bases stand less than {_ARM_SPACING_M:.2f} m apart"


def _bin_problems(bin_: Bin, table: Table, arms: Mapping[str, ArmMount], workspace: Workspace) -> Iterator[str]:
    center, half = np.array(bin_.center_m), np.array(bin_.size_m[:2]) / 2
    low, high = center - half, center + half
    if np.any(np.maximum(-low, high) > np.array(table.size_m) / 2):
        yield "bin: it reaches over the table's edge"
    if bin_.wall_m >= min(*half, bin_.size_m[2]):
        yield "bin.wall_m: walls this thick leave no room inside"
    objects = np.array([workspace.objects_x_m, workspace.objects_y_m])
    if np.all((low < objects[:, 1]) & (high > objects[:, 0])):
        yield "bin: it stands where objects may lie (workspace.objects_x_m, objects_y_m)"
    for name, arm in arms.items():
        if np.linalg.norm(np.maximum(np.abs(arm.base_m[:2] - center) - half, 0.0)) < _BASE_RADIUS_M:
            yield f"bin: it overlaps the base of the {name} arm"


def _camera_problems(camera: CameraMount, table: Table, arms: Mapping[str, ArmMount]) -> Iterator[str]:
    position, target = np.array(camera.position_m), np.array(camera.target_m)
    nearest_m, farthest_m = _DEPTH_RANGE_M
    distance_m = float(np.linalg.norm(position - target))
    if position[2] < _LOWEST_CAMERA_M:
        yield f"camera.position_m: {position[2]:.2f} m above the table, at least {_LOWEST_CAMERA_M} m needed"
    if position[2] <= target[2]:
        yield "camera.position_m: the camera is not above its target"
    if not nearest_m <= distance_m <= farthest_m:
        yield f"camera: it looks from {distance_m:.2f} m; a D435 measures from {nearest_m} to {farthest_m} m"
    if np.any(np.abs(target[:2]) > np.array(table.size_m) / 2):
        yield "camera.target_m: the camera does not look at the table, its target lies outside"
    for name, arm in arms.items():
        aside_m, above_m = float(np.hypot(*(position - arm.base_m)[:2])), position[2] - arm.base_m[2]
        if aside_m < _ARM_BODY_RADIUS_M and above_m < _ARM_BODY_HEIGHT_M:
            yield f"camera.position_m: the camera stands in the {name} arm"


def _fixture_problems(cell: Cell) -> Iterator[str]:
    for name, count in Counter(one.name for one in cell.fixtures).items():
        if count > 1:
            yield f"fixtures: two are called {name}"
    for one in cell.fixtures:
        yield from (f"fixtures: the {one.name} {what}" for what in _misplacements(one, cell))


def _misplacements(one: Fixture, cell: Cell) -> Iterator[str]:
    """What is wrong with where a fixture is written to be, and with its size."""
    if (thin_m := min(one.size_m)) < _THINNEST_FIXTURE_M:
        yield f"is {1000 * thin_m:g} mm thin; size_m has metres: if {1000 * thin_m:g} m are meant, write that"
    if (far_m := float(np.hypot(one.beyond_m((0.0, 0.0)), one.bottom_m))) > _FARTHEST_FIXTURE_M:
        yield f"is {far_m:.1f} m from the table's middle; center_m and bottom_m have metres: 0.3 for 30 cm or 300 mm"
    if one.top_m <= 0.0:
        yield "ends below the table's top, from which bottom_m counts upwards"
    yield from _in_the_way(one, cell)
    yield from _before_the_camera(one, cell)


def _in_the_way(one: Fixture, cell: Cell) -> Iterator[str]:
    """Objects, tags, bin and arms that have no room where a fixture is."""
    covered_m = one.corners_m
    if one.bottom_m < cell.workspace.tool_z_m[1] and overlap(covered_m, cell.workspace.objects_corners_m):
        yield "is where objects lie and are lifted (workspace.objects_x_m, objects_y_m, tool_z_m)"
    for tag in cell.tags:
        if one.bottom_m < _HIDES_TAG_M and overlap(covered_m, tag.paper_corners_m):
            yield f"stands on tag {tag.id}"
    if one.bottom_m < cell.bin.size_m[2] and overlap(covered_m, cell.bin.corners_m):
        yield "stands in the bin"
    for name, arm in cell.arms.items():
        foot_m = arm.base_m[2]
        is_beside = one.top_m > foot_m + _FOOT_SLACK_M and one.bottom_m < foot_m + _ARM_BODY_HEIGHT_M
        if is_beside and one.beyond_m(arm.base_m[:2]) < _BASE_RADIUS_M:
            yield f"stands in the base of the {name} arm; what is under a raised base is known already"


def _before_the_camera(one: Fixture, cell: Cell) -> Iterator[str]:
    """What a fixture hides from the camera, by where the file has it: a tag of six it may."""
    eye_m, region = cell.camera.position_m, cell.workspace
    if one.beyond_m(eye_m[:2]) == 0.0 and one.bottom_m <= eye_m[2] <= one.top_m:
        yield "holds the camera within it: of a stand, write what is below or behind the camera"
        return
    x_m, y_m = (np.linspace(*span_m, 9) for span_m in (region.objects_x_m, region.objects_y_m))
    tops_m = np.stack(np.meshgrid(x_m, y_m, _OBJECT_TOP_M), axis=-1).reshape(-1, 3)
    hidden = float(np.mean(one.hides(tops_m, eye_m)))
    hidden_tags = int(np.sum(one.hides([(*tag.position_m, 0.0) for tag in cell.tags], eye_m))) if cell.tags else 0
    if hidden > 0.5 or hidden_tags > len(cell.tags) / 2:
        yield (
            f"stands before the camera (camera.position_m): it hides {hidden:.0%} of where objects lie and "
            f"{hidden_tags} of {len(cell.tags)} tags"
        )
