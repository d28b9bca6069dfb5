"""Logs that are handed on: nothing is lost, nothing is taken twice, and what is damaged is taken not at all."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import TrialError
from tests.support.trial_rows import begin, finish, row
from trials.campaign import Campaign, is_name
from trials.exchange.content import read_content
from trials.exchange.intake import Intake, take_in
from trials.exchange.lines import reading_lines, write_lines, write_zip
from trials.label import FailureReason, Label, LabelValue
from trials.record import MetricFit, Outcome
from trials.store import TrialStore

PLAN = Campaign(name="glass", estimators=("raw", "oracle"), surfaces=("diffuse",), scenes=3, is_blind=True)


@pytest.fixture
def store(log: str) -> TrialStore:
    return TrialStore(log)


@pytest.fixture
def other(tmp_path: Path) -> TrialStore:
    """A log with a campaign, trials of every kind, and labels with a history."""
    store = TrialStore(tmp_path / "other.db")
    campaign = store.add_campaign(PLAN)
    store.note_look(campaign.id, 1)
    trials = [
        finish(
            store, store.begin(row(campaign=campaign.id, estimator=name, scene_number=number, notes={"ö": [1]})).id
        ).id
        for number in range(2)
        for name in PLAN.estimators
    ]
    trials.append(finish(store, begin(store, "translucent"), Outcome.FAILURE).id)
    full = replace(store.get(begin(store)), metric=MetricFit(2.0, None, 0.5), stages_s={"scale": 0.5}, width_m=0.05)
    store.update(replace(full, outcome=Outcome.SUCCESS, detail='"quoted", and\nin two lines'))
    for trial in trials:
        store.label(Label(trial=trial, value=LabelValue.SUCCESS, by="ada"))
    store.undo(trials[0])
    store.label(Label(trial=trials[1], value=LabelValue.FAILURE, reason=FailureReason.BROKE, note="in two", by="bo"))
    begin(store)  # runs still: it is not handed on
    return store


def content(store: TrialStore) -> dict[str, Any]:
    """Everything but the numbers that each log gives for itself."""
    names = {campaign.id: campaign.name for campaign in store.campaigns()}
    campaigns = {campaign.uuid: replace(campaign, id=0) for campaign in store.campaigns()}
    trials = {
        record.uuid: (
            replace(record, id=0, campaign=0),
            names.get(record.campaign),
            [replace(label, id=0, trial=0) for label in store.labels(record.id)],
        )
        for record in store.list()
        if record.outcome is not None
    }
    return campaigns | trials


def exported(store: TrialStore, path: Path, write: Callable[..., int] = write_lines) -> Path:
    with path.open("w" if write is write_lines else "wb") as file:
        write(read_content(store), file)
    return path


def imported(store: TrialStore, path: Path) -> Intake:
    with reading_lines(path) as given:
        return take_in(store, given)


def test_what_is_exported_is_imported_without_loss_and_once(
    store: TrialStore, other: TrialStore, tmp_path: Path
) -> None:
    for name, write in (("a.jsonl", write_lines), ("a.zip", write_zip)):
        intake = imported(store, exported(other, tmp_path / name, write))
        assert content(store) == content(other)
        assert (intake.added, intake.known) == ((6, 0) if name == "a.jsonl" else (0, 6))
    assert (intake.labels, intake.campaigns, intake.renamed) == (0, 0, {})
    assert imported(other, tmp_path / "a.zip").known == 6
    assert content(store) == content(other)


def test_a_log_that_is_merged_into_another_keeps_both(store: TrialStore, other: TrialStore) -> None:
    own = finish(store, begin(store)).id
    kept = content(store)
    assert take_in(store, read_content(other)).added == 6
    assert content(store) == content(other) | kept
    assert store.get(own).id == own
    glass = store.campaign("glass")
    assert {each.trial.scene_number for each in store.labelled(campaign=glass.id)} == {0, 1}


def test_what_happened_since_is_taken_in_and_what_was_undone_is_undone(store: TrialStore, other: TrialStore) -> None:
    take_in(store, read_content(other))
    (first, *_, last) = [each.trial for each in other.labelled(campaign=1)]
    other.undo(last.id)
    other.label(Label(trial=first.id, value=LabelValue.INVALID, reason=FailureReason.SETUP, by="bo"))
    other.finish_campaign(1)
    other.mark_exploratory(1)
    intake = take_in(store, read_content(other))
    assert (intake.added, intake.labels) == (0, 1)
    assert content(store) == content(other)


def test_labels_of_one_trial_given_apart_are_all_kept_and_the_newest_counts(
    store: TrialStore, other: TrialStore
) -> None:
    take_in(store, read_content(other))
    uuid = other.labelled(surface="translucent")[0].trial.uuid
    (here,) = [record.id for record in store.list() if record.uuid == uuid]
    (there,) = [record.id for record in other.list() if record.uuid == uuid]
    store.label(Label(trial=here, value=LabelValue.FAILURE, by="cy"))
    other.label(Label(trial=there, value=LabelValue.INVALID, by="bo"))
    take_in(store, read_content(other))
    take_in(other, read_content(store))
    assert content(store) == content(other)
    assert [label.by for label in store.labels(here)] == ["ada", "cy", "bo"]
    assert store.labelled(surface="translucent")[0].value is LabelValue.INVALID


def test_another_campaign_of_the_same_name_is_renamed_and_its_trials_follow(
    store: TrialStore, other: TrialStore
) -> None:
    own = store.add_campaign(replace(PLAN, question="another one"))
    intake = take_in(store, read_content(other))
    assert intake.renamed == {"glass": "glass-2"}
    assert store.campaign("glass") == own and store.labelled(campaign=own.id) == ()
    assert len(store.labelled(campaign=store.campaign("glass-2").id)) == 4
    assert take_in(store, read_content(other)).renamed == {}
    assert len(store.campaigns()) == 2


def test_a_renamed_campaign_may_be_called_so_however_long_its_name_was(store: TrialStore, tmp_path: Path) -> None:
    store.add_campaign(replace(PLAN, name="g" * 64))
    for number in range(2, 12):
        with TrialStore(tmp_path / f"{number}.db") as lab:
            lab.add_campaign(replace(PLAN, name="g" * 64))
            take_in(store, read_content(lab))
    names = {campaign.name for campaign in store.campaigns()}
    assert len(names) == 11 and all(map(is_name, names))


@pytest.mark.parametrize("name", ["../glass", "/etc/passwd", "a b", "", "g" * 65])
def test_a_campaign_that_is_named_after_a_path_is_not_imported(store: TrialStore, tmp_path: Path, name: str) -> None:
    with TrialStore(tmp_path / "edited.db") as lab:
        lab.add_campaign(replace(PLAN, name=name))
        refused(store, exported(lab, tmp_path / "a.jsonl"), "line 2 .* is no name for a campaign")


def refused(store: TrialStore, path: Path, match: str) -> None:
    with pytest.raises(TrialError, match=match) as caught:
        imported(store, path)
    assert str(path) in caught.value.cause and caught.value.remedy
    assert store.count() == 0 and store.campaigns() == ()


def test_an_export_that_was_cut_short_anywhere_is_not_imported_at_all(
    store: TrialStore, other: TrialStore, tmp_path: Path
) -> None:
    for name, write in (("a.jsonl", write_lines), ("a.zip", write_zip)):
        whole = exported(other, tmp_path / name, write).read_bytes()
        for keep in (0, 1, 40, len(whole) // 3, len(whole) // 2, len(whole) - 30, len(whole) - 2):
            path = tmp_path / f"{keep}-{name}"
            path.write_bytes(whole[:keep])
            refused(store, path, "not a zip file" if write is write_zip and keep > 1 else "cannot be imported")
    lines = exported(other, tmp_path / "a.jsonl").read_text().splitlines(keepends=True)
    for drop in range(len(lines)):
        path = tmp_path / f"without-{drop}.jsonl"
        path.write_text("".join(lines[:drop] + lines[drop + 1 :]))
        with pytest.raises(TrialError):
            imported(store, path)
        assert store.count() == 0 and store.campaigns() == ()


@pytest.mark.parametrize(
    "text",
    ["", "surface,outcome\ndiffuse,success\n", "[1, 2]\n", "{}\n", '{"vitro_trials": 3}\n', "\0" * 99, "[" * 9999],
)
def test_what_is_no_export_is_not_imported(log: str, tmp_path: Path, text: str) -> None:
    path = tmp_path / "foreign.jsonl"
    path.write_text(text)
    refused(TrialStore(log), path, "cannot be imported")


@pytest.mark.parametrize(
    ("edited", "into"),
    [
        ('"outcome": "failure"', '"outcome": "splendid"'),
        ('"seed": 7', '"seed": 99999999999999999999'),
        ('"seed": 7', '"seed": NaN'),
        ('"seed": 7', '"seed": "seven"'),
        ('"surface": "translucent"', '"surface": null'),
        ('"outcome": "failure"', '"outcome": null'),
        ('"by": "bo"', '"by": 4'),
        ('"estimators": ["raw", "oracle"]', '"estimators": []'),
        ('"campaign": 1', '"campaign": 44'),
        ('"uuid": "', '"uuid": "../'),
    ],
)
def test_an_edited_export_is_not_imported(log: str, other: TrialStore, tmp_path: Path, edited: str, into: str) -> None:
    text = exported(other, tmp_path / "a.jsonl").read_text()
    assert edited in text
    path = tmp_path / "edited.jsonl"
    path.write_text(text.replace(edited, into))
    store = TrialStore(log)
    with pytest.raises(TrialError):
        imported(store, path)
    assert store.count() == 0 and store.campaigns() == ()


def test_an_export_of_a_newer_vitro_is_refused(log: str, other: TrialStore, tmp_path: Path) -> None:
    path = exported(other, tmp_path / "a.jsonl")
    head, rest = path.read_text().split("\n", 1)
    path.write_text(json.dumps({"vitro_trials": json.loads(head)["vitro_trials"] | {"version": 99}}) + "\n" + rest)
    refused(TrialStore(log), path, "version 99")


def test_a_zip_that_says_it_is_encrypted_is_refused(log: str, tmp_path: Path) -> None:
    with TrialStore(log) as store, (tmp_path / "a.zip").open("wb") as file:
        write_zip(read_content(store), file)
    packed = bytearray((tmp_path / "a.zip").read_bytes())
    packed[packed.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(packed)
    with TrialStore(log) as store:
        refused(store, tmp_path / "a.zip", "encrypted")


def test_a_zip_of_something_else_is_refused(log: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(TrialStore(log), path, "cannot be imported")
