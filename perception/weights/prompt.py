"""The prompts' embeddings, computed once by the text encoder, so that no run ever loads it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import PerceptionError
from core.files import replace_file
from perception.weights.hub import Bar
from perception.weights.models import MODELS, TEXT_ENCODER_FILE, TOKENIZER_FILE

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import UMT5Config, UMT5EncoderModel

#: What it is called beside a model's weights, and the tensor's name in it.
CONTEXT, TENSOR = "context.safetensors", "prompt_embeds"

_END = "</s>"
_AGAIN = "Delete it and fetch it again: python main.py weights fetch dkt-1.3b."
_TOP = {"token_embedding.weight": "shared.weight", "norm.weight": "encoder.final_layer_norm.weight"}
_BLOCK = {
    "norm1": "layer.0.layer_norm",
    "attn.q": "layer.0.SelfAttention.q",
    "attn.k": "layer.0.SelfAttention.k",
    "attn.v": "layer.0.SelfAttention.v",
    "attn.o": "layer.0.SelfAttention.o",
    "pos_embedding.embedding": "layer.0.SelfAttention.relative_attention_bias",
    "norm2": "layer.1.layer_norm",
    "ffn.gate.0": "layer.1.DenseReluDense.wi_0",
    "ffn.fc1": "layer.1.DenseReluDense.wi_1",
    "ffn.fc2": "layer.1.DenseReluDense.wo",
}


def prompt_file(prompt: str) -> str:
    """What a prompt's embedding is called beside the encoder."""
    return f"{prompt}.safetensors"


def embed_prompts(folder: Path, bar: Bar) -> list[Path]:
    """Embeds every model's prompt with the encoder and tokenizer in `folder`; returns the files written there.

    Raises:
        PerceptionError: an encoder or tokenizer that is not what it should be, or gives no finite numbers.
        OSError: the folder takes no file.
    """
    from safetensors.torch import save

    prompts = sorted({model.prompt for model in MODELS.values() if model.prompt})
    encoder = load_encoder(folder / TEXT_ENCODER_FILE)
    tokens = {prompt: tokenize(folder / TOKENIZER_FILE, prompt) for prompt in prompts}
    blocks = [(block, sum(tensor.nbytes for tensor in block.parameters())) for block in encoder.encoder.block]
    with bar("embed the prompts", len(prompts) * sum(size for _, size in blocks)) as advance:
        for block, size in blocks:
            block.register_forward_hook(lambda *_, size=size: advance(size))
        embedded = {prompt: embed(encoder, tokens[prompt]) for prompt in prompts}
    for prompt, values in embedded.items():
        replace_file(folder / prompt_file(prompt), save({TENSOR: values.contiguous()}))
    return [folder / prompt_file(prompt) for prompt in prompts]


def load_encoder(file: Path) -> "UMT5EncoderModel":
    """Wan's text encoder (umT5-xxl in its own layout) as transformers' class, on the CPU in the file's precision.

    Its 11 GB stay on the disk: tensors are mapped, not read, and the class is built without storage.

    Raises:
        PerceptionError: a file that is no such encoder, or lacks or adds a tensor; which is named.
    """
    import torch
    from transformers import UMT5EncoderModel

    from perception.estimators.dkt.files import read_pth

    tensors = read_pth(file)
    renamed = {_transformers_name(name): tensor for name, tensor in tensors.items()}
    with torch.device("meta"):
        model = UMT5EncoderModel(_config(tensors, file))
    expected = {name: tensor.shape for name, tensor in model.state_dict().items()}
    expected.pop("encoder.embed_tokens.weight", None)  # the same tensor as `shared`
    missing, extra = sorted(set(expected) - set(renamed)), sorted(set(renamed) - set(expected))
    odd = sorted(name for name in set(renamed) & set(expected) if renamed[name].shape != expected[name])
    kinds = (("lacks", missing), ("has unknown", extra), ("has misshapen", odd))
    problems = [f"{what} {', '.join(names[:3])}{' and more' * (len(names) > 3)}" for what, names in kinds if names]
    if problems:
        raise PerceptionError(f"{file} is not Wan's umT5 encoder: it {'; it '.join(problems)}.", _AGAIN)
    model.load_state_dict(renamed, strict=False, assign=True)
    model.encoder.embed_tokens.weight = model.shared.weight
    return model.eval()


def tokenize(file: Path, prompt: str) -> list[int]:
    """The prompt's tokens and the end of sequence, by a tokenizer.json; white space as the released code cleans it.

    Raises:
        PerceptionError: no usable tokenizer.
    """
    from transformers import PreTrainedTokenizerFast

    try:
        # The class that takes the file as it is: T5's own builds another tokenizer from parts of it.
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(file))
        ids = [int(token) for token in tokenizer(" ".join(prompt.split())).input_ids]
        end = tokenizer.convert_tokens_to_ids(_END)
    except Exception as error:  # tokenizers raises bare Exception
        raise PerceptionError(f"The tokenizer {file} cannot be loaded ({error}).", _AGAIN) from error
    if len(ids) < 2 or ids[-1] != end:
        raise PerceptionError(f"The tokenizer {file} gives {ids} for {prompt!r}, with no {_END} last.", _AGAIN)
    return ids


def embed(encoder: "UMT5EncoderModel", tokens: list[int]) -> "Tensor":
    """Embeddings (1, n, width) float32 of n tokens; the encoder sees no padding, as under the released mask.

    Raises:
        PerceptionError: tokens that the encoder does not have, or values that are not finite.
    """
    import torch

    if max(tokens) >= encoder.config.vocab_size:
        raise PerceptionError(
            f"The tokenizer counts further ({max(tokens)}) than the text encoder ({encoder.config.vocab_size}).",
            f"They belong to different models. {_AGAIN}",
        )
    with torch.inference_mode():
        values = encoder(input_ids=torch.tensor([tokens])).last_hidden_state.float()
    if not values.isfinite().all():
        raise PerceptionError("The text encoder gives numbers that are not finite: it is damaged.", _AGAIN)
    return values


def _transformers_name(name: str) -> str:
    """transformers' name of a tensor of Wan's encoder; an unknown one keeps its own."""
    block = re.fullmatch(r"blocks\.(\d+)\.(.+)\.weight", name)
    if block and block[2] in _BLOCK:
        return f"encoder.block.{block[1]}.{_BLOCK[block[2]]}.weight"
    return _TOP.get(name, name)


def _config(tensors: Mapping[str, "Tensor"], file: Path) -> "UMT5Config":
    """All sizes from the tensors' shapes; the rest is umT5's: gated tanh-GELU, a position bias per layer."""
    from transformers import UMT5Config

    try:
        vocabulary, width = tensors["token_embedding.weight"].shape
        buckets, heads = tensors["blocks.0.pos_embedding.embedding.weight"].shape
        inner, hidden = tensors["blocks.0.attn.q.weight"].shape[0], tensors["blocks.0.ffn.fc1.weight"].shape[0]
        layers = 1 + max(int(match[1]) for name in tensors if (match := re.match(r"blocks\.(\d+)\.", name)))
    except (KeyError, ValueError) as error:
        raise PerceptionError(f"{file} is not Wan's umT5 encoder: it tells no size ({error}).", _AGAIN) from error
    return UMT5Config(
        vocab_size=vocabulary,
        d_model=width,
        d_kv=inner // heads,
        d_ff=hidden,
        num_layers=layers,
        num_heads=heads,
        relative_attention_num_buckets=buckets,
        feed_forward_proj="gated-gelu",
        is_encoder_decoder=False,
        use_cache=False,
    )
