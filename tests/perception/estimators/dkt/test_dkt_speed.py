"""Fast mode gives what exact mode gives, whatever of its speed works on a machine, and says what that is."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan
from torch._dynamo.testing import CompileCounterWithBackend
from torch.nn.attention import SDPBackend, _cur_sdpa_kernel_backends

from perception.estimators.dkt.codec import CausalDecoder, CausalEncoder
from perception.estimators.dkt.estimator import DktEstimator
from perception.estimators.dkt.fast_vae import channels_last, make_fast
from perception.estimators.dkt.load import random_transformer, random_vae
from perception.estimators.dkt.model import Dkt, DktSettings, load_dkt
from perception.estimators.dkt.sampler import released_schedule
from perception.estimators.dkt.sizes import VaeSize
from perception.estimators.dkt.speed import SpeedUps, Ways, speed_up
from perception.estimators.dkt.transformer import ExactTransformer, FoldedTransformer
from perception.estimators.specification import Observation
from perception.learning.speed.models import SIZES
from tests.support.live_bytes import FusedAttention, LiveBytes
from tests.support.paths import ROOT
from tests.support.tiny.dkt import TRANSFORMER, VAE, moving_clip

SETTINGS = DktSettings(size=(48, 32), window=4, stride=3, mode="fast")
VAES = [
    VAE,
    replace(VAE, res_blocks=2),
    replace(VAE, dim_mult=(1, 2, 4), temporal_downsample=(True, True)),
    replace(VAE, temporal_downsample=(True, False, True)),
    replace(VAE, temporal_downsample=(True, True, False), dim_mult=(1, 1, 2, 3)),
]


@pytest.fixture(autouse=True)
def compiled_anew() -> None:
    torch.compiler.reset()


def through(vae: AutoencoderKLWan, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents and decoded frames of frames (1, 3, F, H, W), streamed."""
    with torch.no_grad():
        encoder, decoder = CausalEncoder(vae), CausalDecoder(vae)
        given = [*(encoder.push(frame) for frame in frames.split(1, 2)), encoder.finish()]
        latents = [latent for latent in given if latent is not None]
        return torch.cat(latents, 2), torch.cat([decoder.push(latent) for latent in latents], 2)


