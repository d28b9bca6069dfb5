"""A cell that cannot be built, measured or driven is refused by the field at fault."""

from copy import deepcopy
from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from core.cell import Cell, load_cell
from core.cell_parts import ArmMount, Bin, CameraMount, Fixture, Table, Tag, Workspace
from core.errors import ConfigurationError
from core.transforms import apply, invert
from tests.support.paths import CELLS, ROOT

#: sim.yaml, and one fixture.
SIM = yaml.safe_load((CELLS / "sim.yaml").read_text())
SIM["fixtures"] = [{"name": "stand", "center_m": [0.45, 0.1], "size_m": [0.05, 0.04, 0.6], "yaw_rad": 0.5}]


def changed(field: str, value: Any) -> dict[str, Any]:
    """SIM with one field, named by its path, set to something else."""
    fields = deepcopy(SIM)
    *parents, last = (int(part) if part.isdigit() else part for part in field.split("."))
    section = fields
    for parent in parents:
        section = section[parent]
    section[last] = value
    return fields


def load(folder: Path, fields: Any) -> Any:
    file = folder / "cell.yaml"
    file.write_text(yaml.safe_dump(fields))
    return load_cell(file)


@pytest.mark.parametrize("name", ["sim", "lab"])
def test_the_cells_that_ship_can_be_built(name: str) -> None:
    assert load_cell(CELLS / f"{name}.yaml").name == name


