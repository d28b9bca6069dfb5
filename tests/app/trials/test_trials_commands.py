"""`trials list|show|label|undo` as people and programs call them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app as cli
from tests.support.trial_commands import call
from tests.support.trial_rows import begin, finish, row
from trials.campaign import Campaign
from trials.label import REASON_KEYS
from trials.record import Outcome, Reason
from trials.store import TrialStore


def shown(*arguments: object) -> str:
    done = CliRunner().invoke(cli, ["trials", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


def ended(store: TrialStore, outcome: Outcome = Outcome.SUCCESS, **values: Any) -> int:
    return finish(store, store.begin(row(**values)).id, outcome).id


def test_a_label_is_given_shown_and_taken_back(store: TrialStore) -> None:
    trial = ended(store)
    assert "unconfirmed" in shown("list")
    call("label", trial, "--failure", "--reason", "slip on lift", "--note", "slid", "--by", "ada")
    assert "failure (contact: slip on lift) by ada" in shown("list")
    call("label", trial, "--success", "--by", "bo")
    assert "No label by eve" in call("undo", "--by", "eve", code=1)
    assert call("undo", "--by", "bo")["value"] == "failure"
    of_one = call("show", trial)
    assert [(label["by"], label["undone"] is None) for label in of_one["labels"]] == [("ada", True), ("bo", False)]
    assert of_one["trial"]["label"]["note"] == "slid" and of_one["trial"]["value"] == "failure"
    text = shown("show", trial)
    assert all(part in text for part in ("slid", "ada", "bo", "antipodal", store.get(trial).uuid, "files: none"))


@pytest.mark.parametrize("outcome", [Outcome.INTERRUPTED, Outcome.REFUSED])
def test_a_success_of_a_trial_that_verified_nothing_is_doubted(store: TrialStore, outcome: Outcome) -> None:
    warned, sure = ended(store, outcome), ended(store)
    assert f"trial {warned} was {outcome}" in shown("label", warned, "--success")
    assert "was" not in shown("label", warned, "--failure", "--reason", "m")
    assert "was" not in shown("label", sure, "--success")


@pytest.mark.parametrize(("key", "reason"), REASON_KEYS.items())
def test_a_reason_is_given_by_its_key_or_its_name(store: TrialStore, key: str, reason: str) -> None:
    trial = ended(store)
    value = "--invalid" if reason.startswith("invalid") else "--failure"
    for text in (key, reason, str(reason).upper()):
        assert call("label", trial, value, "--reason", text)["label"]["reason"] == reason


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--success", "--failure"], "at once"),
        (["--failure", "--reason", "collision"], "names no one reason"),
        (["--failure", "--reason", "invalid: setup"], "names no one reason"),
        (["--success", "--reason", "m"], "no reason"),
        (["--failure"], "is failure is not said"),
        (["--reason", "m"], "says nothing"),
        ([], "Nobody can be asked"),
        (["--success", "--by", "simulator"], "--operator"),
    ],
)
def test_what_says_nothing_clear_labels_nothing(store: TrialStore, options: list[str], said: str) -> None:
    trial = ended(store)
    assert said in call("label", trial, *options, code=2)
    assert store.labels(trial) == ()


def test_a_trial_in_motion_an_unknown_one_and_one_without_labels_are_named(store: TrialStore) -> None:
    running = begin(store)
    assert "still running" in call("label", running, "--success", code=1)
    assert "still running" in call("label", running, code=1)
    assert "no trial 9" in call("label", 9, "--success", code=1) and "no trial 9" in call("show", 9, code=1)
    assert f"No label of trial {running}" in call("undo", running, code=1)


def test_a_list_is_of_what_was_asked_for(store: TrialStore) -> None:
    campaign = store.add_campaign(Campaign(name="glass", estimators=("raw",), surfaces=("diffuse",), scenes=1)).id
    one = ended(store, surface="diffuse", campaign=campaign)
    two = ended(store, Outcome.FAILURE, estimator="oracle")
    three = ended(store, Outcome.INTERRUPTED, reason=Reason.OPERATOR)
    running = begin(store)
    call("label", one, "--success")
    expected = {
        (): [one, two, three, running],
        ("--last", "2"): [three, running],
        ("--surface", "diffuse"): [one],
        ("--estimator", "oracle"): [two],
        ("--campaign", "glass"): [one],
        ("--outcome", "failure"): [two],
        ("--unconfirmed",): [two],
    }
    for arguments, ids in expected.items():
        assert [trial["id"] for trial in call("list", *arguments)["trials"]] == ids, arguments
    assert "'steel'" in call("list", "--campaign", "steel", code=1)


def test_a_blind_campaigns_estimators_are_letters_until_it_ends(store: TrialStore) -> None:
    names = ("vitro-s", "raw")
    campaign = store.add_campaign(
        Campaign(name="glass", estimators=names, surfaces=("diffuse",), scenes=1, is_blind=True)
    )
    notes = {"depth": {"estimator": "vitro-s", "said": ["vitro-s, unsure", "drawn"]}}
    hidden = ended(store, estimator="vitro-s", campaign=campaign.id, detail="vitro-s failed", notes=notes)
    open_one = ended(store, estimator="vitro-s")
    letter = campaign.alias("vitro-s")
    assert letter in "AB"
    (trial,) = call("list", "--campaign", "glass")["trials"]
    assert trial["estimator"] == letter and trial["detail"] == f"{letter} failed"
    assert trial["notes"] == {"depth": {"estimator": letter, "said": [f"{letter}, unsure", "drawn"]}}
    for arguments in (("show", hidden), ("list", "--campaign", "glass"), ("list", "--estimator", letter)):
        assert "vitro-s" not in shown(*arguments) and "vitro-s" not in json.dumps(call(*arguments))
    assert [trial["id"] for trial in call("list", "--estimator", "vitro-s")["trials"]] == [open_one]
    told = call("summary")
    assert [summary["estimator"] for summary in told["summary"]] == ["vitro-s"] and told["left_out"] == ["glass"]
    assert told["summary"][0]["success"]["of"] == 1 and store.campaign("glass").looks == ()
    store.finish_campaign(campaign.id)
    assert [trial["id"] for trial in call("list", "--estimator", "vitro-s")["trials"]] == [hidden, open_one]


def test_the_summary_counts_what_labels_say_and_is_a_look_at_open_campaigns(store: TrialStore) -> None:
    campaign = store.add_campaign(
        Campaign(name="glass", estimators=("raw", "vitro-s"), surfaces=("diffuse",), scenes=2)
    )
    for says in ("success", "failure", "invalid", None):
        trial = ended(store, campaign=campaign.id if says == "success" else 0)
        if says is not None:
            call(
                "label",
                trial,
                f"--{says}",
                *(() if says == "success" else ("--reason", "b" if says == "failure" else "s")),
            )
    (summary,) = call("summary")["summary"]
    assert summary["success"] == summary["first"] == {"hits": 1, "of": 3}
    assert summary["excluded"] == 1
    assert [look["trials"] for look in store.campaign("glass").looks] == [1]


def test_a_log_goes_to_another_home_by_export_and_by_merge(
    store: TrialStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = ended(store)
    call("label", trial, "--success", "--by", "ada")
    for kind in ("csv", "parquet", "jsonl", "zip"):
        assert call("export", tmp_path / f"all.{kind}")["trials"] == 1
    monkeypatch.setenv("VITRO_HOME", str(tmp_path / "second"))
    assert (call("import", tmp_path / "all.zip")["added"], call("import", tmp_path / "all.jsonl")["added"]) == (1, 0)
    monkeypatch.setenv("VITRO_TRIALS", str(tmp_path / "third" / "log.db"))
    assert (call("merge", store.where)["added"], call("merge", store.where)["known"]) == (1, 1)
    assert call("list")["trials"][0]["label"]["by"] == "ada"
    assert "no kind" in call("export", tmp_path / "all.xls", code=2)
    assert "for reading" in call("import", tmp_path / "all.csv", code=2)
    assert "no file" in call("import", tmp_path / "none.zip", code=2)
    assert "no log" in call("merge", tmp_path / "none.db", code=2) and not (tmp_path / "none.db").exists()


def test_tables_for_reading_are_blind_and_exports_are_not(store: TrialStore, tmp_path: Path) -> None:
    plan = Campaign(name="glass", estimators=("vitro-s", "raw"), surfaces=("diffuse",), scenes=1, is_blind=True)
    ended(store, estimator="vitro-s", campaign=store.add_campaign(plan).id)
    for kind, is_named in (("csv", False), ("jsonl", True)):
        call("export", tmp_path / f"all.{kind}", "--campaign", "glass")
        assert ("vitro-s" in (tmp_path / f"all.{kind}").read_text()) is is_named


def test_a_campaign_is_summarised_alone(store: TrialStore) -> None:
    campaign = store.add_campaign(
        Campaign(name="glass", estimators=("raw",), surfaces=("reflective",), scenes=1, settings={})
    )
    ended(store, estimator="raw", campaign=campaign.id)
    ended(store, estimator="raw")
    assert [one["success"]["of"] for one in call("summary")["summary"]] == [2]
    assert [one["success"]["of"] for one in call("summary", "--campaign", "glass")["summary"]] == [1]
    assert "no campaign" in call("summary", "--campaign", "class", code=1)


def test_calling_a_trial_invalid_once_results_could_be_seen_is_warned_of(store: TrialStore) -> None:
    campaign = store.add_campaign(
        Campaign(name="glass", estimators=("raw",), surfaces=("reflective",), scenes=1, settings={})
    )
    trial = ended(store, campaign=campaign.id)
    assert "exploratory" not in shown("label", trial, "--invalid", "--reason", "setup")
    store.finish_campaign(campaign.id)
    assert "exploratory" in shown("label", trial, "--invalid", "--reason", "setup")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("mistyped.db", "which VITRO_TRIALS names"),
        ("mysql://ada:secret@localhost/lab", "PostgreSQL"),
        ("oracle8://localhost/lab", "PostgreSQL"),
    ],
)
def test_a_log_that_cannot_be_meant_is_named_and_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, said: str
) -> None:
    monkeypatch.setenv("VITRO_TRIALS", place if "://" in place else str(tmp_path / place))
    answer = call("list", code=1)
    assert said in answer and "secret" not in answer
    assert not list(tmp_path.iterdir())


def test_an_emptied_log_beside_its_trials_folders_is_not_begun_anew(store: TrialStore, tmp_path: Path) -> None:
    store.close()
    for rest in tmp_path.glob("trials.db*"):
        rest.unlink()
    (tmp_path / "trials.db").touch()
    (tmp_path / "trials" / "00001").mkdir(parents=True)
    assert "backup" in call("list", code=1)
    (tmp_path / "trials").rename(tmp_path / "trials.aside")
    assert call("list")["trials"] == []


def test_what_is_left_of_a_damaged_log_is_shown_exported_and_gone_on_with(store: TrialStore, tmp_path: Path) -> None:
    for _ in range(40):
        ended(store, notes={"text": "x" * 3000})
    store.close()
    path = tmp_path / "trials.db"
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(data)
    done = CliRunner().invoke(cli, ["trials", "list", "--json"])
    left = len(json.loads(done.stdout)["trials"])
    assert 30 < left < 40 and "is damaged" in done.stderr and "trials import" in done.stderr
    assert sum(summary["success"]["of"] for summary in call("summary")["summary"]) == left
    assert call("export", tmp_path / "saved.zip")["trials"] == left
    assert path.read_bytes() == data
    assert "is damaged" in call("label", 1, "--success", code=1)
    path.rename(tmp_path / "trials.db.damaged")
    assert call("import", tmp_path / "saved.zip")["added"] == left == len(call("list")["trials"])


@pytest.mark.usefixtures("store")
def test_where_nothing_is_listed_it_says_so_and_how_to_get_some() -> None:
    assert "No trial yet" in shown("list") and "main.py --surface" in shown("list")
    narrowed = shown("list", "--surface", "diffuse")
    assert "No such trial" in narrowed and "(all: python main.py trials list)" in narrowed


def test_a_summary_of_nothing_says_so_and_how_to_get_some(store: TrialStore) -> None:
    assert "No trial yet" in shown("summary") and "main.py --surface" in shown("summary")
    assert call("summary")["summary"] == []
    store.add_campaign(Campaign(name="glass", estimators=("raw",), surfaces=("diffuse",), scenes=2))
    assert "No trial of glass yet" in shown("summary", "--campaign", "glass")
    ended(store)
    assert "No trial" not in shown("summary")


@pytest.mark.parametrize("word", ["abc", "1.5"])
def test_what_is_no_trials_number_is_wrong_usage_in_plain_words(word: str) -> None:
    said = " ".join(call("show", word, code=2).replace("│", " ").split())
    assert f"a whole number is needed, not '{word}'" in said and "Input" not in said
