"""Blocks that wait in RAM: the same numbers, each block there only in its turn, and memory as stated."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from diffusers.hooks import group_offloading
from diffusers.hooks.group_offloading import ModuleGroup
from torch import nn

from core.errors import ConfigurationError
from perception.estimators.dkt import model as dkt_model
from perception.estimators.dkt import offload
from perception.estimators.dkt.codec import CausalDecoder, CausalEncoder
from perception.estimators.dkt.fast_vae import make_fast
from perception.estimators.dkt.model import SIZE, Dkt, DktSettings, load_dkt
from perception.estimators.dkt.offload import (
    SLACK,
    has_ram_to_pin,
    offload_blocks,
    pinned_bytes,
    weight_bytes,
    working_bytes,
)
from perception.estimators.dkt.sampler import WINDOW, released_schedule
from perception.estimators.dkt.sizes import TransformerSize
from perception.estimators.dkt.transformer import ExactTransformer, FoldedTransformer
from perception.estimators.specification import Observation
from tests.support.live_bytes import FusedAttention, LiveBytes
from tests.support.tiny.dkt import TRANSFORMER, moving_clip, tiny_dkt

CPU = torch.device("cpu")
LAYERS = 4
LARGE = TransformerSize(
    heads=40,
    head_dim=128,
    layers=40,
    ffn_dim=13824,
    in_channels=48,
    out_channels=16,
    text_dim=4096,
    freq_dim=256,
    patch=(1, 2, 2),
    image_dim=1280,
)
SMALL = replace(LARGE, heads=12, layers=30, ffn_dim=8960)
TARGET_BYTES = 20e9


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dkt(size=replace(TRANSFORMER, layers=LAYERS)).write(tmp_path_factory.mktemp("dkt") / "weights")


def loaded(weights: Path, mode: str, **settings: object) -> Dkt:
    return load_dkt(weights, DktSettings(mode=mode, size=(48, 32), steps=2, window=3, stride=2, **settings))


def depth(dkt: Dkt) -> np.ndarray:
    """Of a clip of three windows."""
    stream = dkt.open(17, 32, 48, "depth")
    return np.array([m for color in moving_clip(17) for m in stream.push(Observation(color))] + stream.finish())


def module_of(dkt: Dkt) -> nn.Module:
    return dkt.transformer if isinstance(dkt.transformer, nn.Module) else dkt.transformer._transformer


class Device:
    """Plays a device on the CPU: weights that were not brought to it, or were taken away again, are NaN.

    order: what came (`+`) and went (`-`), blocks by number, the rest of the module as `rest`.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._away: dict[ModuleGroup, list[torch.Tensor]] = {}
        self._numbers: dict[ModuleGroup, str] = {}
        self._blocks_here: set[ModuleGroup] = set()
        self.order: list[str] = []
        self.most_blocks = 0
        monkeypatch.setattr(ModuleGroup, "onload_", lambda group: self._bring(group))
        monkeypatch.setattr(ModuleGroup, "offload_", lambda group: self._take(group))

    def forget(self) -> None:
        self.order.clear()

    def _take(self, group: ModuleGroup) -> None:
        if group in self._away:
            return
        self._away[group] = [tensor.data for tensor in _tensors(group)]
        for tensor in _tensors(group):
            tensor.data = torch.full_like(tensor, torch.nan)
        self._blocks_here.discard(group)
        self.order.append(f"-{self._number(group)}")

    def _bring(self, group: ModuleGroup) -> None:
        if group not in self._away:
            return
        for tensor, value in zip(_tensors(group), self._away.pop(group), strict=True):
            tensor.data = value
        if self._number(group) != "rest":
            self._blocks_here.add(group)
        self.most_blocks = max(self.most_blocks, len(self._blocks_here))
        self.order.append(f"+{self._number(group)}")

    def _number(self, group: ModuleGroup) -> str:
        is_block = len(group.modules) == 1 and hasattr(group.modules[0], "ffn")
        return self._numbers.setdefault(group, str(len(self._numbers)) if is_block else "rest")


class NoStream:
    """In place of the device's second stream, on which the next block comes."""

    def synchronize(self) -> None:
        pass


