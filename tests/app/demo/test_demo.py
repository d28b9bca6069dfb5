"""The demo explains what happens, and leaves the lab's log alone."""

from pathlib import Path

import pytest

from app.console import Console
from app.demo.command import SCENES, show_demo
from app.demo.guide import depth_stages
from app.demo.options import DemoOptions
from app.events import Event, Explanation, SessionProgress
from core.surfaces import Surface
from perception.estimators.registry import ESTIMATORS
from perception.estimators.specification import EstimatorSpecification
from tests.support.quick_cell import QuickCell
from trials.store import TrialStore


@pytest.mark.slow
def test_it_explains_each_stage_and_logs_nothing_in_the_labs_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    monkeypatch.setenv("VITRO_TRIALS", str(tmp_path / "lab.db"))
    console, heard = Console(), list[Event]()
    console.events.add(heard.append)
    options = DemoOptions(surface=Surface.DIFFUSE, estimator="oracle", yes=True, headless=True)
    assert show_demo(options, console, lambda cell, camera, seed: QuickCell(cell, seed)) == 0
    explained = [event.about for event in heard if isinstance(event, Explanation)]
    assert {"capture", "the depth sensor, and the network", "scale", "detect"} <= set(explained)
    assert [event.of for event in heard if isinstance(event, SessionProgress)] == [1]
    said = " ".join(capsys.readouterr().out.split())
    assert "No network looks here, but oracle" in said and "came back without depth" in said
    assert "report: " in said and list(tmp_path.rglob("report.html"))
    assert not (tmp_path / "lab.db").exists() and not (tmp_path / "trials.db").exists()
    with TrialStore(tmp_path / "demo" / "trials.db") as store:
        (row,) = store.list()
    assert (row.surface, row.seed) == ("diffuse", SCENES[Surface.DIFFUSE])
    assert (tmp_path / "demo" / "trials" / "00001" / "color.png").exists()


@pytest.mark.parametrize(
    "estimator", [one for one in ESTIMATORS.values() if one.gives != "normals"], ids=lambda one: one.name
)
def test_what_is_said_of_depth_is_true_of_the_estimator_that_runs(estimator: EstimatorSpecification) -> None:
    said = depth_stages(estimator)
    assert ("colour alone" in said["estimate"]) == (estimator.has_weights and not estimator.needs_table)
    assert ("up to a scale" in said["estimate"]) == (estimator.has_weights and estimator.gives != "metric")
    assert ("turn that into metres" in said["scale"]) == (estimator.gives != "metric")
    assert ("network looks at" in said["estimate"]) == estimator.has_weights
