"""A small random base, for trying the training without weights: of the true build, and it knows nothing."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from perception.dkt.files import CONTEXT
from perception.dkt.load import random_transformer, random_vae
from perception.dkt.names import transformer_release_name, vae_release_name
from perception.dkt.sizes import TransformerSize, VaeSize

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
    """Writes the files of a weights folder, the LoRA aside; the same numbers every time."""
    folder.mkdir(parents=True, exist_ok=True)
    before = torch.get_rng_state()
    transformer = random_transformer(TRANSFORMER, torch.float32, _SEED)
    vae = random_vae(VAE, torch.float32, _SEED)
    prompt = torch.randn(1, _PROMPT_TOKENS, TRANSFORMER.text_dim)
    torch.set_rng_state(before)
    named = {transformer_release_name(name): tensor for name, tensor in transformer.state_dict().items()}
    save_file(named, folder / "transformer.safetensors")
    named = {vae_release_name(name, VAE.res_blocks): tensor for name, tensor in vae.state_dict().items()}
    save_file(named, folder / "vae.safetensors")
    save_file({"prompt_embeds": prompt}, folder / CONTEXT)
    (folder / "dims.json").write_text(json.dumps({"transformer": {"num_heads": TRANSFORMER.heads}}))
    return folder
