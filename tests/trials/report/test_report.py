"""What a report says can be worked out again from the table beside it, and it says what it may not be taken for."""

from dataclasses import replace
from html.parser import HTMLParser
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from app.trials.blinding import Blinding
from core.errors import TrialError
from core.json_values import plain
from tests.support.drawn.campaigns import SURFACES, add, campaign, log_campaign
from tests.support.logs.postgres import new_database
from tests.support.trial_rows import TrialStore
from trials.campaign import Campaign
from trials.exchange.content import read_content
from trials.exchange.intake import take_in
from trials.label import FailureReason, Label, LabelValue
from trials.record import DIGITAL_CELL, Outcome, Reason
from trials.report.contents import TrialReport, read_report
from trials.report.files import write_report
from trials.report.filmstrip import MOST_SHOWN, filmstrips

NAMES = ("raw", "vitro-s", "oracle")


def table6(**values: object) -> Campaign:
    return campaign(**({"name": "table6", "estimators": NAMES, "surfaces": SURFACES, "scenes": 8} | values))


def report(store: TrialStore, of: Campaign | None = None) -> TrialReport:
    return read_report(store, None if of is None else store.campaign(of.id), Blinding(store.campaigns()).shown)


def write(told: TrialReport, out: Path) -> dict[str, Path]:
    return {path.name: path for path in write_report(told, out, [], lambda steps: steps)}


def lay_several(store: TrialStore, of: int, scene: int, estimator: str, lifts: str) -> None:
    """One scene of three objects, a letter a pick: `s` lifted, `f` failed, `x` crashed and everything laid again."""
    pick = 1
    for letter in lifts:
        values = {"campaign": of, "scene_number": scene, "estimator": estimator, "objects": 3, "pick": pick}
        if letter == "x":
            add(store, outcome=Outcome.INTERRUPTED, reason=Reason.CRASH, **values)
            pick = 1
            continue
        last = add(store, LabelValue.SUCCESS if letter == "s" else LabelValue.FAILURE, **values)
        pick += 1
    store.annotate(last.id, scene_ended="empty")