def _tensors(group: ModuleGroup) -> Iterator[torch.Tensor]:
    for module in group.modules:
        yield from (*module.parameters(), *module.buffers())
    yield from (*group.parameters, *group.buffers)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    return Device(monkeypatch)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets diffusers fetch blocks ahead, as on CUDA."""
    apply = group_offloading._apply_group_offloading

    def with_stream(module: nn.Module, config: group_offloading.GroupOffloadingConfig) -> None:
        apply(module, replace(config, stream=NoStream(), low_cpu_mem_usage=True))

    monkeypatch.setattr(group_offloading, "_apply_group_offloading", with_stream)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_blocks_that_come_one_by_one_give_the_same_bits(weights: Path, device: Device, mode: str) -> None:
    expected = depth(loaded(weights, mode))
    dkt = loaded(weights, mode)
    offload_blocks(module_of(dkt), CPU)
    assert all(torch.isnan(p).all() for p in module_of(dkt).parameters())
    device.forget()
    np.testing.assert_array_equal(depth(dkt), expected)
    one_call = ["+rest", *(f"{sign}{block}" for block in range(LAYERS) for sign in "+-"), "-rest"]
    assert device.order == one_call * (len(device.order) // len(one_call)) and device.order
    assert device.most_blocks == 1


@pytest.mark.parametrize("mode", ["exact", "fast"])
@pytest.mark.usefixtures("streams")
def test_the_next_block_comes_while_one_computes_and_no_third_is_there(
    weights: Path, device: Device, mode: str
) -> None:
    expected = depth(loaded(weights, mode))
    dkt = loaded(weights, mode)
    offload_blocks(module_of(dkt), CPU)
    device.forget()
    np.testing.assert_array_equal(depth(dkt), expected)
    first, *others = " ".join(device.order).split("+rest ")[1:]
    assert first.split() == ["+0", "-0", "+1", "-1", "+2", "-2", "+3", "-3", "-rest"]  # diffusers learns the order
    assert [call.split() for call in others] == [["+0", "+1", "-0", "+2", "-1", "+3", "-2", "-3", "-rest"]] * 3
    assert device.most_blocks == 2


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["exact", "fast"])
@pytest.mark.usefixtures("device", "streams")
def test_memory_that_runs_out_between_blocks_leaves_nothing_to_trip_over(
    weights: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = depth(loaded(weights, mode))
    dkt = loaded(weights, mode)
    offload_blocks(module_of(dkt), CPU)
    for call in (0, 2):  # while diffusers learns the order, and after
        with monkeypatch.context() as short:
            runs_out(module_of(dkt).blocks[2], after=call, monkeypatch=short)
            with pytest.raises(torch.OutOfMemoryError):
                depth(dkt)
        np.testing.assert_array_equal(depth(dkt), expected)


def runs_out(block: nn.Module, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block's feed-forward finds no memory, after so many calls that it did."""
    feed, left = block.ffn.forward, [after]

    def forward(*args: torch.Tensor) -> torch.Tensor:
        left[0] -= 1
        if left[0] < 0:
            raise torch.OutOfMemoryError
        return feed(*args)

    monkeypatch.setattr(block.ffn, "forward", forward)


def test_it_is_used_where_weights_and_work_exceed_what_is_free(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs: list[int] = []
    monkeypatch.setattr(dkt_model, "weight_bytes", lambda module, device: weight_bytes(module))
    monkeypatch.setattr(dkt_model, "fits", lambda needed, device: bool(needs.append(needed)))
    dkt = loaded(weights, "fast")
    assert dkt.settings.offload and "blocks offloaded" in dkt.describe()
    assert needs[0] > needs[1] > weight_bytes(module_of(dkt))  # as released, then folded
    assert np.isfinite(depth(dkt)).all()


def test_what_fits_is_asked_of_the_device_unless_it_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offload, "free_bytes", lambda device: 24_000)
    gpu = torch.device("cuda")
    assert offload.fits(24_000, gpu) and not offload.fits(24_001, gpu) and offload.fits(10**15, CPU)


def test_what_fits_once_folded_is_not_offloaded(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, True])
    monkeypatch.setattr(dkt_model, "fits", lambda needed, device: next(answers))
    dkt = loaded(weights, "fast")
    assert dkt.settings.offload is False and "offloaded" not in dkt.describe()
    np.testing.assert_array_equal(depth(dkt), depth(loaded(weights, "fast", offload=False)))


