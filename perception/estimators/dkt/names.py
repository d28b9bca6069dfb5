"""What the Wan release calls the tensors of diffusers' classes."""

import re

_BLOCK = {
    "scale_shift_table": "modulation",
    "norm2": "norm3",
    "ffn.net.0.proj": "ffn.0",
    "ffn.net.2": "ffn.2",
}
_ATTENTION = {
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "o",
    "norm_q": "norm_q",
    "norm_k": "norm_k",
    "add_k_proj": "k_img",
    "add_v_proj": "v_img",
    "norm_added_k": "norm_k_img",
}
_TOP = {
    "patch_embedding": "patch_embedding",
    "condition_embedder.text_embedder.linear_1": "text_embedding.0",
    "condition_embedder.text_embedder.linear_2": "text_embedding.2",
    "condition_embedder.time_embedder.linear_1": "time_embedding.0",
    "condition_embedder.time_embedder.linear_2": "time_embedding.2",
    "condition_embedder.time_proj": "time_projection.1",
    "condition_embedder.image_embedder.norm1": "img_emb.proj.0",
    "condition_embedder.image_embedder.ff.net.0.proj": "img_emb.proj.1",
    "condition_embedder.image_embedder.ff.net.2": "img_emb.proj.3",
    "condition_embedder.image_embedder.norm2": "img_emb.proj.4",
    "proj_out": "head.head",
    "scale_shift_table": "head.modulation",
}
_VAE_TOP = {
    "quant_conv": "conv1",
    "post_quant_conv": "conv2",
    "conv_in": "conv1",
    "norm_out": "head.0",
    "conv_out": "head.2",
}
_RESIDUAL = {
    "norm1": "residual.0",
    "conv1": "residual.2",
    "norm2": "residual.3",
    "conv2": "residual.6",
    "conv_shortcut": "shortcut",
}


def transformer_release_name(name: str) -> str:
    """The release's name of a tensor (or module) of `WanTransformer3DModel`."""
    module, kind = _split(name)
    block = re.fullmatch(r"(blocks\.\d+)\.(.+)", module)
    if block is None:
        return _TOP[module] + kind
    attention = re.fullmatch(r"attn([12])\.(.+)", block[2])
    if attention is None:
        return f"{block[1]}.{_BLOCK[block[2]]}{kind}"
    return f"{block[1]}.{'self' if attention[1] == '1' else 'cross'}_attn.{_ATTENTION[attention[2]]}{kind}"


def vae_release_name(name: str, res_blocks: int) -> str:
    """The release's name of a tensor of `AutoencoderKLWan` with `res_blocks` residual blocks a level."""
    module, kind = _split(name)
    half, _, rest = module.partition(".")
    if not rest:
        return _VAE_TOP[half] + kind
    return f"{half}.{_VAE_TOP.get(rest) or _vae_module(rest, res_blocks)}{kind}"


def _vae_module(rest: str, res_blocks: int) -> str:
    if middle := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", rest):
        index = 1 if middle[1] == "attentions" else 2 * int(middle[2])
        return f"middle.{index}.{_RESIDUAL.get(middle[3], middle[3])}"
    if down := re.fullmatch(r"down_blocks\.(\d+)\.(.+)", rest):
        return f"downsamples.{down[1]}.{_RESIDUAL.get(down[2], down[2])}"
    up = re.fullmatch(r"up_blocks\.(\d+)\.(resnets|upsamplers)\.(\d+)\.(.+)", rest)
    assert up is not None, rest
    # diffusers counts blocks within a level; the release counts on: one more residual block than going
    # down, then the upsampler.
    within = int(up[3]) if up[2] == "resnets" else res_blocks + 1
    return f"upsamples.{int(up[1]) * (res_blocks + 2) + within}.{_RESIDUAL.get(up[4], up[4])}"


def _split(name: str) -> tuple[str, str]:
    """Module and the tensor within it: `.weight`, `.bias`, `.gamma` or nothing."""
    module, dot, kind = name.rpartition(".")
    return (module, dot + kind) if kind in ("weight", "bias", "gamma") else (name, "")
