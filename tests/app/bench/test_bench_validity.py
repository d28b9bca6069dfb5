"""`bench validity` on the real cell, with a camera that draws instead of path tracing."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.bench import validity
from app.bench.options import BenchValidityOptions
from app.bench.validity import RESULTS, bench_validity
from app.bench.validity_table import SceneResult, summarise_validity
from core.errors import ConfigurationError
from grasping.validity import Cause
from tests.support.quick_cell import QuickCell
from tests.support.real_captures import captures_folder


def run(capsys: pytest.CaptureFixture[str], out: Path, **more: Any) -> dict[str, Any]:
    asked = BenchValidityOptions(
        surfaces="diffuse", trials=1, seed=5003, out=out, as_json=True, **{"estimators": "oracle,plane"} | more
    )
    assert bench_validity(asked) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_the_truth_is_graspable_and_a_bare_table_is_missed_with_a_picture(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(validity, "DigitalCell", QuickCell)
    oracle, plane = run(capsys, tmp_path)["summary"]
    assert (oracle["estimator"], oracle["top_1"]["hits"], oracle["causes"]) == ("oracle", 1, {})
    assert (plane["estimator"], plane["no_grasp"]["hits"], plane["causes"]) == ("plane", 1, {"missed": 1})
    (picture,) = tmp_path.glob("*.jpg")
    assert picture.name in (tmp_path / "report.html").read_text()
    # What is there is not judged again, and what a crash cut off is.
    (tmp_path / RESULTS).write_text((tmp_path / RESULTS).read_text()[:-40])
    assert run(capsys, tmp_path)["summary"] == [oracle, plane]
    monkeypatch.setattr(validity, "DigitalCell", None)
    assert run(capsys, tmp_path)["summary"] == [oracle, plane]
    with pytest.raises(TypeError):
        run(capsys, tmp_path, fresh=True)


def test_shares_are_of_scenes_and_of_grasps_and_only_the_best_grasps_failures_are_counted() -> None:
    def scene(seed: int, *causes: Cause) -> SceneResult:
        return SceneResult("diffuse", seed, 1, "raw", causes)

    (summary,) = summarise_validity(
        [scene(0, Cause.VALID, Cause.SLIP), scene(1, Cause.SLIP, Cause.VALID, Cause.VALID), scene(2, Cause.MISSED)]
    )
    shares = [(share.hits, share.of) for share in (summary.top_1, summary.top_10, summary.no_grasp)]
    assert shares == [(1, 3), (3, 5), (1, 3)]
    assert summary.causes == {"slip": 1, "missed": 1}


@pytest.mark.slow
def test_real_glass_is_missed_with_the_sensors_depth_and_grasped_with_the_truth(capsys) -> None:
    if not captures_folder().is_dir():
        pytest.skip("real captures are not part of the repository (shared/real)")
    asked = BenchValidityOptions(estimators="oracle,raw", dataset="cleargrasp", root=captures_folder(), as_json=True)
    assert bench_validity(asked) == 0
    oracle, raw = json.loads(capsys.readouterr().out)["summary"]
    assert oracle["objects"] == raw["objects"] > 0
    assert oracle["valid"]["hits"] > 4 * raw["valid"]["hits"]


def test_a_data_set_without_its_folder_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="belong together"):
        bench_validity(BenchValidityOptions(dataset="cleargrasp"))
