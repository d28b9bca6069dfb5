"""The prompt's embedding is what the text encoder computes, from a file in the release's layout."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from core.errors import PerceptionError
from perception.weights.models import TEXT_ENCODER, TEXT_ENCODER_FILE, TOKENIZER_FILE
from perception.weights.prompt import TENSOR, embed, embed_prompts, load_encoder, prompt_file, tokenize
from tests.support.hub_server import quiet_bar
from tests.support.tiny.text_encoder import encode, tiny_encoder, tokenizer_json

#: Distances up to 199 reach every bucket of the position bias.
LONG = [3 + 7 * index % 17 for index in range(200)]


def save(path: Path, tensors: dict[str, Tensor]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(tensors, path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [[1], [3, 1], LONG], ids=["one token", "a prompt", "a long text"])
def test_the_encoder_computes_what_the_formulas_say(tmp_path: Path, tokens: list[int]) -> None:
    tensors = tiny_encoder()
    embedded = embed(load_encoder(save(tmp_path / "t5.pth", tensors)), tokens)
    assert embedded.shape == (1, len(tokens), 40)
    torch.testing.assert_close(embedded[0], encode(tensors, tokens), rtol=1e-4, atol=1e-4)


def test_its_sizes_follow_from_the_shapes(tmp_path: Path) -> None:
    tensors = tiny_encoder(width=24, heads=3, hidden=30, layers=5)
    embedded = embed(load_encoder(save(tmp_path / "t5.pth", tensors)), [4, 5, 1])
    torch.testing.assert_close(embedded[0], encode(tensors, [4, 5, 1]), rtol=1e-4, atol=1e-4)


def test_bfloat16_stays_bfloat16_and_is_near(tmp_path: Path) -> None:
    tensors = tiny_encoder()
    halves = {name: tensor.bfloat16() for name, tensor in tensors.items()}
    encoder = load_encoder(save(tmp_path / "t5.pth", halves))
    assert all(tensor.dtype == torch.bfloat16 for tensor in encoder.parameters())
    exact = encode({name: tensor.float() for name, tensor in halves.items()}, [3, 1])
    assert (embed(encoder, [3, 1])[0] - exact).norm() < 0.02 * exact.norm()


def test_the_weights_are_mapped_and_not_copied(tmp_path: Path) -> None:
    encoder = load_encoder(save(tmp_path / "t5.pth", tiny_encoder()))
    mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith("t5.pth")]
    spans = [tuple(int(end, 16) for end in line.split()[0].split("-")) for line in mapped]
    assert all(any(low <= p.data_ptr() < high for low, high in spans) for p in encoder.parameters())


DAMAGE = {
    "a missing tensor": (lambda t: t.pop("blocks.1.ffn.fc1.weight"), r"lacks encoder.block.1.layer.1"),
    "an extra tensor": (lambda t: t.update(odd=torch.zeros(1)), "has unknown odd"),
    "a misshapen tensor": (lambda t: t.update({"norm.weight": torch.ones(3)}), "misshapen encoder.final_layer_norm"),
    "another model": (lambda t: t.pop("token_embedding.weight"), "tells no size"),
    "a hole": (lambda t: t["norm.weight"].fill_(float("nan")), "not finite"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_named(tmp_path: Path, case: str) -> None:
    edit, message = DAMAGE[case]
    tensors = tiny_encoder()
    edit(tensors)
    with pytest.raises(PerceptionError, match=message):
        embed(load_encoder(save(tmp_path / "t5.pth", tensors)), [3, 1])


@pytest.mark.parametrize("content", [b"", b"no weights", tokenizer_json()], ids=["empty", "text", "json"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t5.pth").write_bytes(content)
    with pytest.raises(PerceptionError, match=r"t5\.pth"):
        load_encoder(tmp_path / "t5.pth")


def test_prompts_are_tokens_and_an_end(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_bytes(tokenizer_json())
    assert tokenize(file, "depth") == [3, 1]
    assert tokenize(file, "normal") == [4, 5, 1]
    assert tokenize(file, "  depth \n") == [3, 1]


@pytest.mark.parametrize(
    ("content", "message"), [(tokenizer_json(ends=False), "no </s> last"), (b"{", "cannot be loaded")]
)
def test_a_tokenizer_that_does_not_end_its_sequences_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_bytes(content)
    with pytest.raises(PerceptionError, match=message):
        tokenize(file, "depth")


def test_every_prompt_is_stored_as_its_real_tokens(tmp_path: Path) -> None:
    tensors = tiny_encoder()
    folder = tmp_path / TEXT_ENCODER.name
    save(folder / TEXT_ENCODER_FILE, tensors)
    (folder / TOKENIZER_FILE).parent.mkdir(parents=True)
    (folder / TOKENIZER_FILE).write_bytes(tokenizer_json())
    written = embed_prompts(folder, quiet_bar)
    assert [path.name for path in written] == ["depth.safetensors", "normal.safetensors"]
    stored = load_file(folder / prompt_file("normal"))[TENSOR]
    torch.testing.assert_close(stored[0], encode(tensors, [4, 5, 1]), rtol=1e-4, atol=1e-4)
