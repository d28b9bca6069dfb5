"""Verification names every fault of a folder of weights, and passes only a sound one."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from app.weights.command import verify_weights
from app.weights.options import VerifyOptions
from perception.weights.hub import sha256_of
from perception.weights.manifest import FileRecord, Manifest, write_manifest
from perception.weights.verify import verify_folder
from tests.support.hub_server import quiet_bar
from tests.support.tiny.dkt import change, tiny_dkt

Tensors = dict[str, torch.Tensor]
FILES = ("transformer.safetensors", "vae.safetensors", "lora.safetensors", "context.safetensors")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dkt().write(tmp_path_factory.mktemp("weights") / "sound")


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sound, tmp_path / "dkt")


def problems(folder: Path) -> str:
    return "\n".join(verify_folder(folder, quiet_bar).problems)


def seal(folder: Path) -> None:
    """Writes the manifest of what is there."""
    files = [path for path in folder.iterdir() if path.suffix != ".json"]
    records = {p.name: FileRecord(p.stat().st_size, sha256_of(p), "a/b", "main") for p in files}
    write_manifest(folder, Manifest("dkt-1.3b", records))


# Sound folders.


def test_a_sound_folder_is_recognised(folder: Path) -> None:
    verdict = verify_folder(folder, quiet_bar)
    assert verdict.problems == ()
    recognised = {part.file: (part.tensors, part.dtypes, part.recognised) for part in verdict.parts}
    assert recognised["transformer.safetensors"][1:] == (("float32",), "SMALL: 2 layers, 2 heads of 32")
    assert recognised["lora.safetensors"] == (40, ("float32",), "rank 3 on 20 modules")
    assert recognised["context.safetensors"] == (1, ("float32",), "2 tokens")


def test_the_releases_layout_is_as_sound(folder: Path) -> None:
    tensors = load_file(folder / "transformer.safetensors")
    names = sorted(tensors)
    for number, half in enumerate((names[::2], names[1::2]), start=1):
        shard = folder / f"diffusion_pytorch_model-0000{number}-of-00002.safetensors"
        save_file({name: tensors[name].bfloat16() for name in half}, shard)
    (folder / "transformer.safetensors").unlink()
    torch.save(load_file(folder / "vae.safetensors"), folder / "Wan2.1_VAE.pth")
    (folder / "vae.safetensors").unlink()
    (folder / "lora.safetensors").rename(folder / "step-70000.safetensors")
    shutil.copy(folder / "context.safetensors", folder / "expected.safetensors")
    verdict = verify_folder(folder, quiet_bar)
    assert verdict.problems == ()
    assert len(verdict.parts) == 5


# Files.


@pytest.mark.parametrize("file", FILES)
def test_a_file_cut_off_anywhere_is_named_with_its_sizes(folder: Path, file: str) -> None:
    path = folder / file
    size, header = path.stat().st_size, 8 + int.from_bytes(path.read_bytes()[:8], "little")
    for kept in (size - 1, (size + header) // 2, header):
        os.truncate(path, kept)
        assert f"{file} is cut off: {kept} bytes, {size} expected" in problems(folder)
    for kept in (header - 1, 8, 7, 0):
        os.truncate(path, kept)
        assert str(path) in problems(folder)


def spoil(path: Path, kind: str) -> None:
    content = path.read_bytes()
    path.unlink()
    if kind == "text":
        path.write_text("no weights at all\n" * 10)
    elif kind == "longer":
        path.write_bytes(content + b"\0")
    elif kind == "a link to itself":
        path.symlink_to(path.name)
    elif kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("kind", ["text", "longer", "a link to itself", "a folder", "a pipe"])
def test_what_is_no_weights_file_is_named(folder: Path, file: str, kind: str) -> None:
    spoil(folder / file, kind)
    assert str(folder / file) in problems(folder)


@pytest.mark.parametrize(
    ("file", "part"), list(zip(FILES, ("transformer", "VAE", "LoRA", "prompt embedding"), strict=True))
)
def test_a_missing_part_is_named_and_no_other_file_taken_for_it(folder: Path, file: str, part: str) -> None:
    shutil.copy(folder / "context.safetensors", folder / "expected.safetensors")
    (folder / file).unlink()
    assert f"lacks its {part}" in problems(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_named(folder: Path) -> None:
    (folder / "vae.safetensors").chmod(0)
    assert "Permission denied" in problems(folder)


@pytest.mark.parametrize("kind", ["absent", "a file", "a loop", "empty"])
def test_a_folder_that_holds_nothing_is_named(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "place"
    if kind == "a file":
        place.write_text("x")
    elif kind == "a loop":
        place.symlink_to(place)
    elif kind == "empty":
        place.mkdir()
    assert str(place) in problems(place)


# Tensors.


def drop(name: str) -> Callable[[Tensors], object]:
    return lambda tensors: tensors.pop(name)


def turn(name: str) -> Callable[[Tensors], object]:
    return lambda tensors: tensors.update({name: tensors[name].transpose(0, 1).contiguous()})


def spill(name: str, value: float) -> Callable[[Tensors], object]:
    return lambda tensors: tensors[name].view(-1)[1:4].fill_(value)


A = "blocks.1.cross_attn.q.lora_A.weight"
DAMAGE: dict[str, tuple[str, Callable[[Tensors], object], str]] = {
    "missing": ("transformer", drop("blocks.1.ffn.2.bias"), "lacks blocks.1.ffn.2.bias"),
    "missing, the size's": ("transformer", drop("patch_embedding.weight"), "patch_embedding.weight is missing"),
    "missing in the VAE": ("vae", drop("encoder.downsamples.1.resample.1.weight"), "lacks encoder.downsamples.1.resa"),
    "extra": ("vae", lambda t: t.update(odd=torch.zeros(2)), "unknown odd"),
    "renamed": ("transformer", lambda t: t.update(odd=t.pop("head.modulation")), "lacks head.modulation; it has an un"),
    "turned": ("transformer", turn("blocks.0.ffn.0.weight"), "misshapen blocks.0.ffn.0.weight"),
    "turned, the size's": ("transformer", turn("text_embedding.0.weight"), "misshapen text_embedding.0.weight"),
    "NaN": (
        "transformer",
        spill("blocks.0.self_attn.q.weight", float("nan")),
        "finite: blocks.0.self_attn.q.weight (3",
    ),
    "inf": ("vae", spill("decoder.conv1.weight", float("inf")), "not finite: decoder.conv1.weight (3)"),
    "NaN in the LoRA": ("lora", spill(A, float("nan")), f"not finite: {A} (3)"),
    "NaN in the prompt": ("context", spill("prompt_embeds", float("nan")), "not finite: prompt_embeds (3)"),
    "integers": ("vae", lambda t: t.update({"conv2.bias": t["conv2.bias"].int()}), "whole numbers in place of weights"),
    "rank of A": ("lora", lambda t: t.update({A: t[A][:2].clone()}), "blocks.1.cross_attn.q is (64, 64)"),
    "half a LoRA": ("lora", drop(A), "other half of blocks.1.cross_attn.q"),
    "a module there is not": ("lora", lambda t: t.update({A.replace("1", "9"): t.pop(A)}), "blocks.9"),
    "another key": ("lora", lambda t: t.update({"alpha": torch.ones(1)}), "unknown alpha"),
    "no LoRA at all": ("lora", lambda t: t.clear(), "empty"),
    "a full prompt": ("context", lambda t: t.update(prompt_embeds=torch.zeros(1, 512, 40)), "(1, 512, 40)"),
    "another encoder's": ("context", lambda t: t.update(prompt_embeds=torch.zeros(1, 2, 64)), "(1, 2, 64)"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_tensor_is_named(folder: Path, case: str) -> None:
    part, edit, message = DAMAGE[case]
    change(folder / f"{part}.safetensors", edit)
    assert message in problems(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["missing", "flat", "longer"])
@pytest.mark.parametrize("part", ["transformer", "vae"])
def test_every_damaged_tensor_is_the_one_that_is_named(folder: Path, part: str, kind: str) -> None:
    """Sizes are told from the tensors, but a single damaged one must not be believed."""
    file = folder / f"{part}.safetensors"
    whole = load_file(file)
    for name in [name for name in whole if not name.startswith(("blocks.1.", "decoder.middle"))][::6]:
        tensors = dict(whole)
        kept = tensors.pop(name)
        if kind == "flat":
            tensors[name] = kept.flatten()[: kept.shape[0] - 1].clone()
        elif kind == "longer":
            tensors[name] = torch.zeros(kept.shape[0] + 1, *kept.shape[1:])
        save_file(tensors, file)
        assert name in problems(folder), name


def test_a_lora_of_another_model_is_refused_in_a_few_words(folder: Path) -> None:
    change(folder / "lora.safetensors", lambda t: t.update({k: torch.zeros(3, 99) for k in t if "lora_A" in k}))
    told = verify_folder(folder, quiet_bar).problems
    assert "does not fit" in told[0] and "12 more modules" in told[-1]
    assert len(told) == 9


def test_every_fault_is_named_and_not_only_the_first(folder: Path) -> None:
    os.truncate(folder / "transformer.safetensors", 5000)
    change(folder / "vae.safetensors", drop("conv2.bias"))
    change(folder / "lora.safetensors", spill(A, float("nan")))
    (folder / "context.safetensors").unlink()
    (folder / "dims.json").write_text("{")
    told = problems(folder)
    for fault in ("is cut off", "lacks conv2.bias", "not finite", "lacks its prompt", "dims.json is no JSON"):
        assert fault in told


def test_a_damaged_pickle_is_named(folder: Path) -> None:
    pth = folder / "Wan2.1_VAE.pth"
    torch.save(load_file(folder / "vae.safetensors"), pth)
    (folder / "vae.safetensors").unlink()
    for size in (pth.stat().st_size - 100, 1000, 0):
        os.truncate(pth, size)
        assert f"{pth} ({size} bytes) is damaged" in problems(folder)


# Manifests.


def test_a_changed_byte_is_seen_by_its_hash(folder: Path) -> None:
    seal(folder)
    assert problems(folder) == ""
    path = folder / "vae.safetensors"
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    assert f"{path} has changed" in problems(folder)


def test_a_file_that_was_fetched_and_is_gone_is_named(folder: Path) -> None:
    (folder / "notes.txt").write_text("x")
    seal(folder)
    (folder / "notes.txt").unlink()
    assert "notes.txt is missing" in problems(folder)


def test_a_damaged_manifest_is_named(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"model": "dkt-1.3b", "files": {"vae": {}}}')
    assert "manifest.json cannot be read" in problems(folder)


def test_a_fetch_that_did_not_end_is_named(folder: Path) -> None:
    assert "was not finished" in verify_folder(folder, quiet_bar, "dkt-1.3b").problems[0]


# The command.


def test_the_exit_code_and_the_json_say_what_was_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_weights(VerifyOptions(str(folder), as_json=True)) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["sound"] is True and len(result["folders"][0]["parts"]) == 4
    (folder / "vae.safetensors").unlink()
    assert verify_weights(VerifyOptions(str(folder), as_json=True)) == 1
    result = json.loads(capsys.readouterr().out)
    assert result["sound"] is False and "VAE" in result["folders"][0]["problems"][0]