REFUSED = [
    ("table.size_m", [0.0, 1.3], "table.size_m.0: .*greater than 0"),
    ("arms", {}, "arms: there is none"),
    ("arms.right.channel", "can_left", "arms: left and right share the channel can_left"),
    ("arms.right.base_m", [-0.30, 0.20, 0.12], "arms: left and right overlap"),
    ("arms.left.base_m", [-0.30, 0.96, 0.0], r"arms.left.base_m: 0.31 m from the table"),
    ("arms.left.base_m", [-0.30, 0.25, 0.5], r"arms.left.base_m: 0.50 m from the table"),
    ("arms.left.gripper_stroke_m", 0.01, "arms.left.gripper_stroke_m: .*0.02"),
    ("arms.left.gripper_stroke_m", 0.13, "arms.left.gripper_stroke_m: .*0.12"),
    ("arms.left.yaw_rad", nan, "arms.left.yaw_rad: .*finite"),
    ("arms.left.firmware", "newest", "arms.left.firmware: "),
    ("workspace.objects_x_m", [0.14, -0.08], "workspace.objects_x_m: the first number must be smaller"),
    ("workspace.objects_y_m", [0.1, 0.1], "workspace.objects_y_m: the first number must be smaller"),
    ("workspace.tool_x_m", [0.1, -0.1], "workspace.tool_x_m: the first number must be smaller"),
    ("workspace.tool_y_m", [0.1, -inf], "workspace.tool_y_m.1: .*finite"),
    ("workspace.tool_z_m", [-0.01, 0.6], "workspace.tool_z_m.0: .*greater than or equal to 0"),
    ("workspace.tool_z_m", [0.6, 0.1], "workspace.tool_z_m: the first number must be smaller"),
    ("camera.fps", 24, "camera.fps: .*6, 15 or 30"),
    ("camera.focal_px", inf, "camera.focal_px: .*finite"),
    ("camera.position_m", [0.3, 0.0, 0.1], "camera.position_m: 0.10 m above the table"),
    ("camera.position_m", [0.52, 0.0, 3.0], "camera: it looks from 3.0. m"),
    ("camera.position_m", [-0.20, 0.25, 0.35], "camera.position_m: the camera stands in the left arm"),
    ("camera.target_m", [0.0, 0.0, 0.7], "camera.position_m: the camera is not above its target"),
    ("camera.target_m", [0.6, 0.0, 0.0], "camera.target_m: the camera does not look at the table"),
    ("tags.1.id", 0, "tags: two tags share an id: 0"),
    ("tags.1.position_m", [0.22, 0.19], "tags: the papers of tags 0 and 1 overlap"),
    ("tags.0.size_m", 0.3, "tags: the papers of tags 0 and 2 overlap"),
    ("tags.0.size_m", 80, "tags.0: size_m has 80 metres; if these are millimetres, write 0.08"),
    ("arms.left.base_m", [-300, 250, 0], "arms.left: base_m has 300 metres"),
    ("tags.0.position_m", [0.46, 0.28], "tags: the paper of tag 0 reaches over the table's edge"),
    ("bin.center_m", [-0.05, 0.0], "bin: it stands where objects may lie"),
    ("bin.center_m", [-0.45, 0.0], "bin: it reaches over the table's edge"),
    ("bin.center_m", [-0.30, 0.10], "bin: it overlaps the base of the left arm"),
    ("bin.size_m", [0.2, 0.2, nan], "bin.size_m.2: .*finite"),
    ("bin.wall_m", 0.09, "bin.wall_m: walls this thick"),
    ("bin.wal_m", 0.01, r"bin.wal_m: there is no such field; is wall_m meant\?"),
    ("camera.position", [0.5, 0.0, 0.7], r"camera.position: there is no such field; is position_m meant\?"),
    ("camera.wall_m", 0.01, r"camera.wall_m: there is no such field; is wall_m of bin meant\?"),
    ("bin.size", [0.2, 0.2, 0.1], r"bin.size: there is no such field; is size_m meant\?"),
    ("table.gripper_stroke", 0.07, r"no such field; is gripper_stroke_m of arms meant\?"),
    ("workspace.calibrated", "today", r"no such field; is calibrated of the whole cell meant\?"),
    ("fixtures.0.yaw_rad", 45, "fixtures.0.yaw_rad: 45 radians; if these are degrees, write 0.7854.*lab.yaml"),
    ("arms.left.yaw_rad", -90, "arms.left.yaw_rad: -90 radians; if these are degrees, write -1.571.*sim.yaml"),
    ("fixtures.0.name", "", "fixtures.0.name: .*at least 1 character"),
    ("fixtures.0.size_m", [0.05, 0.0, 0.6], "fixtures.0.size_m.1: .*greater than 0"),
    ("fixtures.0.size_m", [0.05, nan, 0.6], "fixtures.0.size_m.1: .*finite"),
    ("fixtures.0.center_m", [inf, 0.1], "fixtures.0.center_m.0: .*finite"),
    ("fixtures.0.size_m", [50, 40, 600], "fixtures.0: size_m has 600 metres; if these are millimetres, write 0.6"),
    ("fixtures.0.size_m", [0.05, 0.04, 0.0007], "the stand is 0.7 mm thin; size_m has metres: if 0.7 m are meant"),
    (
        "fixtures.0.center_m",
        [4.5, 1.0],
        "the stand is 4.6 m from the table's middle; center_m and bottom_m have",
    ),
    ("fixtures.0.bottom_m", 7, "the stand is 7.0 m from the table's middle; center_m and bottom_m have"),
    ("fixtures.0.bottom_m", -0.7, "fixtures: the stand ends below the table's top, from which bottom_m counts upwards"),
    ("fixtures.0.center_m", [0.155, 0.1], r"fixtures: the stand is where objects lie and are lifted \(workspace.obj"),
    ("fixtures.0.center_m", [0.28, 0.28], "fixtures: the stand stands on tag 0"),
    ("fixtures.0.center_m", [-0.28, 0.0], "fixtures: the stand stands in the bin"),
    ("fixtures.0.center_m", [-0.30, 0.33], "fixtures: the stand stands in the base of the left arm"),
    ("fixtures.0.siz_m", [0.1, 0.1, 0.1], r"fixtures.0.siz_m: there is no such field; is size_m meant\?"),
    ("fixtures.0.wall_m", 0.01, r"fixtures.0.wall_m: there is no such field; is wall_m of bin meant\?"),
    ("motion", {"speed": 1.2}, "motion.speed: 1.2 is more than arms are driven with, 1"),
    ("motion", {"approach": {"speed": True}}, "motion.approach.speed: "),
    ("motion", {"speed": 3}, "motion.speed: 3 is more than arms are driven with, 1. "),
    ("motion", {"approach": {"jerk": 50}}, "motion.approach.jerk: 50 is more .*; if this is per cent, write 0.5"),
    ("motion", {"acceleration": 0}, "motion.acceleration: .*greater than or equal to 0.05"),
    ("motion", {"approuch": {"speed": 0.5}}, r"motion.approuch: there is no such field; is approach meant\?"),
    ("motion", 0.5, r"motion: fields are needed: \{name: value, ...\}; not 0.5"),
    ("fixtures", "stand", "fixtures: a list is needed: .*lines that begin with -; not 'stand'"),
    ("fixtures", SIM["fixtures"][0], "fixtures: a list is needed: .*; not {'center_m': .{1,30} …"),
    ("fixtures.0", "stand", r"fixtures.0: fields are needed: \{name: value, ...\}; not 'stand'"),
    ("fixtures.0", None, "fixtures.0: fields are needed: .*not nothing"),
    ("fixtures.0", {"name": "stand"}, "fixtures.0.center_m: is missing; fixtures.0.size_m: is missing"),
    ("fixtures.0.size_m", [0.1, 0.1], "fixtures.0.size_m.2: is missing"),
    ("fixtures.0.center_m", [0.6, 0.0, 0.1], "fixtures.0.center_m: has 3 entries, at most 2 are possible"),
    ("fixtures.0.bottom_m", "10 cm", "fixtures.0.bottom_m: a number is needed, not '10 cm'"),
    ("fixtures.0.name", 3, "fixtures.0.name: text is needed, not 3; a number as text stands in quotes"),
    ("camera.width", 848.5, "camera.width: a whole number is needed, not 848.5"),
    ("zebra", 1, r"zebra: there is no such field\. Mend"),
]


