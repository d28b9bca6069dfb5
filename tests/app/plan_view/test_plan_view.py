"""What `plan-view` tells of a real scene: every grasp has one fate, with a plan and without, on page and picture."""

import urllib.request
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.plan_view.command import scene_facts, view_plan
from app.plan_view.page import PlanPage
from app.plan_view.picture import figure_of
from app.plan_view.planned import BIN, FIXTURES, HIDDEN, OBJECTS, UNLIKELY, PlanScene
from app.replay.options import PlanViewOptions
from app.run.trial import Trial
from core.errors import ConfigurationError
from core.image_file import read_image
from core.transforms import apply, invert
from grasping.planning.arm_model import ArmModel
from grasping.planning.candidates import CHOSEN, NOT_LOOKED_AT, NOT_TRIED
from grasping.planning.grasp_plan import Phase
from grasping.planning.motion_planner import NoPlanError
from grasping.planning.obstacles import VOXEL_M
from grasping.planning.planner import plan_grasp
from hardware.robot.fixtures import fixtures_of
from tests.support.scenes.fixtures import RAISED, furnished
from tests.support.scenes.planning import CELL, PARKED, scene, table_view


def planned(*cylinders: tuple[float, float, float, float]) -> PlanScene:
    grasps, view = scene(*cylinders), table_view(CELL)
    trial, stopped = Trial("", 0, view=view, grasps=grasps), None
    try:
        plan = plan_grasp(grasps, view, CELL, PARKED, budget_s=60.0)
        trial, fates = Trial("", 0, view=view, grasps=grasps, plan=plan), plan.fates
    except NoPlanError as error:
        stopped, fates = error, error.fates
    return PlanScene("a glass", "oracle", CELL, trial, PARKED, fates, stopped)


def test_the_page_answers_and_its_spheres_are_the_planners_at_the_time_that_is_scrubbed_to() -> None:
    shown = planned((0.02, 0.10, 0.03, 0.12))
    facts, plan = scene_facts(shown), shown.trial.plan
    assert plan is not None and facts["fates"][CHOSEN] == 1
    assert sum(facts["fates"].values()) == facts["grasps"] == len(shown.trial.grasps or ())
    assert sum(len(shown.grippers_m(fate)) for fate in shown.colors) == 4 * facts["grasps"]
    assert len(set(shown.colors.values())) == len(shown.colors)
    with closing(PlanPage(shown, "127.0.0.1")) as page:
        assert urllib.request.urlopen(page.address).status == 200
        page.rest()  # from here on only the test draws
        page._playback.show_at(sum(plan.motions[phase].duration_s for phase in (Phase.TRANSIT, Phase.APPROACH)) - 1e-6)
        arm = ArmModel(plan.arm, CELL.arms[plan.arm])
        at_grasp = arm.place(plan.motions[Phase.APPROACH].positions_rad[-1:], plan.pre_open_m).centers_m[0]
        np.testing.assert_allclose(page._covers[plan.arm].handle.batched_positions, at_grasp, atol=1e-3)


def test_without_a_plan_every_grasp_has_its_reason_and_the_page_says_the_remedy() -> None:
    shown = planned((0.345, 0.595, 0.03, 0.06))
    facts = scene_facts(shown)
    assert facts["plan"] is None and facts["grasps"] == sum(facts["fates"].values()) > 0
    assert not {CHOSEN, NOT_TRIED, NOT_LOOKED_AT} & set(facts["fates"])
    assert all(count <= facts["rejections"][fate] for fate, count in facts["fates"].items())
    assert len(shown.voxels_m[OBJECTS]) and len(shown.voxels_m[BIN])
    with closing(PlanPage(shown, "127.0.0.1")) as page:
        assert urllib.request.urlopen(page.address).status == 200


@pytest.mark.parametrize("hidden", ["occupied", "free"])
def test_what_an_object_hides_is_shown_where_it_counts_as_occupied(hidden: str) -> None:
    workspace = CELL.workspace.model_copy(update={"hidden": hidden})
    shown = replace(planned((0.02, 0.10, 0.03, 0.12)), cell=CELL.model_copy(update={"workspace": workspace}))
    behind_m = shown.voxels_m[HIDDEN]
    assert (len(behind_m) > 0) == (hidden == "occupied")
    if len(behind_m):  # farther from the camera than the object
        assert behind_m[:, 0].mean() < shown.voxels_m[OBJECTS][:, 0].mean()


def test_what_is_fixed_is_shown_where_the_cell_has_any() -> None:
    shown = planned((0.02, 0.10, 0.03, 0.12))
    assert FIXTURES not in replace(shown, cell=furnished()).voxels_m
    raised = replace(shown, cell=RAISED)
    for one in fixtures_of(RAISED):
        inside = np.abs(apply(invert(one.T_world_box), raised.voxels_m[FIXTURES])) < one.half_m + VOXEL_M
        assert inside.all(axis=1).any(), one.name
    with closing(PlanPage(raised, "127.0.0.1")) as page:
        for number, one in enumerate(fixtures_of(RAISED)):
            handle = page._server.viser.scene.get_handle_by_name(f"/fixtures/{number}")
            np.testing.assert_allclose(handle.position, one.T_world_box[:3, 3])
            assert tuple(handle.dimensions) == pytest.approx(one.size_m)


def test_the_picture_has_every_height_in_view() -> None:
    figure = figure_of(planned((0.02, 0.10, 0.03, 0.12)))
    figure.canvas.draw()
    corner, above = figure.axes
    assert corner.get_zlabel() == "z [m]"
    for axis in (corner.zaxis, corner.zaxis.label):  # with the numbers, and by itself
        seen = axis.get_tightbbox(figure.canvas.get_renderer())
        assert 0 < seen.x0 < seen.x1 < above.get_window_extent().x0


@pytest.mark.slow
def test_a_drawn_scene_becomes_a_picture_and_what_is_too_unlikely_is_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plan.png"
    options = PlanViewOptions(seed=5, objects=1, boldness=0.0, headless=True, as_json=True, out=file)
    assert view_plan(options) == 1, "without a plan"
    told = capsys.readouterr().out
    assert UNLIKELY in told and '"plan": null' in told
    picture = read_image(file)
    assert picture.shape[1] > 1000 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 100
    with pytest.raises(ConfigurationError, match="Name a picture"):
        view_plan(PlanViewOptions(headless=True, out=tmp_path / "plan.pdf"))
