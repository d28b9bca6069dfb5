"""Training the objects' network: it learns, goes on, and leaves weights that the finder loads."""

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import PerceptionError, TrainingError
from perception.learning.objects.settings import WARM_UP, ObjectsSettings
from perception.learning.objects.training import ObjectsTraining
from perception.learning.objects.validation import iou, outline_f
from perception.learning.objects.view_source import ViewSource
from perception.learning.training.averaged import LOG, STATE
from perception.objects.model import WEIGHTS, load_finder, read_network
from perception.objects.network import ObjectsNet
from tests.support.scenes.views import drawn_view, write_drawn_views


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drawn_views(tmp_path_factory.mktemp("views"))


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Views that are stored are read by a thread; `train objects` in its own test reads them in a process."""
    pool = "perception.learning.objects.view_source.ProcessPoolExecutor"
    monkeypatch.setattr(pool, lambda workers, *started: ThreadPoolExecutor(workers))


def settings(folder: Path, **changes: object) -> ObjectsSettings:
    values = {"steps": 4, "batch": 2, "scenes": 20, "views": folder, "device": "cpu"}
    return ObjectsSettings(**(values | changes))  # type: ignore[arg-type]


def begun(out: Path, settings: ObjectsSettings) -> ObjectsTraining:
    run = ObjectsTraining(out, settings)
    run.source.fill(lambda done, of: None)
    return run


def trained(out: Path, settings: ObjectsSettings, steps: int) -> ObjectsTraining:
    run = begun(out, settings)
    for _ in range(steps):
        assert np.isfinite(run.step().loss)
    run.save()
    run.close()
    return run


@pytest.mark.slow
def test_a_run_leaves_a_log_scores_and_weights_that_the_finder_loads(tmp_path: Path, folder: Path) -> None:
    run = trained(tmp_path, settings(folder), 2)
    scores = run.finish(lambda done, of: None)
    assert scores.views == 1 and "held-out" in scores.describe(run.steps_done)
    assert len(list(csv.DictReader((tmp_path / LOG).open()))) == 2
    view = drawn_view()
    found = load_finder(tmp_path / WEIGHTS.name).predict(view.color, view.intrinsics, view.table)
    assert found.objects.ids.shape == view.ids.shape
    for mine, its in zip(
        read_network(tmp_path / WEIGHTS.name).state_dict().values(), run.slow.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, its.half().float())


@pytest.mark.slow
def test_it_begins_from_the_bundled_weights_or_those_named(tmp_path: Path, folder: Path) -> None:
    bundled = ObjectsTraining(tmp_path / "one", settings(folder))
    bundled.close()
    assert torch.equal(bundled.net.head.weight, read_network(WEIGHTS).head.weight)
    trained(tmp_path / "two", settings(folder), 1).finish(lambda done, of: None)
    file = tmp_path / "two" / WEIGHTS.name
    named = ObjectsTraining(tmp_path / "three", settings(folder, init=file))
    named.close()
    assert torch.equal(named.net.head.weight, read_network(file).head.weight)
    with pytest.raises(PerceptionError, match="no weights at"):
        ObjectsTraining(tmp_path / "four", settings(folder, init=tmp_path / "none"))


@pytest.mark.slow
def test_a_run_goes_on_from_its_checkpoint(tmp_path: Path, folder: Path) -> None:
    first = trained(tmp_path, settings(folder), 2)
    second = begun(tmp_path, settings(folder))
    assert second.steps_done == 2 and second.share >= 0.5
    for before, after in zip(first.net.parameters(), second.net.parameters(), strict=True):
        assert torch.equal(before, after)
    for _ in range(2):
        second.step()
    second.close()
    assert second.is_over
    assert [row["step"] for row in csv.DictReader((tmp_path / LOG).open())] == ["1", "2", "3", "4"]


@pytest.mark.slow
def test_a_checkpoint_that_is_damaged_or_of_another_model_is_refused(tmp_path: Path, folder: Path) -> None:
    trained(tmp_path, settings(folder), 1)
    state = tmp_path / STATE
    whole = state.read_bytes()
    state.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TrainingError, match="damaged"):
        ObjectsTraining(tmp_path, settings(folder))
    torch.save({"format": "something else"}, state)
    with pytest.raises(TrainingError, match="another model"):
        ObjectsTraining(tmp_path, settings(folder))


@pytest.mark.slow
def test_training_learns(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From nothing, which two boxes on a table are enough for."""
    monkeypatch.setattr("perception.learning.objects.training.WEIGHTS", tmp_path / "none")
    run = begun(tmp_path / "run", settings(folder, steps=400, batch=2, rate=8.0))
    losses = [run.step().loss for _ in range(14)]
    run.close()
    assert isinstance(run.net, ObjectsNet) and np.mean(losses[-4:]) < 0.8 * np.mean(losses[:4])


def test_a_run_of_minutes_ends_when_they_are_over_and_its_rate_falls_with_them() -> None:
    plan = ObjectsSettings(minutes=2.0)
    assert plan.factor(0.0, 0) < 0.1
    assert plan.factor(0.2, WARM_UP) == plan.factor(0.5, WARM_UP) == 1.0
    assert plan.factor(0.75, WARM_UP) == pytest.approx(0.5)
    assert plan.factor(1.0, WARM_UP) == plan.factor(1.2, WARM_UP) == 0.0


@pytest.mark.slow
def test_minutes_that_are_over_end_a_run_however_many_steps_are_left(tmp_path: Path, folder: Path) -> None:
    run = begun(tmp_path, settings(folder, steps=1000, minutes=1e-4))
    run.step()
    run.close()
    assert run.is_over


def test_a_stored_scene_that_is_damaged_is_named(tmp_path: Path) -> None:
    stored = write_drawn_views(tmp_path / "views", scenes=3)
    (stored / "0-00001.npz").write_bytes(b"half a")
    source = ViewSource(0, 1, stored, most=3)
    with pytest.raises(TrainingError, match=r"0-00001\.npz is damaged"):
        source.fill(lambda done, of: None)
    source.close()


def test_one_scene_in_twenty_is_held_out_and_never_drawn(folder: Path) -> None:
    source = ViewSource(0, 1, folder, most=20)
    source.fill(lambda done, of: None)
    source.close()
    assert source.scenes == 20 and len(source.held_out) == 1
    drawn = {id(source.draw(np.random.default_rng(seed))) for seed in range(200)}
    assert len(drawn) == 19 and id(source.held_out[0]) not in drawn


def test_masks_and_outlines_are_scored() -> None:
    mask = np.zeros((40, 60), bool)
    mask[10:30, 10:40] = True
    empty = np.zeros_like(mask)
    assert iou(mask, mask) == outline_f(mask, mask) == iou(empty, empty) == outline_f(empty, empty) == 1.0
    assert iou(mask, empty) == outline_f(mask, empty) == 0.0
    near, far = np.roll(mask, 2, 1), np.roll(mask, 8, 1)
    assert outline_f(near, mask) == 1.0 > outline_f(far, mask)
    assert iou(near, mask) == pytest.approx(28 / 32)