@pytest.mark.parametrize(("field", "value", "said"), REFUSED, ids=[f"{field}={value}" for field, value, _ in REFUSED])
def test_a_cell_that_cannot_be_is_refused_by_field(tmp_path: Path, field: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as refused:
        load(tmp_path, changed(field, value))
    assert "cell.yaml" in refused.value.cause
    assert not [word for word in ("Value error", "Input", "Tuple", "Field", "valid ") if word in refused.value.cause]


def test_every_problem_of_a_cell_is_told_at_once(tmp_path: Path) -> None:
    fields = changed("arms.right.channel", "can_left") | {"bin": SIM["bin"] | {"center_m": [-0.45, 0.0]}}
    with pytest.raises(ConfigurationError, match=r"share the channel.*; bin: it reaches over"):
        load(tmp_path, fields)


def test_a_cell_of_thousands_of_tags_is_refused_before_they_are_compared(tmp_path: Path) -> None:
    tags = [{"id": number % 587, "size_m": 0.001, "position_m": [0.0, 0.0]} for number in range(2000)]
    with pytest.raises(ConfigurationError, match=r"tags: .*at most 100"):
        load(tmp_path, changed("tags", tags))


SECTIONS = {"": Cell, "table.": Table, "camera.": CameraMount, "tags.0.": Tag, "arms.left.": ArmMount, "bin.": Bin}
SECTIONS |= {"workspace.": Workspace, "fixtures.0.": Fixture}
WHOLE = "the whole cell"


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section or "cell")
def test_of_a_misspelt_field_one_of_its_own_section_is_meant_or_it_is_said_of_which(
    tmp_path: Path, section: str
) -> None:
    """Any run of letters left out: tags.0.pos_m is position_m, though an arm's base_m is spelt more alike."""
    own = set(SECTIONS[section].model_fields)
    cuts = [(name, slice(first, last)) for name in own for first in range(1, len(name)) for last in range(len(name))]
    for field in {name[: cut.start] + name[max(cut.start, cut.stop) :] for name, cut in cuts} - own:
        with pytest.raises(ConfigurationError, match="there is no such field") as refused:
            load(tmp_path, changed(section + field, 1))
        meant, _, others = refused.value.cause.partition("; is ")[2].partition(" meant?")[0].partition(" of ")
        owners = [SECTIONS[name] for name in SECTIONS if (name.partition(".")[0] or WHOLE) in others.split(" or ")]
        assert not meant or (all(meant in kind.model_fields for kind in owners) if owners else meant in own), field


