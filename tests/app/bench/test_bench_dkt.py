"""The bench measures what it says, beside a floor that is counted right, and one failure costs one cell."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import WanTransformer3DModel
from torch.utils.flop_counter import FlopCounterMode

from app.bench import dkt as bench_dkt
from app.bench.dkt import measure_dkt
from app.bench.options import BenchDktOptions, parse_lengths
from core.errors import ConfigurationError, PerceptionError, StorageError, VitroError
from perception.estimators.dkt.load import random_transformer, random_vae
from perception.estimators.dkt.model import Dkt, DktSettings, assemble
from perception.estimators.dkt.sampler import STRIDE, WINDOW, WindowedStep
from perception.estimators.dkt.sizes import TransformerSize, VaeSize
from perception.estimators.dkt.warm_clip import WarmClip
from perception.estimators.specification import Observation
from perception.learning.speed.flops import clip_flops, decode_flops, encode_flops, step_flops, window_lengths
from perception.learning.speed.models import SIZES, FolderWeights, RandomWeights
from perception.learning.speed.plain import PlainPipeline
from perception.learning.speed.watch import PeakMemory, Stopwatch, matmul_rate
from perception.learning.speed.ways import Streamed, Warm, difference, drifting_clip, measure
from tests.support.tiny.dkt import TRANSFORMER, VAE, moving_clip, tiny_dkt, without_image_branch

CPU, META = torch.device("cpu"), torch.device("meta")
SETTINGS = DktSettings(size=(48, 32), window=4, stride=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dkt().write(tmp_path_factory.mktemp("weights") / "dkt")


def options(folder: Path, **changes: Any) -> BenchDktOptions:
    asked = {"weights": folder, "frames": (1, 2), "resolution": (48, 32), "device": "cpu", "repeats": 1}
    return BenchDktOptions(**asked | changes)


def counted(work: Callable[[], Any]) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


@pytest.mark.parametrize(
    ("frames", "encode", "step", "decode"),
    [(1, 2.7, 4.8, 4.4), (5, 10.8, 10.3, 17.9), (21, 43, 41, 72), (81, 164, 285, 275)],
)
def test_the_released_model_costs_what_was_counted_before(
    frames: int, encode: float, step: float, decode: float
) -> None:
    flops = clip_flops(*SIZES["1.3b"], frames, (832, 480), (WINDOW, STRIDE))
    assert [flops.encode / 1e12, flops.step / 1e12, flops.decode / 1e12] == pytest.approx(
        [encode, step, decode], rel=0.012
    )
    assert flops.total(5) == flops.encode + 5 * flops.step + flops.decode


@pytest.mark.parametrize("size", [*SIZES.values(), (TRANSFORMER, VAE), (without_image_branch(), VAE)])
def test_operations_are_those_that_pytorch_counts(size: tuple[TransformerSize, VaeSize]) -> None:
    transformer_size, vae_size = size
    vae, (width, height), latents = random_vae(vae_size, torch.float32, device=META), (64, 48), 3
    clip = torch.empty(1, 3, 4 * latents - 3, height, width, device=META)
    cells = torch.empty(1, vae_size.z_dim, latents, height // 8, width // 8, device=META)
    assert counted(lambda: vae.encode(clip)) == encode_flops(vae_size, latents, (width, height))
    assert counted(lambda: vae.decode(cells)) == decode_flops(vae_size, latents, (width, height))
    transformer = random_transformer(transformer_size, torch.float32, device=META)
    tokens = latents * (height // 16) * (width // 16)
    assert counted(lambda: one_pass(transformer, transformer_size, cells)) == step_flops(transformer_size, tokens)


def one_pass(transformer: WanTransformer3DModel, size: TransformerSize, cells: torch.Tensor) -> None:
    image = None if size.image_dim is None else torch.empty(1, 257, size.image_dim, device=META)
    transformer(
        torch.empty(1, size.in_channels, *cells.shape[2:], device=META),
        torch.empty(1, device=META),
        torch.empty(1, 512, size.text_dim, device=META),
        image,
    )


@pytest.mark.parametrize("latents", [1, 3, 4, 5, 7, 8, 21, 40])
@pytest.mark.parametrize(("window", "stride"), [(4, 3), (21, 18), (4, 4), (1, 1)])
def test_the_floor_counts_the_windows_that_run(latents: int, window: int, stride: int) -> None:
    ran: list[int] = []

    def velocity(latents: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
        ran.append(latents.shape[2])
        return latents

    step = WindowedStep(velocity, 1.0, window, stride)
    for _ in range(latents):
        step.push(torch.zeros(1, 1, 1, 1, 1), torch.zeros(1, 1, 1, 1, 1))
    step.finish()
    assert list(window_lengths(latents, window, stride)) == ran


@pytest.mark.parametrize("count", [1, 6, 31])
def test_the_plain_pipeline_computes_the_same_as_ours(folder: Path, count: int) -> None:
    frames = moving_clip(count)
    plain = PlainPipeline(FolderWeights(folder).build(SETTINGS), SETTINGS).run(frames, Stopwatch(CPU))
    built = FolderWeights(folder).build(SETTINGS)
    stream = assemble(built.transformer, built.vae, built.prompt, SETTINGS, "").open(count, 32, 48, "depth")
    ours = [a_map for frame in frames for a_map in stream.push(Observation(frame))] + stream.finish()
    assert np.allclose(plain, np.stack(ours), atol=1e-5)


def test_random_weights_are_the_same_every_time() -> None:
    first, second = (RandomWeights("small").build(DktSettings()) for _ in range(2))
    for ours, theirs in ((first.transformer, second.transformer), (first.vae, second.vae)):
        tensors = zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in tensors)
    assert torch.equal(first.prompt, second.prompt)


def test_stages_are_told_apart_and_fit_into_the_whole(folder: Path) -> None:
    built = FolderWeights(folder).build(SETTINGS)
    way = Streamed(assemble(built.transformer, built.vae, built.prompt, SETTINGS, ""))
    timing, maps = measure(lambda: way, drifting_clip(9, (48, 32)), 2, CPU)
    assert set(timing.stages_ms) == {"encode", "denoise", "decode"}
    assert 0 < sum(timing.stages_ms.values()) <= timing.whole_ms
    assert maps.shape == (9, 32, 48) and timing.repeats == 2
    assert not built.vae.encoder._forward_hooks, "the model is left as it was"


def test_the_difference_is_relative_and_of_the_newest_maps() -> None:
    reference = np.stack([np.full((4, 4), 0.2, np.float32), np.full((4, 4), 0.5, np.float32)])
    assert difference(reference, reference) == 0
    assert difference(reference[1:] * 1.01, reference) == pytest.approx(0.01, rel=1e-4)


@pytest.mark.skipif(PeakMemory(CPU).bytes() is None, reason="this system does not tell a process's memory")
def test_the_peak_of_a_process_is_seen_and_forgotten() -> None:
    memory = PeakMemory(CPU)
    memory.reset()
    before = memory.bytes()
    held = torch.ones(100_000_000)
    assert before is not None
    assert (memory.bytes() or 0) - before > 350e6
    del held
    memory.reset()
    assert (memory.bytes() or 0) - before < 100e6


def test_a_matrix_product_has_a_rate() -> None:
    assert 1e8 < matmul_rate(CPU, torch.float32, repeats=2) < 1e15


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


def test_lack_of_memory_costs_one_cell(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(PlainPipeline):
        def run(self, frames: list[np.ndarray], watch: Stopwatch) -> np.ndarray:
            if len(frames) == 2:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().run(frames, watch)

    monkeypatch.setattr(bench_dkt, "PlainPipeline", Full)
    assert measure_dkt(options(folder, as_json=True)) == 0
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


def test_a_capture_that_failed_is_told_in_the_table(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def uncaptured(self: Warm, model: Dkt, frames: list[np.ndarray]) -> None:
        self._clip = WarmClip(model, len(frames), *frames[0].shape[:2])
        self._clip._capture(None)  # there is no CUDA here: it fails as it would on a GPU

    monkeypatch.setattr(Warm, "__init__", uncaptured)
    measure_dkt(options(folder, frames=(1,)))
    assert "Vitro, kept warm (no CUDA graph)" in capsys.readouterr().out


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
