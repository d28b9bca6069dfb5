"""The bench tells what it measured beside the floor, and one failure costs one cell."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.bench import dkt as bench_dkt
from app.bench.dkt import measure_dkt
from app.bench.options import BenchDktOptions, parse_lengths
from core.errors import ConfigurationError, PerceptionError, StorageError, VitroError
from perception.estimators.dkt.model import Dkt
from perception.estimators.dkt.warm_clip import WarmClip
from perception.learning.speed.models import FolderWeights
from perception.learning.speed.watch import Stopwatch
from perception.learning.speed.ways import PlainPipeline, Warm
from tests.support.tiny.dkt import tiny_dkt


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dkt().write(tmp_path_factory.mktemp("weights") / "dkt")


def options(folder: Path, **changes: Any) -> BenchDktOptions:
    asked = {"weights": folder, "frames": (1, 2), "resolution": (48, 32), "device": "cpu", "repeats": 1}
    return BenchDktOptions(**asked | changes)


@pytest.mark.slow
def test_a_bench_leaves_a_table_and_the_same_as_json(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "bench.md"
    assert measure_dkt(options(folder, out=out, as_json=True)) == 0
    printed, shown = capsys.readouterr()
    result = json.loads(printed)
    rows = [(row["frames"], row["way"]) for row in result["rows"]]
    assert sorted(rows) == [
        (1, "exact"),
        (1, "fast"),
        (1, "plain"),
        (1, "warm"),
        (2, "exact"),
        (2, "fast"),
        (2, "plain"),
    ]
    assert all(row["timing"]["whole_ms"] > 0 and not row["failed"] for row in result["rows"])
    differences = {row["way"]: row["difference"] for row in result["rows"] if row["frames"] == 1}
    assert differences["fast"] < 1e-4 and differences["warm"] < 1e-4 and differences["exact"] is None
    text = out.read_text()
    assert not list(tmp_path.glob("**/.*"))
    for told in ("diffusers, plain", "Vitro, fast", "Vitro, kept warm", "floor", "DKT paper 1.3B, L20", "167.48"):
        assert told in text and told in shown
    assert "48x32, 5 steps, float32" in text and "medians of 1 runs" in text
    assert [floor["frames"] for floor in result["floors"]] == [1, 2]


@pytest.mark.slow
def test_lack_of_memory_costs_one_cell(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(PlainPipeline):
        def run(self, frames: list[np.ndarray], watch: Stopwatch) -> np.ndarray:
            if len(frames) == 2:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().run(frames, watch)

    monkeypatch.setattr(bench_dkt, "PlainPipeline", Full)
    assert measure_dkt(options(folder, frames=(2,), as_json=True)) == 0
    printed, shown = capsys.readouterr()
    failed = [(row["frames"], row["way"], row["failed"]) for row in json.loads(printed)["rows"] if row["failed"]]
    assert failed == [(2, "plain", "no memory")]
    assert "no memory" in shown


def test_a_model_that_does_not_fit_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(FolderWeights, "build", full)
    with pytest.raises(PerceptionError, match="does not fit into the device's memory"):
        measure_dkt(options(folder))


@pytest.mark.slow
def test_a_capture_that_failed_is_told_in_the_table(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def uncaptured(self: Warm, model: Dkt, frames: list[np.ndarray]) -> None:
        self._clip = WarmClip(model, len(frames), *frames[0].shape[:2])
        self._clip._capture(None)  # there is no CUDA here: it fails as it would on a GPU

    monkeypatch.setattr(Warm, "__init__", uncaptured)
    measure_dkt(options(folder, frames=(1,)))
    assert "Vitro, kept warm (no CUDA graph)" in capsys.readouterr().out


@pytest.mark.slow
def test_nothing_that_fits_is_a_failed_bench(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 TB.")

    monkeypatch.setattr(bench_dkt, "measure", full)
    with pytest.raises(PerceptionError, match="No way to run DKT"):
        measure_dkt(options(folder))


@pytest.mark.parametrize(
    ("changes", "kind", "cause"),
    [
        ({"resolution": (50, 32)}, ConfigurationError, "multiples of 16"),
        ({"size": "14b"}, ConfigurationError, "--weights says which model runs"),
        ({"random_weights": True}, ConfigurationError, "--weights says which model runs"),
        ({"device": "cuda:7"}, ConfigurationError, "no device 'cuda:7'"),
        ({"out": Path("/proc/none/table.md")}, StorageError, "cannot be written"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_runs(
    folder: Path, changes: dict[str, Any], kind: type[VitroError], cause: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(kind, match=cause):
        measure_dkt(options(folder, **changes))
    assert "matmul" not in capsys.readouterr().out


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(PerceptionError, match="lacks its transformer"):
        measure_dkt(options(tmp_path))


def test_lengths_are_a_list_of_numbers() -> None:
    assert parse_lengths("1, 5,21,5") == (1, 5, 21)
    assert parse_lengths("") is None
    for wrong in ("0", "a", "1;5", "-1", "1.5"):
        with pytest.raises(ConfigurationError, match="no list of lengths"):
            parse_lengths(wrong)