def stand(**fields: Any) -> list[dict[str, Any]]:
    return [SIM["fixtures"][0] | fields]


def test_a_stand_around_the_camera_is_refused_and_one_below_it_is_not(tmp_path: Path) -> None:
    below = {"center_m": [0.52, 0.0], "size_m": [0.05, 0.05, 0.55]}
    assert load(tmp_path, changed("fixtures", stand(**below))).fixtures[0].top_m == 0.55
    with pytest.raises(ConfigurationError, match="the stand holds the camera within it: of a stand, write what is"):
        load(tmp_path, changed("fixtures", stand(**below | {"size_m": [0.05, 0.05, 0.8]})))


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ({"center_m": [0.42, 0.0], "size_m": [0.05, 0.05, 0.7]}, r"hides \d\d% of where objects lie and 0 of 6 tags"),
        ({"center_m": [0.42, 0.0], "size_m": [0.05, 1.5, 0.7]}, "hides 100% of where objects lie and 6 of 6 tags"),
        ({"center_m": [0.46, 0.0], "size_m": [0.02, 1.0, 0.2], "bottom_m": 0.4}, "hides 100% of where objects lie"),
    ],
)
def test_what_stands_before_the_camera_is_refused(tmp_path: Path, box: dict[str, Any], said: str) -> None:
    fields = changed("fixtures", stand(yaw_rad=0.0, **box))
    with pytest.raises(ConfigurationError, match=f"the stand stands before the camera .*: it {said}"):
        load(tmp_path, fields)
    fields["fixtures"] += [SIM["fixtures"][0] | {"name": "aside", "center_m": [0.45, 0.3]}]
    with pytest.raises(ConfigurationError) as refused:
        load(tmp_path, fields)
    assert "aside" not in refused.value.cause, "what hides a tag of six is legitimate"


@pytest.mark.parametrize(("bottom_m", "over"), [(0.6, [0.0, 0.0]), (0.1, [0.22, 0.28]), (0.1, [-0.28, 0.0])])
def test_what_hangs_high_over_objects_a_tag_or_the_bin_is_legitimate(
    tmp_path: Path, bottom_m: float, over: list[float]
) -> None:
    hung = load(tmp_path, changed("fixtures", stand(center_m=over, bottom_m=bottom_m, size_m=[0.1, 0.1, 0.05])))
    assert hung.fixtures[0].bottom_m == bottom_m


def test_a_plate_under_a_raised_base_is_legitimate_and_one_around_it_is_not(tmp_path: Path) -> None:
    fields = changed("fixtures", stand(center_m=[-0.30, 0.25], size_m=[0.2, 0.15, 0.05], yaw_rad=0.0))
    for calibrated_m in (0.05, 0.045):
        fields["arms"]["left"]["base_m"] = [-0.30, 0.25, calibrated_m]
        assert load(tmp_path, fields).fixtures[0].top_m == 0.05
    fields["arms"]["left"]["base_m"] = [-0.30, 0.25, 0.03]
    with pytest.raises(ConfigurationError, match="stands in the base of the left arm"):
        load(tmp_path, fields)


def test_an_empty_list_of_fixtures_is_none(tmp_path: Path) -> None:
    assert load(tmp_path, changed("fixtures", None)).fixtures == ()


def test_two_fixtures_of_one_name_and_more_than_a_lab_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="fixtures: two are called stand"):
        load(tmp_path, changed("fixtures", stand() * 2))
    with pytest.raises(ConfigurationError, match=r"fixtures: .*at most 20"):
        load(tmp_path, changed("fixtures", [one for k in range(21) for one in stand(name=f"stand {k}")]))