def worked_out_again(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Success and McNemar's p by surface from nothing but what the rows say, with none of our functions."""
    rows = rows.sort_values("trial")
    unsaid = rows.label.isna() | (rows.label == "")
    by_rule = rows.reason.isin(["camera", "arm", "operator", "crash"]) | (rows.outcome == "running")
    rows["counts"] = np.where(unsaid, ~by_rule, rows.label != "invalid")
    rows["lifted"] = rows.label == "success"
    scene = ["campaign", "surface", "scene", "estimator"]
    rows["laying"] = (rows.pick == 1).groupby([rows[name] for name in scene]).cumsum()
    counting = rows[rows.counts]
    last = counting.groupby(scene).laying.transform("max")
    kept = counting[counting.laying == last].drop_duplicates([*scene, "pick"], keep="last")
    scenes = kept.groupby(scene).agg(lifted=("lifted", "sum"), laid=("objects", "max"), ended=("ended", "any"))
    scenes = scenes[scenes.ended | (scenes.laid == 1)].reset_index()
    rates = scenes.groupby(["surface", "estimator"])[["lifted", "laid"]].sum()
    firsts = kept[kept.pick == 1].pivot_table(index=["surface", "scene"], columns="estimator", values="lifted")
    p_values = {}
    for surface, of in firsts.groupby("surface"):
        for one in firsts.columns:
            for other in firsts.columns.drop(one):
                both = of[[one, other]].dropna()
                won, lost = int((both[one] > both[other]).sum()), int((both[one] < both[other]).sum())
                tail = sum(comb(won + lost, k) for k in range(min(won, lost) + 1)) / 2 ** (won + lost)
                p_values[surface, one, other] = min(1.0, 2 * tail)
    return rates, pd.Series(p_values)


def test_the_numbers_can_be_worked_out_again_from_the_table_with_pandas_alone(
    store: TrialStore, tmp_path: Path
) -> None:
    of = log_campaign(store, table6())
    lay_several(store, of.id, 20, "raw", "sfxsss")
    lay_several(store, of.id, 20, "vitro-s", "sf")
    add(store, campaign=of.id, surface="diffuse", estimator="raw", scene_number=21)
    told = report(store, of)
    files = write(told, tmp_path / "out")
    for rows in (pd.read_csv(files["trials.csv"]), pd.read_parquet(files["trials.parquet"])):
        rates, p_values = worked_out_again(rows)
        assert len(told.rates) == len(rates) == 9
        for rate in told.rates:
            lifted, laid = rates.loc[rate.surface, rate.estimator]
            assert (rate.success.hits, rate.success.of) == (lifted, laid)
        assert len(told.comparisons) == 9
        for one in told.comparisons:
            assert one.test.p == pytest.approx(p_values[one.surface, one.first, one.second])
        holms = sorted(one.test.p for one in told.comparisons)
        assert min(one.corrected_p for one in told.comparisons) == pytest.approx(min(1.0, 9 * holms[0]))
    assert rows.replaced.sum() == sum(rate.replaced for rate in told.rates) == 2


def test_a_look_before_the_budget_is_reached_is_noted_and_makes_p_values_descriptive(store: TrialStore) -> None:
    of = store.add_campaign(campaign(scenes=2))
    for estimator in of.estimators:
        add(store, LabelValue.SUCCESS, campaign=of.id, estimator=estimator)
    early = report(store, of)
    assert [look["trials"] for look in store.campaign(of.id).looks] == [2]
    assert any("with 2 trials logged" in caveat for caveat in early.caveats)
    assert any("not reached" in caveat for caveat in early.caveats)
    for estimator in of.estimators:
        add(store, LabelValue.SUCCESS, campaign=of.id, estimator=estimator, scene_number=1)
    complete = report(store, of)
    assert len(store.campaign(of.id).looks) == 1
    assert len(complete.caveats) == 1
    assert "looked at 1 time" in complete.caveats[0]


def test_a_campaign_that_was_kept_to_needs_no_caveat_and_others_do(store: TrialStore) -> None:
    kept = log_campaign(store, table6(scenes=2))
    assert report(store, kept).caveats == ()
    assert store.campaign(kept.id).looks == ()
    assert len(report(store).caveats) == 1
    store.mark_exploratory(kept.id)
    assert "begun so, or changed since" in report(store, kept).caveats[0]


def test_an_open_blind_campaign_names_no_estimator_in_any_file(store: TrialStore, tmp_path: Path) -> None:
    of = log_campaign(store, table6(is_blind=True, scenes=3, settings={"choices": {"raw": "raw"}, "attempts": 3}))
    told = report(store, of)
    assert told.estimators == ("A", "B", "C")
    assert told.settings == {"attempts": "3"}
    for path in write(told, tmp_path / "blind").values():
        content = path.read_bytes().replace(b"RAW", b"").replace(b"drawn", b"")
        assert not any(name in content for name in (b"raw", b"vitro-s", b"oracle")), path
    store.finish_campaign(of.id)
    assert report(store, store.campaign(of.name)).settings == {"choices": "raw", "attempts": "3"}
    assert report(store, of).estimators == NAMES


def test_the_whole_log_tells_nothing_of_open_blind_campaigns(store: TrialStore) -> None:
    log_campaign(store, table6(is_blind=True, scenes=2))
    with pytest.raises(TrialError, match="no trial"):
        report(store)
    add(store, LabelValue.SUCCESS)
    assert len(report(store).counted.arrays) == 1


def test_times_name_their_clock_and_those_of_the_digital_cell_are_not_mixed_with_real_ones(
    store: TrialStore, tmp_path: Path
) -> None:
    add(store, LabelValue.SUCCESS, world=DIGITAL_CELL, stages_s={"execute": 50.0})
    told = report(store)
    assert [spread.median for spread in told.timings] == [50.0]
    assert "at no arm's pace" in write(told, tmp_path / "digital")["report.html"].read_text().replace("&#39;", "'")
    add(store, LabelValue.SUCCESS, world="hardware", stages_s={"execute": 9.0})
    told = report(store)
    assert [spread.median for spread in told.timings] == [9.0] and told.cycles[0].number == 1
    assert "Of trials on real arms alone" in write(told, tmp_path / "both")["report.html"].read_text()


def test_every_trial_that_is_left_out_is_told_with_its_reason(store: TrialStore) -> None:
    of = store.add_campaign(campaign(scenes=1))
    add(store, LabelValue.SUCCESS, campaign=of.id)
    add(store, LabelValue.INVALID, FailureReason.SETUP, campaign=of.id)
    add(store, outcome=Outcome.INTERRUPTED, reason=Reason.CRASH, campaign=of.id)
    add(store, LabelValue.FAILURE, campaign=of.id)
    why = {one.trial.trial.id: one.why for one in report(store, of).left_out}
    assert why == {1: "replaced: the scene was laid again (was success)", 2: "invalid: setup", 3: "crash"}


def test_the_verdict_says_on_which_surfaces_the_leader_is_better_and_on_which_worse(store: TrialStore) -> None:
    of = store.add_campaign(campaign(surfaces=("reflective", "diffuse"), scenes=12))
    ahead = {"reflective": "raw", "diffuse": "vitro-s"}
    for surface, scenes in (("reflective", 12), ("diffuse", 8)):
        for scene in range(scenes):
            for estimator in of.estimators:
                says = LabelValue.SUCCESS if ahead[surface] == estimator else LabelValue.FAILURE
                add(store, says, campaign=of.id, surface=surface, scene_number=scene, estimator=estimator)
    assert "raw is better on reflective, worse on diffuse than vitro-s (p < 0.05" in report(store, of).verdict


def test_estimators_that_no_surface_parts_are_said_to_be_so(store: TrialStore) -> None:
    of = store.add_campaign(campaign(scenes=1))
    for estimator in of.estimators:
        add(store, LabelValue.SUCCESS, campaign=of.id, estimator=estimator)
    assert "raw is told apart from vitro-s on no surface" in report(store, of).verdict


def test_a_note_stays_in_its_cell_of_the_report_in_markdown(store: TrialStore, tmp_path: Path) -> None:
    of = store.add_campaign(campaign(scenes=1, question="wet\nglass | <b>?"))
    add(store, LabelValue.SUCCESS, campaign=of.id)
    trial = add(store, campaign=of.id).id
    note = "wet | table\r\nand a \\| <img>\u2028`tilted`"
    store.label(Label(trial=trial, value=LabelValue.INVALID, reason=FailureReason.SETUP, note=note, by="ada"))
    lines = write(report(store, of), tmp_path / "noted")["report.md"].read_text().split("\n")
    (line,) = [line for line in lines if "tilted" in line]
    assert line == r"| 2 | reflective | raw | invalid: setup (wet \| table and a \\\| \<img> \`tilted\`) |"
    assert r"**wet glass \| \<b>?**" in lines


class Page(HTMLParser):
    """Tags that are open, and whatever would be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.opened: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag


def test_the_page_is_whole_and_fetches_nothing(store: TrialStore, tmp_path: Path) -> None:
    of = log_campaign(store, table6(question="<script>alert('Which?')</script>", scenes=5))
    page = Page(write(report(store, of), tmp_path / "a.html")["a.html"].read_text())
    assert page.opened == page.fetched == []
    assert "script" not in page.get_starttag_text()
    text = (tmp_path / "a.html").read_text()
    assert "<script>" not in text
    assert "digital cell" in text
    assert (tmp_path / "a.md").exists()


def test_by_the_rule_that_a_report_tells_its_table_gives_its_rates(store: TrialStore, tmp_path: Path) -> None:
    """Scenes of three objects: laid again, lifted oftener than laid, and laid again but not worked on to the end."""
    plan = store.add_campaign(table6(surfaces=("reflective",), scenes=3, objects=(3,)))
    for name, histories in {"raw": ("fsf", "sfx" + "ffs", "sss"), "oracle": ("sss", "sss", "ssfss")}.items():
        for scene, lifts in enumerate(histories):
            lay_several(store, plan.id, scene, name, lifts)
    add(store, LabelValue.SUCCESS, campaign=plan.id, scene_number=1, estimator="oracle", objects=3, pick=1)
    told = report(store, plan)
    assert told.rate("oracle", "reflective").success.of == 6
    files = write(told, tmp_path)
    for name in ("report.html", "report.md"):
        assert "none of them twice" in files[name].read_text()
    rows = pd.read_csv(files["trials.csv"])
    rows = rows[rows.stands]
    assert len(rows) < told.counted.arrays.ids.size
    for name, of in rows.groupby("estimator"):
        scenes = [scene for _, scene in of.groupby("scene") if scene.ended.any()]
        lifted = sum(min((scene.value == "success").sum(), scene.objects.max()) for scene in scenes)
        success = told.rate(str(name), "reflective").success
        assert (success.hits, success.of) == (lifted, sum(scene.objects.max() for scene in scenes))
        first = (of[of.pick == 1].value == "success") & (of[of.pick == 1].attempts == 1)
        assert told.rate(str(name), "reflective").first.hits == first.sum()


def test_the_table_has_the_papers_form_with_its_numbers_and_ours(store: TrialStore, tmp_path: Path) -> None:
    of = log_campaign(store, table6())
    told = report(store, of)
    lines = write(told, tmp_path)["table.tex"].read_text().splitlines()
    rows = {line.split(" & ")[0]: line.removesuffix(r" \\").split(" & ")[1:] for line in lines if " & " in line}
    assert rows["Method"] == ["Translucent", "Reflective", "Diffuse", "Mean"]
    assert rows["RAW (paper)"] == [".47", ".18", ".56", ".38"]
    assert rows["DKT-1.3B (paper)"] == [".80", ".59", ".81", ".73"]
    for name in NAMES:
        for cell, surface in zip(rows[name], (*SURFACES, ""), strict=True):
            rate = told.rate(name, surface)
            assert rate is not None
            assert cell.startswith(f"{rate.success.rate:.2f}".removeprefix("0"))
            assert f"$n={rate.success.of}$" in cell


def test_filmstrips_show_failures_first_and_not_more_than_they_say(store: TrialStore, tmp_path: Path) -> None:
    of = log_campaign(store, table6())
    told = report(store, of)
    for known in told.trials[::2]:
        folder = tmp_path / str(known.trial.id)
        folder.mkdir()
        Image.new("RGB", (640, 480), "teal").save(folder / "color.png")
        (folder / "depth.png").write_bytes(b"cut short")
    strips = list(filmstrips(told.trials, lambda id_: tmp_path / str(id_)))
    assert 0 < len(strips) <= MOST_SHOWN
    values = [strip.trial.value for strip in strips]
    assert values == sorted(values, key=["failure", "success", "invalid"].index)
    assert {strip.trial.trial.surface for strip in strips} == set(SURFACES)
    assert all([name for name, _ in strip.pictures] == ["color"] for strip in strips)
    whole = tmp_path / str(strips[0].trial.trial.id) / "depth.png"
    Image.new("RGB", (1920, 480), "teal").save(whole)
    for is_blind, names in ((False, ["depth"]), (True, ["color"])):
        strip = next(filmstrips(told.trials, lambda id_: tmp_path / str(id_), is_blind))
        assert [name for name, _ in strip.pictures] == names
    assert all(len(data) < 30_000 for strip in strips for _, data in strip.pictures)


def test_expectations_are_told_of_enough_trials_alone(store: TrialStore) -> None:
    for number in range(24):
        says = LabelValue.SUCCESS if number % 4 else LabelValue.FAILURE
        add(store, says, expected=0.05 + 0.03 * number)
        assert bool(report(store).expectations) == (number >= 19)
    groups = report(store).expectations
    assert sum(group.observed.of for group in groups) == 24
    assert [group.expected for group in groups] == sorted(group.expected for group in groups)


def test_renaming_hides_what_a_trial_says_of_its_estimator_too(store: TrialStore) -> None:
    of = log_campaign(store, table6(scenes=1))
    hidden = read_report(store, of, lambda known: replace(known, trial=replace(known.trial, detail="hidden")))
    assert {known.trial.detail for known in hidden.trials} == {"hidden"}


def test_a_report_is_the_same_of_a_file_and_of_a_server_that_keeps_another_time(
    store: TrialStore, postgres: str, tmp_path: Path
) -> None:
    """But for when it was made: down to the bytes of the tables, and in every number."""
    log_campaign(store, table6(scenes=3))
    with TrialStore(new_database(postgres) + "%20-ctimezone%3DAsia/Kolkata") as server:
        take_in(server, read_content(store))
        here, there = (report(one, one.campaign("table6")) for one in (store, server))
    files, others = write(here, tmp_path / "file"), write(there, tmp_path / "server")
    for name in ("trials.csv", "trials.parquet", "table.tex"):
        assert files[name].read_bytes() == others[name].read_bytes(), name
    assert "Z" in files["trials.csv"].read_text().splitlines()[1]
    assert (here.rates, here.totals) == (there.rates, there.totals)
    assert plain(here.comparisons) == plain(there.comparisons)
