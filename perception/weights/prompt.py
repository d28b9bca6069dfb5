"""The prompts' embeddings, computed once by the text encoder, so that no run ever loads it."""

from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import PerceptionError
from core.files import replace_file
from perception.weights.models import MODELS, TEXT_ENCODER_FILE, TOKENIZER_FILE
from perception.weights.transfer import Bar
from perception.weights.umt5 import load_encoder

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import UMT5EncoderModel

#: What it is called beside a model's weights, and the tensor's name in it.
CONTEXT, TENSOR = "context.safetensors", "prompt_embeds"

_END = "</s>"
_AGAIN = "Delete it and fetch it again: python main.py weights fetch dkt-1.3b."


def prompt_file(prompt: str) -> str:
    """What a prompt's embedding is called beside the encoder."""
    return f"{prompt}.safetensors"


def embed_prompts(folder: Path, bar: Bar) -> list[Path]:
    """Embeds every model's prompt with the encoder and tokenizer in `folder`; returns the files written there.

    Raises:
        PerceptionError: an encoder or tokenizer that is not what it should be, or gives no finite numbers.
        OSError: the folder takes no file.
    """
    prompts = sorted({model.prompt for model in MODELS.values() if model.prompt})
    encoder = load_encoder(folder / TEXT_ENCODER_FILE)
    tokens = {prompt: tokenize(folder / TOKENIZER_FILE, prompt) for prompt in prompts}
    blocks = [(block, sum(tensor.nbytes for tensor in block.parameters())) for block in encoder.encoder.block]
    with bar("embed the prompts", len(prompts) * sum(size for _, size in blocks)) as advance:
        for block, size in blocks:
            block.register_forward_hook(lambda *_, size=size: advance(size))
        embedded = {prompt: embed(encoder, tokens[prompt]) for prompt in prompts}
    return [_write(folder / prompt_file(prompt), values) for prompt, values in embedded.items()]


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


def _write(path: Path, values: "Tensor") -> Path:
    from safetensors.torch import save

    replace_file(path, save({TENSOR: values.contiguous()}))
    return path