def test_it_can_be_forbidden_and_is_refused_on_the_cpu(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="nothing to offload"):
        loaded(weights, "exact", offload=True)
    monkeypatch.setattr(dkt_model, "fits", lambda needed, device: False)
    assert loaded(weights, "exact", offload=False).settings.offload is False


@pytest.mark.parametrize(("available", "pinned"), [(64e9, True), (1e9, False)])
def test_blocks_are_pinned_ahead_only_where_the_ram_for_it_is_there(
    available: float, pinned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offload.psutil, "virtual_memory", lambda: SimpleNamespace(available=available))
    layer = nn.Linear(100, 100)
    assert pinned_bytes(layer) == 65536 + 512  # of 40,000 and 400 bytes
    assert has_ram_to_pin(layer) is pinned


# Memory at the release's size, counted on tensors without content.


def bare(size: TransformerSize, dtype: torch.dtype) -> WanTransformer3DModel:
    with torch.device("meta"):
        return WanTransformer3DModel(**size.config()).to(dtype).requires_grad_(False)


def bare_vae(dtype: torch.dtype) -> AutoencoderKLWan:
    with torch.device("meta"):
        return AutoencoderKLWan().to(dtype).requires_grad_(False)


def empty(*shape: int) -> torch.Tensor:
    return torch.empty(1, *shape, dtype=torch.bfloat16, device="meta")


def held_by_a_window(transformer: ExactTransformer | FoldedTransformer, weights: nn.Module) -> int:
    """Bytes at the fullest of a call on a window at 832x480, weights aside."""
    latents, colors = empty(16, WINDOW, 60, 104), empty(16, WINDOW, 60, 104)
    with torch.no_grad(), FusedAttention(), LiveBytes(weights) as live:
        transformer.velocity(0, latents, colors)
    return live.peak


def held_by_the_vae(vae: AutoencoderKLWan) -> tuple[int, int]:
    """Bytes that both halves keep from frame to frame, and at the fullest, weights aside."""
    encoder, decoder = CausalEncoder(vae), CausalDecoder(vae)
    with torch.no_grad(), FusedAttention(), LiveBytes(vae) as live:
        for _ in range(9):
            encoder.push(empty(3, 1, SIZE[1], SIZE[0]))
        for _ in range(3):
            decoder.push(empty(16, 1, SIZE[1] // 8, SIZE[0] // 8))
    return live.now, live.peak


def place(size: TransformerSize, mode: str) -> tuple[ExactTransformer | FoldedTransformer, nn.Module]:
    """Two blocks of a model: all that is ever on the device, and enough to count on."""
    transformer = bare(replace(size, layers=2), torch.bfloat16)
    schedule, prompt = released_schedule(5, torch.bfloat16), empty(2, 4096)
    if mode == "exact":
        return ExactTransformer(transformer, prompt, schedule), transformer
    folded = FoldedTransformer(transformer, prompt, schedule)
    return folded, folded


@pytest.mark.parametrize("mode", ["exact", "fast"])
@pytest.mark.parametrize("size", [LARGE, SMALL], ids=["14b", "1.3b"])
def test_what_is_reserved_covers_what_a_window_and_the_vae_hold(size: TransformerSize, mode: str) -> None:
    vae = bare_vae(torch.bfloat16)
    reserve = working_bytes(bare(replace(size, layers=1), torch.bfloat16), vae, SIZE, WINDOW) / SLACK
    kept, fullest = held_by_the_vae(make_fast(vae) if mode == "fast" else vae)
    held = max(held_by_a_window(*place(size, mode)) + kept, fullest)
    assert held < reserve < 1.3 * held


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_dkt_14b_needs_less_than_20_gb_with_its_blocks_offloaded(mode: str) -> None:
    vae = bare_vae(torch.bfloat16)
    reserve = working_bytes(bare(replace(LARGE, layers=1), torch.bfloat16), vae, SIZE, WINDOW)
    _, two_blocks_and_the_rest = place(LARGE, mode)
    assert weight_bytes(two_blocks_and_the_rest) + weight_bytes(vae) + reserve < TARGET_BYTES
    whole = weight_bytes(bare(LARGE, torch.bfloat16)) + reserve
    assert whole > 24e9  # which is why
