"""A log as a flat table: every column, and what rates are made of."""

import csv
import io
import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
from pyarrow import parquet

from tests.support.trial_rows import begin, finish, row
from trials.campaign import Campaign
from trials.exchange.flat import FlatTable
from trials.label import FailureReason, Label, LabelValue
from trials.record import MetricFit, Outcome, TrialRecord
from trials.store import TrialStore


@pytest.fixture
def store(tmp_path: Path) -> TrialStore:
    store = TrialStore(tmp_path / "trials.db")
    plan = Campaign(name="glass", estimators=("raw",), surfaces=("reflective",), scenes=1)
    trial = store.begin(row(campaign=store.add_campaign(plan).id, notes={"grasps": 3}))
    known = replace(trial, metric=MetricFit(2.0, None, 0.5), stages_s={"scale": 0.5}, detail='a "b",\nc')
    finish(store, store.update(known).id)
    store.label(Label(trial=trial.id, value=LabelValue.FAILURE, reason=FailureReason.BROKE, note="in two", by="ada"))
    other = finish(store, begin(store), Outcome.FAILURE)
    store.label(Label(trial=other.id, value=LabelValue.SUCCESS, by="ada"))
    finish(store, begin(store))
    begin(store)
    return store


def table(store: TrialStore) -> FlatTable:
    return FlatTable(store.each_labelled, {campaign.id: campaign.name for campaign in store.campaigns()})


def test_csv_holds_every_column_and_what_each_trial_counts_as(store: TrialStore) -> None:
    file = io.StringIO(newline="")
    assert table(store).write_csv(file) == 4
    rows = list(csv.DictReader(io.StringIO(file.getvalue(), newline="")))
    own = {field.name for field in fields(TrialRecord)} - {"id", "metric", "stages_s"}
    assert own | {"trial", "metric_scale", "scale_s", "label_reason", "campaign_name"} <= rows[0].keys()
    first = rows[0]
    assert (first["detail"], first["metric_scale"], first["metric_shift"]) == ('a "b",\nc', "2.0", "")
    assert (first["label"], first["label_reason"], first["note"]) == ("failure", "contact: broke", "in two")
    assert (first["campaign_name"], first["scale_s"], json.loads(first["notes"])) == ("glass", "0.5", {"grasps": 3})
    by_log = [str(known.value) for known in store.labelled()]
    assert [each["value"] for each in rows] == by_log == ["failure", "success", "failure", "invalid"]
    assert [each["is_confirmed"] for each in rows] == ["True", "True", "False", "False"]


def test_parquet_holds_the_same_with_types(store: TrialStore, tmp_path: Path) -> None:
    text = io.StringIO(newline="")
    table(store).write_csv(text)
    with (tmp_path / "a.parquet").open("wb") as file:
        assert table(store).write_parquet(file) == 4
    read = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert list(read[0]) == next(csv.reader(io.StringIO(text.getvalue(), newline="")))
    for known, each in zip(store.labelled(), read, strict=True):
        assert each["begun"] == known.trial.begun and each["verified"] == known.trial.verified
        assert (each["trial"], each["value"], each["seed"]) == (known.trial.id, known.value, known.trial.seed)


def test_an_empty_log_is_an_empty_table(tmp_path: Path) -> None:
    store = TrialStore(tmp_path / "empty.db")
    file = io.StringIO(newline="")
    assert table(store).write_csv(file) == 0 and file.getvalue().startswith("trial,")
    with (tmp_path / "a.parquet").open("wb") as target:
        assert table(store).write_parquet(target) == 0
    assert parquet.read_table(tmp_path / "a.parquet").num_rows == 0
