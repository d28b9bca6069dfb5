"""A campaign runs what it fixed at the start, once each, whatever interrupts it."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.campaign.command import confirm_new, run_campaign
from app.campaign.definition import parse_objects, shared_settings
from app.campaign.options import CampaignOptions
from app.campaign.progress import breaks_plan, is_done
from app.campaign.scene_guide import SceneGuide, overlay
from app.console import Console
from app.interrupts import Interrupts
from app.paths import trial_folder
from app.run.live_trial import LiveTrial
from app.run.operator import Operator
from app.run.pipeline import Pipeline
from core.errors import ArmError, ConfigurationError, TrialError
from core.files import hold
from core.image_file import read_image, write_image
from grasping.grasp_set import empty_grasps
from hardware.simulation.digital_cell import DigitalCell
from tests.support.quick_cell import QuickCell
from tests.support.trial_rows import row as record
from trials.campaign import Campaign, PlannedScene
from trials.label import FailureReason, Label, LabelledTrial, LabelValue
from trials.record import DIGITAL_CELL, Outcome, Reason
from trials.store import TrialStore

ESTIMATORS = ("raw", "oracle (cheat)")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    return tmp_path


def options(**given: object) -> CampaignOptions:
    said = {"estimators": "raw,oracle", "surfaces": "diffuse", "trials": 2, "objects": "1", "seed": 8, "camera": "sim"}
    return CampaignOptions(name="c", yes=True, headless=True, **said | given)


def run(given: CampaignOptions, console: Console | None = None) -> int:
    return run_campaign(given, console or Console(is_quiet=True), lambda cell, _, seed: QuickCell(cell, seed))


def rows(home: Path) -> tuple[LabelledTrial, ...]:
    with TrialStore(home / "trials.db") as store:
        return store.labelled(campaign=store.campaign("c").id)


def standing(home: Path) -> Counter:
    kept = [one.trial for one in rows(home) if one.label is None or one.label.value is not LabelValue.INVALID]
    return Counter((one.estimator, one.scene_number, one.pick) for one in kept)


class Heard(Console):
    """Remembers what people read."""

    def __init__(self) -> None:
        super().__init__(is_quiet=True)
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def _stage_line(self, mark: str, name: str, seconds: float, detail: str) -> None:
        self.lines.append(f"{name} {detail}")


def test_every_estimator_attempts_every_scene_once_and_then_it_is_over(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing to grasp is a failure like any other, and the quickest.
    monkeypatch.setattr(Pipeline, "detect", lambda *_: empty_grasps("none", "nothing is seen"))
    console = Heard()
    assert run(options(blind=True), console) == 0
    assert standing(home) == Counter((name, number, 1) for name in ESTIMATORS for number in (0, 1))
    # Laid alike for each, and taken in turns.
    trials = [one.trial for one in rows(home)]
    assert trials[0].scene == trials[1].scene != trials[2].scene == trials[3].scene
    assert [trial.estimator for trial in trials] == [*ESTIMATORS, *ESTIMATORS[::-1]]
    # People saw letters all along; the log has the names.
    assert not [line for line in console.lines[:-1] if re.search(r"\b(oracle|raw)\b", line)]
    assert {"estimate A", "estimate B"} <= set(console.lines)
    with TrialStore(home / "trials.db") as store:
        assert store.campaign("c").finished is not None
    assert run(options()) == 0
    assert len(rows(home)) == 4


@pytest.mark.slow
def test_what_was_interrupted_is_laid_again_and_nothing_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    execute, begun = LiveTrial._lift, []

    def stop_in_the_second(live: LiveTrial, *given):
        begun.append(live)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return execute(live, *given)

    monkeypatch.setattr(LiveTrial, "_lift", stop_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        run(options(estimators="oracle", objects="2", trials=1))
    assert [one.trial.outcome for one in rows(home)][-1] is Outcome.INTERRUPTED
    assert run(CampaignOptions(name="c", yes=True, headless=True, camera="sim")) == 0
    left = rows(home)
    discarded = [one for one in left if one.label and one.label.by == "campaign"]
    assert {one.label.reason for one in discarded} == {FailureReason.SETUP}
    assert set(standing(home).values()) == {1}
    assert "scene_ended" in left[-1].trial.notes["later"]


@pytest.mark.slow
def test_a_fault_of_an_arm_in_the_digital_cell_counts_and_the_campaign_goes_on(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear, cells = LiveTrial._clear, []
    opened = DigitalCell.__init__
    monkeypatch.setattr(DigitalCell, "__init__", lambda self, *a, **k: (cells.append(self), opened(self, *a, **k))[1])

    def fail_once(live: LiveTrial, execution) -> None:
        if len(cells) == 1:
            raise ArmError("The left arm was pushed.", "See what holds it.")
        clear(live, execution)

    monkeypatch.setattr(LiveTrial, "_clear", fail_once)
    assert run(options(estimators="oracle", objects="1", trials=2)) == 0
    assert len(cells) == 2
    assert set(standing(home).values()) == {1}


def test_a_campaign_is_one_process_at_a_time(home: Path) -> None:
    (home / "campaigns").mkdir()
    with hold(home / "campaigns" / ".c.lock", TrialError("held", "wait")), pytest.raises(TrialError, match="process"):
        run(options())
    with TrialStore(home / "trials.db") as store:
        campaign = store.add_campaign(_known())
        store.begin(record(campaign=campaign.id, surface="diffuse", estimator="raw"))
        with pytest.raises(TrialError, match="Trial 1 of the campaign 'c' is running on another station"):
            run(options())


@pytest.mark.parametrize(
    "refused",
    [{"name": "../c"}, {"name": ""}, {"estimators": "magic"}, {"surfaces": "ice"}, {"objects": "0"}],
    ids=lambda refused: "".join(refused),
)
def test_a_campaign_that_is_refused_leaves_nothing(home: Path, refused: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        run(replace(options(), **refused))
    assert not (home / "campaigns").exists()
    with TrialStore(home / "trials.db") as store:
        assert store.campaigns() == ()


@pytest.mark.parametrize("is_known", [False, True], ids=["new", "known"])
@pytest.mark.parametrize("name", ["../c", "/tmp/c", "a/b", "..", ".c", "c\n", "c\0", "c c", "\udcff", "c" * 65, ""])
def test_a_name_never_becomes_a_path_though_a_log_knows_it(home: Path, name: str, is_known: bool) -> None:
    """A log that was edited by hand, or made on another machine, may hold a campaign of any name."""
    with TrialStore(home / "trials.db") as store:
        if is_known and name.isprintable():
            store.add_campaign(replace(_known(), name=name))
    before = set(home.parent.rglob("*"))
    with pytest.raises(ConfigurationError, match="is no name for a campaign"):
        run(replace(options(), name=name))
    assert {path for path in set(home.parent.rglob("*")) - before if "trials.db" not in path.name} == set()


def test_a_name_that_a_person_takes_for_a_slip_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with TrialStore(home / "trials.db") as store:
        store.add_campaign(_known())

    def quit_(operator: Operator, question: str, choices: dict[str, str]) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(Operator, "ask", quit_)
    with pytest.raises(KeyboardInterrupt):
        run(replace(options(), name="c-", yes=False))
    assert not (home / "campaigns").exists()


def test_scenes_laid_again_after_results_were_seen_prove_nothing(home: Path) -> None:
    """What a person calls invalid is laid again; once the numbers are known that may be to his liking."""
    campaign = replace(_known(), id=1)
    to_do = [scene for scene in campaign.plan() if scene.estimator == "raw" and scene.number == 0]
    mine = record(campaign=1, surface="diffuse", estimator="raw", outcome=Outcome.FAILURE, reason=Reason.EMPTY)
    by_hand = LabelledTrial(mine, Label(trial=1, value=LabelValue.INVALID, by="eva"))
    by_rule = LabelledTrial(mine, Label(trial=1, value=LabelValue.INVALID, by="campaign"))
    looked = replace(campaign, looks=({"trials": 1},))
    assert not breaks_plan(campaign, to_do, [by_hand])
    assert breaks_plan(looked, to_do, [by_hand])
    assert not breaks_plan(looked, to_do, [by_rule])
    assert not breaks_plan(looked, [], [by_hand])
    assert breaks_plan(replace(campaign, finished=campaign.begun), to_do, [])


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"trials": 3}, "trials 2, not 3"),
        ({"estimators": "raw"}, "estimators raw, oracle, not raw"),
        ({"objects": "1-2"}, "objects 1, not 1, 2"),
        ({"surfaces": "reflective"}, "surfaces diffuse, not reflective"),
        ({"speed": 0.5}, "speed 1.0, not 0.5"),
        ({"blind": True}, "blind False, not True"),
    ],
)
def test_a_campaign_is_not_gone_on_with_otherwise_than_it_was_begun(home: Path, changed: dict, named: str) -> None:
    with TrialStore(home / "trials.db") as store:
        store.add_campaign(_known())
    with pytest.raises(ConfigurationError, match=named):
        run(options(**changed))
    assert rows(home) == ()


def _known() -> Campaign:
    choices = {"raw": "raw", "oracle (cheat)": "oracle"}
    settings = {**shared_settings(CampaignOptions(name="c")), "choices": choices, "world": DIGITAL_CELL, "cell": "sim"}
    return Campaign(name="c", estimators=ESTIMATORS, surfaces=("diffuse",), scenes=2, seed=8, settings=settings)


def test_a_name_like_a_known_one_is_asked_about_before_it_begins_another(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    operator, asked = Operator(Console(), Interrupts()), list[str]()
    monkeypatch.setattr(operator, "ask", lambda question, choices: asked.append(question))
    confirm_new("glasses-2", ["glass", "glasses-1"], operator)
    assert "no campaign 'glasses-2' yet, but 'glasses-1' and 'glass'" in asked[0]
    confirm_new("mirrors", ["glass", "glasses-1"], operator)
    assert len(asked) == 1 and not capsys.readouterr().out
    operator.assume_yes = True
    confirm_new("glas", ["glass"], operator)
    assert len(asked) == 1 and "but 'glass'. A new one begins." in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "0", "7", "3-1", "1,,2", "two", "1-9", "-1"])
def test_objects_that_are_no_list_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="list"):
        parse_objects(text)


def test_objects_are_listed_or_ranged() -> None:
    assert parse_objects("1-5") == (1, 2, 3, 4, 5)
    assert parse_objects("1, 4-5") == (1, 4, 5)


def test_each_estimator_is_first_second_and_last_equally_often() -> None:
    campaign = Campaign(name="c", estimators=("a", "b", "c"), surfaces=("diffuse", "reflective"), scenes=6)
    plan = list(campaign.plan())
    places = Counter((scene.estimator, place % 3) for place, scene in enumerate(plan))
    assert set(places.values()) == {4}
    assert len({scene.seed for scene in plan}) == 12
    for scenes in zip(plan[::3], plan[1::3], plan[2::3], strict=True):
        assert len({replace(scene, estimator="") for scene in scenes}) == 1


def test_letters_hide_every_estimator_until_the_end() -> None:
    campaign = Campaign(name="c", estimators=("raw", "vitro-s"), surfaces=("diffuse",), scenes=1, is_blind=True)
    assert {campaign.alias(name) for name in campaign.estimators} == {"A", "B"}
    assert replace(campaign, finished=campaign.begun).alias("raw") == "raw"
    orders = [replace(campaign, seed=seed).alias("raw") for seed in range(20)]
    assert set(orders) == {"A", "B"}


def test_a_scene_is_done_by_trials_that_say_something() -> None:
    one, several = PlannedScene("diffuse", 0, 8, 1, "raw"), PlannedScene("diffuse", 0, 8, 3, "raw")
    failed = LabelledTrial(record(outcome=Outcome.FAILURE, reason=Reason.EMPTY))
    crashed = LabelledTrial(record(outcome=Outcome.INTERRUPTED, reason=Reason.CRASH))
    invalid = replace(failed, label=Label(trial=1, value=LabelValue.INVALID))
    ended = LabelledTrial(replace(failed.trial, notes={"later": {"scene_ended": "empty"}}))
    assert [is_done(one, [x]) for x in (failed, crashed, invalid, ended)] == [True, False, False, True]
    assert [is_done(several, [x]) for x in (failed, crashed, invalid, ended)] == [False, False, False, True]
    assert is_done(one, [crashed, failed])
    lost = LabelledTrial(record(outcome=Outcome.INTERRUPTED, reason=Reason.TRACKING))  # it did not follow its plan
    assert is_done(one, [lost]) and is_done(several, [lost])


def test_a_real_scene_is_laid_by_the_picture_of_the_one_before(home: Path) -> None:
    scene = PlannedScene("diffuse", 1, 9, 1, "oracle (cheat)")
    asked: list[tuple[str, list[str]]] = []
    keys = iter("oy")

    class Asked(Operator):
        def ask(self, question: str, choices: dict[str, str], *rest: object, **more: object) -> str:
            asked.append((question, list(choices)))
            return next(keys)

    cell = QuickCell()
    try:
        with TrialStore(home / "trials.db") as store, Interrupts() as interrupts:
            campaign = store.add_campaign(_known())
            guide, operator = SceneGuide(campaign, scene, store), Asked(Console(is_quiet=True), interrupts)
            assert guide.reference() is None
            trial = store.begin(record(campaign=campaign.id, surface="diffuse", scene_number=1, estimator="raw"))
            picture = trial_folder(store.where, trial.id) / "color.png"
            picture.parent.mkdir(parents=True)
            write_image(picture, cell.camera.read().color)
            guide.lay(cell, operator)
    finally:
        cell.close()
    assert [keys for _, keys in asked] == [["y", "q", "o"]] * 2
    assert str(picture) in asked[0][0]
    assert read_image(picture.with_name("overlay.png")).shape == read_image(picture).shape


def test_an_overlay_tells_where_two_pictures_differ() -> None:
    then, now = np.full((4, 6, 3), 90, np.uint8), np.full((4, 6, 3), 90, np.uint8)
    now[0, 0] = 250
    picture, share = overlay(then, now)
    assert share == pytest.approx(1 / 24)
    assert picture[1, 1].tolist() == [90, 90, 90]
    assert picture[0, 0].tolist() == [90, 250, 250]
    assert overlay(then[:2, :3], now)[0].shape == now.shape
