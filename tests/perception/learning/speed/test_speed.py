"""What the bench of DKT measures, and the floor that it is counted against."""

from pathlib import Path

import numpy as np
import pytest
import torch

from perception.estimators.dkt.model import DktSettings, assemble
from perception.estimators.dkt.sampler import STRIDE, WINDOW, WindowedStep
from perception.estimators.dkt.sizes import TransformerSize, VaeSize
from perception.estimators.specification import Observation
from perception.learning.speed.flops import ClipFlops, clip_flops, window_lengths
from perception.learning.speed.models import SIZES, FolderWeights, RandomWeights
from perception.learning.speed.watch import PeakMemory, Stopwatch, matmul_rate
from perception.learning.speed.ways import PlainPipeline, Streamed, difference, drifting_clip, measure
from tests.support.tiny.dkt import TRANSFORMER, VAE, moving_clip, tiny_dkt, without_image_branch

CPU = torch.device("cpu")
SETTINGS = DktSettings(size=(48, 32), window=4, stride=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dkt().write(tmp_path_factory.mktemp("weights") / "dkt")


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "encode", "step", "decode"),
    [
        (SIZES["small"], 9063972864, 4535779328, 15127289856),
        (SIZES["1.3b"], 143410692096, 323861364736, 240570408960),
        (SIZES["14b"], 143410692096, 4162824437760, 240570408960),
        ((TRANSFORMER, VAE), 144605184, 937646080, 311156736),
        ((without_image_branch(), VAE), 144605184, 40243200, 311156736),
    ],
)
def test_operations_are_those_of_the_arithmetic(
    size: tuple[TransformerSize, VaeSize], encode: int, step: int, decode: int
) -> None:
    """Counted by hand, matrix by matrix and kernel by kernel, for three latents of 64x48."""
    assert clip_flops(*size, 9, (64, 48), (WINDOW, STRIDE)) == ClipFlops(encode, step, decode)


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


@pytest.mark.slow
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
