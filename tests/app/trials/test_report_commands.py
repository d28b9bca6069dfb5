"""`trials report|compare|power` as people and programs call them."""

from pathlib import Path

import pytest

from tests.support.drawn.campaigns import SURFACES, add, campaign, log_campaign
from tests.support.trial_commands import call
from trials.label import LabelValue
from trials.store import TrialStore


def test_a_report_is_written_beside_the_log_or_where_told(store: TrialStore, tmp_path: Path) -> None:
    log_campaign(store, campaign(surfaces=SURFACES, scenes=4))
    told = call("report", "--campaign", "glass")
    assert [Path(file).name for file in told["files"]] == [
        "report.html",
        "report.md",
        "table.tex",
        "trials.csv",
        "trials.parquet",
    ]
    assert Path(told["files"][0]).parent == tmp_path / "reports" / "glass"
    assert not told["is_descriptive"]
    assert len(told["comparisons"]) == 3
    elsewhere = call("report", "--out", tmp_path / "mine.html")
    assert elsewhere["files"][0] == str(tmp_path / "mine.html")
    assert elsewhere["is_descriptive"]
    assert all(Path(file).stat().st_size for file in told["files"] + elsewhere["files"])


@pytest.mark.parametrize("name", ["mirrors.html", "mirrors.v2", "a", "Ü_-.", "all"])
def test_a_report_goes_to_a_folder_of_its_campaign_s_name(store: TrialStore, tmp_path: Path, name: str) -> None:
    for one in (name, f"{name}-2"):
        log_campaign(store, campaign(name=one, surfaces=SURFACES[:1], scenes=2))
        files = {Path(file) for file in call("report", "--campaign", one)["files"]}
        assert {file.parent for file in files} == {tmp_path / "reports" / one}
    call("report")
    assert len([*(tmp_path / "reports").rglob("trials.csv")]) == 3


@pytest.mark.parametrize("name", ["..", "../../escaped", ".", "a/b"])
def test_a_report_of_a_campaign_that_is_named_after_a_path_goes_where_told_alone(
    store: TrialStore, tmp_path: Path, name: str
) -> None:
    log_campaign(store, campaign(name=name, surfaces=SURFACES[:1], scenes=2))
    before = {*tmp_path.parent.rglob("*.html")}
    assert "Say where: --out FOLDER" in call("report", "--campaign", name, code=2)
    assert {*tmp_path.parent.rglob("*.html")} == before
    assert call("report", "--campaign", name, "--out", tmp_path / "out")["files"][0] == str(
        tmp_path / "out/report.html"
    )


def test_two_estimators_are_compared_on_matched_scenes_of_a_campaign(store: TrialStore) -> None:
    log_campaign(store, campaign(surfaces=SURFACES, scenes=12))
    told = call("compare", "vitro-s", "raw", "--campaign", "glass")
    assert {one["surface"] for one in told["comparisons"]} == set(SURFACES)
    assert {one["test"]["test"] for one in told["comparisons"]} == {"exact McNemar"}
    for one in told["comparisons"]:
        paired = one["test"]["paired"]
        assert len(one["parted"]) == paired["first"] + paired["second"]
    known = {one.trial.id: one for one in store.labelled()}
    parted = [tuple(known[id_] for id_ in pair) for one in told["comparisons"] for pair in one["parted"]]
    assert all(one.is_success != other.is_success for one, other in parted)
    assert all(one.trial.scene_number == other.trial.scene_number for one, other in parted)
    assert call("compare", "glass:vitro-s", "glass:raw")["comparisons"][0]["test"] == told["comparisons"][0]["test"]


def test_one_surface_of_a_whole_campaign_is_no_early_look(store: TrialStore) -> None:
    of = log_campaign(store, campaign(surfaces=SURFACES, scenes=3))
    told = call("compare", "vitro-s", "raw", "--campaign", "glass", "--surface", "diffuse")
    assert [one["surface"] for one in told["comparisons"]] == ["diffuse"]
    assert told["caveats"] == []
    assert store.campaign(of.id).looks == ()


def test_two_campaigns_are_compared_as_independent_ones(store: TrialStore) -> None:
    log_campaign(store, campaign(scenes=9))
    log_campaign(store, campaign(name="steel", scenes=7), seed=5)
    (one,) = call("compare", "steel:vitro-s", "glass:vitro-s")["comparisons"]
    assert one["test"]["test"] == "Barnard"
    assert (one["test"]["first"]["of"], one["test"]["second"]["of"]) == (7, 9)


def test_trials_outside_of_campaigns_are_compared_with_a_caveat(store: TrialStore) -> None:
    for estimator in ("raw", "oracle (cheat)"):
        for _ in range(4):
            add(store, LabelValue.SUCCESS, estimator=estimator)
    told = call("compare", "oracle", "raw")
    assert told["is_descriptive"]
    assert told["comparisons"][0]["test"]["test"] == "Barnard"


def test_an_open_blind_campaign_is_compared_by_letters_alone(store: TrialStore) -> None:
    of = log_campaign(store, campaign(is_blind=True, scenes=4))
    call("compare", "raw", "vitro-s", "--campaign", "glass", code=1)
    call("compare", "raw", "vitro-s", code=1)
    assert len(call("compare", "A", "B", "--campaign", "glass")["comparisons"]) == 1
    store.finish_campaign(of.id)
    assert len(call("compare", "raw", "vitro-s")["comparisons"]) == 1


def test_what_is_not_there_is_named_beside_what_is(store: TrialStore) -> None:
    assert "no trial" in call("report", code=1)
    log_campaign(store, campaign(scenes=2))
    assert "There are: glass" in call("report", "--campaign", "wood", code=1)
    assert "raw, vitro-s" in call("compare", "raw", "dkt", code=1)
    assert "not both tried on diffuse" in call("compare", "raw", "vitro-s", "--surface", "diffuse", code=1)


def test_a_report_is_refused_before_any_work_where_it_cannot_be_written(store: TrialStore, tmp_path: Path) -> None:
    of = log_campaign(store, campaign(scenes=2))
    store.note_look(of.id, 1)
    (tmp_path / "file").write_text("")
    assert "cannot be written" in call("report", "--campaign", "glass", "--out", tmp_path / "file" / "x", code=1)
    assert len(store.campaign(of.id).looks) == 1


def test_power_says_how_many_trials_and_what_so_many_tell() -> None:
    assert call("power", 0.6, 0.8)["trials_needed"] == {"0.80": 84, "0.90": 111}
    matched = call("power", 0.6, 0.8, "--discordance", 0.25, "--trials", 50)
    assert matched["trials_needed"]["0.80"] == 50
    assert matched["power"] >= 0.8
    told = call("power", 0.6, "--trials", 20)["told_apart"]["0.80"]
    assert told["at_most"] < 0.2
    assert told["at_least"] > 0.9
    assert "asks nothing" in call("power", 0.6, code=2)
    assert "--discordance between" in call("power", 0.6, 0.8, "--discordance", 0.9, code=2)