@pytest.mark.parametrize("yaw_rad", [0.0, 0.5, -2.0])
def test_a_fixtures_box_covers_what_its_corners_say(tmp_path: Path, yaw_rad: float) -> None:
    (one,) = load(tmp_path, changed("fixtures", stand(yaw_rad=yaw_rad, bottom_m=0.2))).fixtures
    low, high = (apply(one.T_world_box, np.array([0.0, 0.0, side * one.half_m[2]])) for side in (-1, 1))
    assert np.allclose([*low, *high], [*one.center_m, 0.2, *one.center_m, one.top_m])
    for corner in one.corners_m:
        assert np.allclose(np.abs(apply(invert(one.T_world_box), np.array([*corner, 0.2]))), one.half_m)
        assert one.beyond_m(corner) < 1e-12
        assert one.beyond_m(corner + 0.03 * (corner - one.center_m) / np.linalg.norm(corner - one.center_m)) > 0.015


@pytest.mark.parametrize(("yaw_rad", "overlaps"), [(0.0, False), (np.pi / 4, True)])
def test_papers_overlap_as_they_lie_turned(tmp_path: Path, yaw_rad: float, overlaps: bool) -> None:
    tags = [
        {"id": 0, "size_m": 0.08, "position_m": [0.2, 0.0], "yaw_rad": yaw_rad},
        {"id": 1, "size_m": 0.08, "position_m": [0.2, 0.11]},
    ]
    if not overlaps:
        assert len(load(tmp_path, changed("tags", tags)).tags) == 2
        return
    with pytest.raises(ConfigurationError, match="tags 0 and 1 overlap"):
        load(tmp_path, changed("tags", tags))


def test_a_camera_straight_overhead_is_legitimate(tmp_path: Path) -> None:
    camera = load(tmp_path, changed("camera.position_m", [0.0, 0.0, 0.8])).camera
    assert np.allclose(camera.T_world_camera[:3, 2], [0.0, 0.0, -1.0])


@pytest.mark.parametrize("bin_wall_m", [0.004, 0.01])
def test_the_bins_slabs_fill_its_outer_size_and_leave_the_inside_free(tmp_path: Path, bin_wall_m: float) -> None:
    bin_ = load(tmp_path, changed("bin.wall_m", bin_wall_m)).bin
    low = np.min([center - half for center, half in bin_.slabs], axis=0)
    high = np.max([center + half for center, half in bin_.slabs], axis=0)
    assert np.allclose(high - low, bin_.size_m) and np.allclose((low + high)[:2] / 2, bin_.center_m) and low[2] == 0
    inside = np.array([*(np.array(bin_.size_m[:2]) / 2 - bin_wall_m - 1e-9), 0.0])
    for corner in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        point = inside * (*corner, 0) + (*bin_.center_m, bin_wall_m + 1e-9)
        assert all(np.any(np.abs(point - center) > half) for center, half in bin_.slabs)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"# only a comment\n", "is empty"),
        (b"- a\n- b\n", "holds no fields"),
        ("name: Käfig".encode("latin-1"), r"not UTF-8 text \(byte 7\)"),
        (b"name: [", "is not YAML"),
        (b"calibrated: 2026-13-45", "is not YAML"),
        ((ROOT / "README.md").read_bytes(), r"is not YAML: line \d+, column \d+: mapping values .* the YAML of a cell"),
        (b"name: sim\n", "table: is missing"),
    ],
)
def test_a_file_that_is_no_cell_says_what_it_is(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"mine.yaml .*{said}"):
        load_cell(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.yaml"):
        with pytest.raises(ConfigurationError, match="cannot be read"):
            load_cell(path)


def test_what_the_labs_file_shows_a_lab_to_write_can_be_built(tmp_path: Path) -> None:
    """Its examples of fixtures, uncommented, and of a raised base."""
    text = (CELLS / "lab.yaml").read_text().replace("fixtures: []", "fixtures:").replace("#  - {", "  - {")
    file = tmp_path / "mine.yaml"
    file.write_text(text.replace("base_m: [-0.30, 0.25, 0.0]", "base_m: [-0.30, 0.25, 0.12]"))
    cell = load_cell(file)
    assert [one.name for one in cell.fixtures] == ["camera stand", "lamp"] and cell.arms["left"].base_m[2] == 0.12
