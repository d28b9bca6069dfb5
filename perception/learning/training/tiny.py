"""A small random base, for trying the training without weights: of the true build, and it knows nothing."""

import json
from pathlib import Path

import torch
from safetensors.torch import save

from core.files import whole_folder
from perception.estimators.dkt.files import CONTEXT
from perception.estimators.dkt.load import random_transformer, random_vae
from perception.estimators.dkt.names import transformer_release_name, vae_release_name
from perception.estimators.dkt.sizes import TransformerSize, VaeSize
from perception.learning.training.files import writing_run

#: What it is called wherever it shows.
NAME = "tiny random base (no released weights: its depth means nothing)"
TRANSFORMER = TransformerSize(
    heads=2,
    head_dim=32,
    layers=2,
    ffn_dim=128,
    in_channels=48,
    out_channels=16,
    text_dim=64,
    freq_dim=32,
    patch=(1, 2, 2),
    image_dim=1280,
)
VAE = VaeSize(base_dim=4, z_dim=16, dim_mult=(1, 2, 4, 4), res_blocks=1, temporal_downsample=(False, True, True))
_PROMPT_TOKENS, _SEED = 2, 0


def write_tiny_base(folder: Path) -> Path:
    """Makes a weights folder, whole or not at all, the LoRA aside; the same numbers every time.

    Raises:
        TrainingError: the disk takes no more, or something of that name is there.
    """
    before = torch.get_rng_state()
    transformer = random_transformer(TRANSFORMER, torch.float32, _SEED)
    vae = random_vae(VAE, torch.float32, _SEED)
    prompt = torch.randn(1, _PROMPT_TOKENS, TRANSFORMER.text_dim)
    torch.set_rng_state(before)
    numbers = {transformer_release_name(name): tensor for name, tensor in transformer.state_dict().items()}
    vae_numbers = {vae_release_name(name, VAE.res_blocks): tensor for name, tensor in vae.state_dict().items()}
    dims = {"transformer": {"num_heads": TRANSFORMER.heads}}
    with writing_run(folder), whole_folder(folder) as partial:
        (partial / "transformer.safetensors").write_bytes(save(numbers))
        (partial / "vae.safetensors").write_bytes(save(vae_numbers))
        (partial / CONTEXT).write_bytes(save({"prompt_embeds": prompt}))
        (partial / "dims.json").write_text(json.dumps(dims))
    return folder