def nearly_equal(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    """To float32's rounding, which norms of a handful of channels amplify here and there."""
    error = (ours - theirs).abs()
    return bool(error.mean() < 2e-6 and error.max() < 1e-4)


def run(model: Dkt, frames: list[np.ndarray]) -> np.ndarray:
    stream = model.open(len(frames), *frames[0].shape[:2], "depth")
    return np.stack([a_map for frame in frames for a_map in stream.push(Observation(frame))] + stream.finish())


def sped_up(folder: Path, compiler: Callable[..., Any], is_offloaded: bool = False) -> Dkt:
    """A model in fast mode with the ways that CUDA would take, compiled by `compiler`."""
    model = load_dkt(folder, SETTINGS)
    assert isinstance(model.transformer, FoldedTransformer)
    return replace(model, speed_ups=speed_up(model.transformer, model.vae, is_offloaded, compiler))


def no_compiler(function: Callable[..., Any], **_: Any) -> Callable[..., Any]:
    def fail(*args: Any) -> torch.Tensor:
        raise RuntimeError("Cannot find a working triton installation.\nAdvice to programmers.")

    return fail


@pytest.mark.parametrize("size", VAES)
@pytest.mark.parametrize("count", [1, 2, 5, 13])
def test_the_fast_vae_computes_what_diffusers_does(size: VaeSize, count: int) -> None:
    torch.manual_seed(0)
    frames = torch.rand(1, 3, count, 48, 32) * 2 - 1
    plain, fast = random_vae(size, torch.float32), make_fast(random_vae(size, torch.float32))
    for ours, theirs in zip(through(fast, frames), through(plain, frames), strict=True):
        assert nearly_equal(ours, theirs)


def test_so_it_does_with_its_weights_laid_out_as_on_a_gpu() -> None:
    frames = torch.rand(1, 3, 9, 48, 32) * 2 - 1
    plain, fast = random_vae(VAE, torch.float32), make_fast(random_vae(VAE, torch.float32))
    channels_last(fast)
    for ours, theirs in zip(through(fast, frames), through(plain, frames), strict=True):
        assert nearly_equal(ours, theirs)


def test_the_fast_vae_goes_on_where_another_stopped() -> None:
    vae, frames = make_fast(random_vae(VAE, torch.float32)), list(torch.rand(1, 3, 13, 32, 32).split(1, 2))
    with torch.no_grad():
        whole, first, second = CausalEncoder(vae), CausalEncoder(vae), CausalEncoder(vae)
        expected = [latent for frame in frames if (latent := whole.push(frame)) is not None]
        begun = [latent for frame in frames[:7] if (latent := first.push(frame)) is not None]
        second.restore(first.state())
        ended = [latent for frame in frames[7:] if (latent := second.push(frame)) is not None]
    assert all(torch.equal(a, b) for a, b in zip([*begun, *ended], expected, strict=True))


@pytest.mark.parametrize("tokens", [1, 2, 3, 7])
def test_a_prompt_of_any_length_is_folded_exactly(tokens: int) -> None:
    torch.manual_seed(0)
    schedule, prompt = released_schedule(5), torch.randn(1, tokens, TRANSFORMER.text_dim)
    exact = ExactTransformer(random_transformer(TRANSFORMER, torch.float32), prompt, schedule)
    folded = FoldedTransformer(random_transformer(TRANSFORMER, torch.float32), prompt, schedule)
    latents, colors = torch.randn(2, 1, 16, 3, 4, 6)
    for step in (0, 4):
        with torch.no_grad():
            expected = exact.velocity(step, latents, colors)
        assert torch.allclose(folded.velocity(step, latents, colors), expected, atol=1e-5)


@pytest.mark.slow
def test_compiled_it_gives_the_same_from_few_graphs(folder: Path) -> None:
    plain = load_dkt(folder, SETTINGS)
    graphs = {name: CompileCounterWithBackend("aot_eager") for name in ("run_block", "normalise_and_activate")}

    def compiler(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        return torch.compile(function, backend=graphs[function.__name__], **options)

    model = sped_up(folder, compiler)
    for count in (31, 1, 2, 5, 14):
        frames = moving_clip(count)
        assert np.allclose(run(model, frames), run(plain, frames), atol=1e-6)
    # All blocks and steps share a graph; so do all lengths but the first that came.
    assert graphs["run_block"].frame_count == 2
    vae_graphs = graphs["normalise_and_activate"].frame_count
    run(replace(model, settings=replace(SETTINGS, size=(64, 48))), moving_clip(9))
    assert graphs["normalise_and_activate"].frame_count == vae_graphs < 32, "sizes share graphs"
    torch.compiler.reset()  # as a bench does between lengths
    assert np.allclose(run(model, frames), run(plain, frames), atol=1e-6)
    assert graphs["run_block"].frame_count == 4
    assert model.describe().endswith("5 steps, compiled")


def test_without_a_compiler_it_runs_plainly_and_says_so_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames = moving_clip(5)
    model = sped_up(folder, no_compiler)
    for _ in range(2):
        assert np.array_equal(run(model, frames), run(load_dkt(folder, SETTINGS), frames))
    assert model.describe().endswith("plain blocks, plain VAE")
    assert DktEstimator(model).ran_as.endswith("plain blocks, plain VAE)")
    assert [record.message for record in caplog.records if record.name == "perception.estimators.dkt.speed"] == [
        "compiled VAE failed: plain VAE instead (Cannot find a working triton installation.)",
        "compiled blocks, cuDNN attention failed: compiled blocks instead (Cannot find a working triton installation.)",
        "compiled blocks failed: plain blocks instead (Cannot find a working triton installation.)",
    ]


@pytest.mark.slow
def test_a_backend_that_breaks_is_a_failure_like_any_other(folder: Path) -> None:
    def breaks(graph: Any, inputs: Any) -> Any:
        raise ValueError("no kernel for this")

    model = sped_up(folder, partial(torch.compile, backend=breaks))
    frames = moving_clip(1)
    assert np.array_equal(run(model, frames), run(load_dkt(folder, SETTINGS), frames))
    assert model.describe().endswith("plain blocks, plain VAE")


@pytest.mark.slow
def test_a_kernel_that_a_gpu_lacks_costs_only_that_kernel(folder: Path) -> None:
    """What was compiled with cuDNN's attention first raises when it runs; what is compiled without it works."""

    def compiled(graph: Any, inputs: Any) -> Callable[..., Any]:
        def lacking(*args: Any) -> Any:
            raise RuntimeError("No execution plans support the graph.")

        return lacking if _cur_sdpa_kernel_backends(True)[0] == SDPBackend.CUDNN_ATTENTION else graph.forward

    def compiler(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        return torch.compile(function, backend=compiled, **options)

    model = sped_up(folder, compiler)
    run(model, moving_clip(1))
    assert model.describe().endswith("compiled blocks, compiled VAE")


def test_blocks_that_come_from_ram_are_not_compiled(folder: Path) -> None:
    compiled: list[str] = []

    def compiler(function: Callable[..., Any], **_: Any) -> Callable[..., Any]:
        compiled.append(function.__name__)
        return function

    model = sped_up(folder, compiler, is_offloaded=True)
    run(model, moving_clip(1))
    assert compiled == ["normalise_and_activate"]
    assert model.describe().endswith("plain blocks, compiled VAE")


def test_a_lack_of_memory_is_no_failure_of_a_way() -> None:
    def full(*_: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    ways = Ways({"fast": full, "plain": lambda: torch.ones(1)})
    with pytest.raises(torch.OutOfMemoryError):
        ways()
    assert ways.name == "fast"


def test_what_fails_in_the_last_way_is_an_error() -> None:
    def wrong(*_: Any) -> torch.Tensor:
        raise ValueError("shapes that make no sense")

    speed_ups = SpeedUps(Ways({"compiled": wrong, "plain": wrong}), Ways({"plain": wrong}))
    with pytest.raises(ValueError, match="no sense"):
        speed_ups.blocks()


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_on_the_cpu_nothing_is_compiled(folder: Path, mode: Any) -> None:
    assert load_dkt(folder, replace(SETTINGS, mode=mode)).speed_ups is None


@pytest.mark.slow
@torch.no_grad()
def test_21_frames_at_full_size_stay_below_six_gigabytes() -> None:
    """Counted on the very code from shapes; compiled, less is in memory between the sums, not more."""
    width, height, latents = 832, 480, 6
    meta = torch.device("meta")
    size, vae_size = SIZES["1.3b"]
    with LiveBytes() as memory, FusedAttention():
        vae = make_fast(random_vae(vae_size, torch.bfloat16, device=meta))
        released = random_transformer(size, torch.bfloat16, device=meta)
        transformer = FoldedTransformer(released, torch.zeros(1, 2, 4096, device=meta), released_schedule(5))
        del released
        gc.collect()
        weights = memory.peak = memory.now
        encoder, decoder = CausalEncoder(vae), CausalDecoder(vae)
        for _ in range(4 * latents - 3):
            encoder.push(torch.empty(1, 3, 1, height, width, device=meta, dtype=torch.bfloat16))
        encoder.finish()
        window = torch.empty(1, 16, latents, height // 8, width // 8, device=meta, dtype=torch.bfloat16)
        transformer.velocity(0, window, window)
        for latent in window.split(1, 2):
            decoder.push(latent)
    assert 2.5e9 < weights < 2.7e9
    assert 5e9 < memory.peak < 6e9


@pytest.mark.slow
def test_memory_does_not_grow_with_the_clip(folder: Path) -> None:
    """In a process of its own, as nothing else resets what a process ever took."""
    # Four windows apart: kept, the maps of so many frames would be a fifth of the memory, the frames a sixth.
    command = [sys.executable, str(ROOT / "tests" / "support" / "clip_memory.py"), str(folder), "104", "184"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    shorter, longer = map(int, done.stdout.split())
    assert longer < 1.05 * shorter
