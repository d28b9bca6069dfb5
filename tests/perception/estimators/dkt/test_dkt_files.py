"""Weights: any size told from the tensors, every tensor accounted for, every kind of damage named."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from safetensors.torch import load_file, save_file

from core.errors import PerceptionError
from perception.estimators.dkt.files import find_files
from perception.estimators.dkt.load import check_files
from perception.estimators.dkt.model import DktSettings, load_dkt
from perception.estimators.dkt.names import transformer_release_name, vae_release_name
from perception.estimators.dkt.sizes import TransformerSize, VaeSize, transformer_size, vae_size
from perception.estimators.specification import Observation
from perception.weights.verify import verify_folder
from tests.support.hub_server import quiet_bar
from tests.support.tiny.dkt import TRANSFORMER, VAE, change, moving_clip, tiny_dkt

SETTINGS = DktSettings(size=(48, 32), steps=2)
RELEASED = {
    "1.3b": (replace(TRANSFORMER, heads=12, head_dim=128, layers=30, ffn_dim=8960, text_dim=4096, freq_dim=256), 983),
    "14b": (replace(TRANSFORMER, heads=40, head_dim=128, layers=40, ffn_dim=13824, text_dim=4096, freq_dim=256), 1303),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_dkt().write(tmp_path / "dkt")


def disparity(folder: Path) -> np.ndarray:
    frames = moving_clip(2)
    stream = load_dkt(folder, SETTINGS).open(2, 32, 48, "depth")
    return np.stack([a_map for frame in frames for a_map in stream.push(Observation(frame))] + stream.finish())


# Sizes and names.


@pytest.mark.parametrize("name", RELEASED)
def test_the_released_transformers_are_recognised_from_their_shapes(name: str, tmp_path: Path) -> None:
    size, tensors = RELEASED[name]
    with torch.device("meta"):
        state = WanTransformer3DModel(**size.config()).state_dict()
    shapes = {transformer_release_name(key): tuple(tensor.shape) for key, tensor in state.items()}
    assert len(shapes) == len(state) == tensors
    assert transformer_size(shapes, tmp_path) == size


@pytest.mark.parametrize(
    "size", [VAE, VaeSize(96, 16, (1, 2, 4, 4), 2, (False, True, True)), replace(VAE, dim_mult=(1, 3, 3))]
)
def test_any_vae_is_recognised_from_its_shapes(size: VaeSize, tmp_path: Path) -> None:
    if len(size.dim_mult) == 3:
        size = replace(size, temporal_downsample=(True, True))
    with torch.device("meta"):
        state = AutoencoderKLWan(**size.config()).state_dict()
    shapes = {vae_release_name(key, size.res_blocks): tuple(tensor.shape) for key, tensor in state.items()}
    assert len(shapes) == len(state)
    assert vae_size(shapes, tmp_path) == size


def test_the_released_vae_has_194_tensors() -> None:
    with torch.device("meta"):
        assert len(AutoencoderKLWan().state_dict()) == 194


@pytest.mark.parametrize("size", [replace(TRANSFORMER, heads=3, head_dim=32, layers=1), TRANSFORMER])
def test_heads_of_a_small_model_are_as_stated_or_of_32(size: TransformerSize, tmp_path: Path) -> None:
    folder = tiny_dkt(size=size).write(tmp_path / "dkt")
    stated = disparity(folder)
    (folder / "dims.json").unlink()
    assert np.array_equal(disparity(folder), stated)
    (folder / "dims.json").write_text(json.dumps({"num_heads": 5}))
    with pytest.raises(PerceptionError, match="5 heads"):
        disparity(folder)


# Layouts.


@pytest.mark.parametrize(
    "form",
    [
        "diffusion_model.{module}.lora_{half}.weight",
        "{module}.lora_{half}.default.weight",
        "diffusion_model.{module}.lora_{half}.default.weight",
        "base_model.model.{module}.lora_{half}.weight",
    ],
)
def test_a_lora_in_any_form_of_key_is_the_same_lora(folder: Path, tmp_path: Path, form: str) -> None:
    assert np.array_equal(disparity(tiny_dkt().write(tmp_path / "other", form)), disparity(folder))


def test_a_lora_of_mixed_ranks_is_added_whole(folder: Path) -> None:
    before = disparity(folder)
    key = "blocks.0.self_attn.q"

    def widen(lora: dict[str, torch.Tensor]) -> None:
        a, b = (lora[f"{key}.lora_{half}.weight"] for half in "AB")
        lora[f"{key}.lora_A.weight"] = torch.cat([a, a])
        lora[f"{key}.lora_B.weight"] = torch.cat([b, b], 1) / 2

    change(folder / "lora.safetensors", widen)
    assert np.allclose(disparity(folder), before, atol=1e-5)


def test_the_releases_file_names_load_too(folder: Path) -> None:
    before = disparity(folder)
    transformer = load_file(folder / "transformer.safetensors")
    names = sorted(transformer)
    for part in range(3):
        shard = {name: transformer[name] for name in names[part::3]}
        save_file(shard, folder / f"diffusion_pytorch_model-{part + 1:05d}-of-00003.safetensors")
    (folder / "transformer.safetensors").unlink()
    torch.save(load_file(folder / "vae.safetensors"), folder / "Wan2.1_VAE.pth")
    (folder / "vae.safetensors").unlink()
    (folder / "lora.safetensors").rename(folder / "dkt-1-3B-v1.1.safetensors")
    assert np.allclose(disparity(folder), before, atol=1e-6)


def test_the_reference_convolution_is_dropped(folder: Path) -> None:
    before = disparity(folder)
    change(folder / "transformer.safetensors", lambda t: t.update({"ref_conv.weight": torch.zeros(64, 16, 2, 2)}))
    change(folder / "lora.safetensors", lambda t: t.update({f"ref_conv.lora_{h}.weight": torch.ones(4) for h in "AB"}))
    assert np.allclose(disparity(folder), before, atol=1e-6)
    assert not verify_folder(folder, quiet_bar).problems


# Damage.

DAMAGE: dict[str, tuple[str, Callable[[dict[str, torch.Tensor]], object], str]] = {
    "missing": ("transformer", lambda t: t.pop("blocks.1.ffn.0.bias"), r"lacks blocks\.1\.ffn\.0\.bias"),
    "extra": ("transformer", lambda t: t.update({"control.x": torch.zeros(1)}), r"unknown control\.x"),
    "misshapen": (
        "transformer",
        lambda t: t.update({"head.head.bias": torch.zeros(3)}),
        r"misshapen head\.head\.bias \(3,\) instead of \(64,\)",
    ),
    "another model": ("transformer", lambda t: (t.clear(), t.update(w=torch.zeros(1))), "not Wan2.1's"),
    "vae missing": ("vae", lambda t: t.pop("decoder.middle.1.proj.bias"), r"lacks decoder\.middle\.1\.proj\.bias"),
    "vae of another kind": ("vae", lambda t: (t.clear(), t.update(w=torch.zeros(1))), "VAE .* not Wan2.1's"),
    "not finite": ("transformer", lambda t: t["blocks.0.ffn.0.bias"].fill_(float("nan")), "not finite"),
    "vae not finite": ("vae", lambda t: t["conv1.bias"].fill_(float("inf")), "not finite"),
    "lora half": ("lora", lambda t: t.pop("blocks.0.self_attn.q.lora_B.weight"), "lacks the other half"),
    "lora elsewhere": (
        "lora",
        lambda t: t.update({f"blocks.7.ffn.0.lora_{h}.weight": torch.zeros(2, 2) for h in "AB"}),
        r"changes blocks\.7\.ffn\.0",
    ),
    "lora of other dimensions": (
        "lora",
        lambda t: t.update({"blocks.0.self_attn.q.lora_A.weight": torch.zeros(3, 128)}),
        "trained for another model",
    ),
    "lora key": ("lora", lambda t: t.update(alpha=torch.zeros(1)), "unknown alpha"),
    "lora empty": ("lora", lambda t: t.clear(), "LoRA is empty"),
    "lora not finite": (
        "lora",
        lambda t: t["blocks.0.self_attn.q.lora_A.weight"].fill_(float("nan")),
        "LoRA cannot be fused|not finite",
    ),
    "prompt too long": ("context", lambda t: t.update(prompt_embeds=torch.zeros(1, 512, 40)), "n below 512"),
    "prompt of another encoder": ("context", lambda t: t.update(prompt_embeds=torch.zeros(1, 2, 8)), "prompt_embeds"),
    "prompt missing": ("context", lambda t: (t.clear(), t.update(x=torch.zeros(1))), "prompt_embeds"),
    "prompt not finite": ("context", lambda t: t["prompt_embeds"].fill_(float("nan")), "not finite"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_named(folder: Path, case: str) -> None:
    part, edit, message = DAMAGE[case]
    change(folder / f"{part}.safetensors", edit)
    with pytest.raises(PerceptionError, match=message):
        load_dkt(folder, SETTINGS)


@pytest.mark.parametrize("part", ["transformer", "vae", "lora", "context"])
@pytest.mark.parametrize("kept", [0, 5, 60, 0.5, -1])
def test_a_file_cut_off_anywhere_is_named(folder: Path, part: str, kept: float) -> None:
    file = folder / f"{part}.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else int(kept)])
    with pytest.raises(PerceptionError, match=f"{part}.safetensors"):
        load_dkt(folder, SETTINGS)


@pytest.mark.parametrize("content", [b"no weights at all, but a text", b"\x20\0\0\0\0\0\0\0" + b"[" * 32, b"\0" * 4096])
def test_a_file_of_another_kind_is_named(folder: Path, content: bytes) -> None:
    (folder / "lora.safetensors").write_bytes(content)
    with pytest.raises(PerceptionError, match=r"no safetensors file|cut off|longer"):
        load_dkt(folder, SETTINGS)


@pytest.mark.parametrize("part", ["transformer", "vae", "lora", "context"])
def test_a_missing_part_is_named(folder: Path, part: str) -> None:
    (folder / f"{part}.safetensors").unlink()
    with pytest.raises(PerceptionError, match=f"lacks its .*{part if part not in ('vae', 'lora') else ''}"):
        find_files(folder)


def test_two_loras_cannot_be_told_apart(folder: Path) -> None:
    (folder / "lora.safetensors").rename(folder / "a.safetensors")
    (folder / "b.safetensors").write_bytes((folder / "a.safetensors").read_bytes())
    with pytest.raises(PerceptionError, match="several LoRA"):
        find_files(folder)


def test_a_vae_pickle_with_other_contents_is_refused(folder: Path) -> None:
    (folder / "vae.safetensors").unlink()
    torch.save({"epoch": 3}, folder / "Wan2.1_VAE.pth")
    with pytest.raises(PerceptionError, match="no tensors by name"):
        check_files(find_files(folder))
    (folder / "Wan2.1_VAE.pth").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(PerceptionError, match="is damaged"):
        check_files(find_files(folder))


def test_a_transformer_and_a_vae_that_do_not_belong_together_are_refused(folder: Path, tmp_path: Path) -> None:
    other = tiny_dkt(size=replace(TRANSFORMER, out_channels=8))
    with pytest.raises(PerceptionError, match="belong together"):
        check_files(find_files(other.write(tmp_path / "other")))


def test_a_vae_pickle_may_be_wrapped_and_older_than_archives(folder: Path) -> None:
    before = disparity(folder)
    tensors = load_file(folder / "vae.safetensors")
    (folder / "vae.safetensors").unlink()
    torch.save({"model_state": tensors}, folder / "Wan2.1_VAE.pth", _use_new_zipfile_serialization=False)
    assert np.allclose(disparity(folder), before, atol=1e-6)
    torch.save({"model_state": 3}, folder / "Wan2.1_VAE.pth")
    with pytest.raises(PerceptionError, match="no tensors by name"):
        disparity(folder)
