"""The models whose weights Vitro fetches: where they come from and where they are kept."""

import os
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigurationError, PerceptionError
from perception.weights.manifest import read_manifest

_APACHE = "Apache-2.0"
#: Within the text encoder's folder.
TEXT_ENCODER_FILE = "models_t5_umt5-xxl-enc-bf16.pth"
TOKENIZER_FILE = "google/umt5-xxl/tokenizer.json"


@dataclass(frozen=True)
class Source:
    """Files of one repository on the hub; a pattern's `*` matches within a folder.

    licence is what the repository's card stated when this was written; the hub's answer is shown
    beside it before anything is fetched. into: the folder, within the model's, that receives them;
    stored_as: what its one file is called there.
    """

    repo: str
    patterns: tuple[str, ...]
    licence: str
    into: str = ""
    stored_as: str = ""


@dataclass(frozen=True)
class Model:
    """One folder of weights; a model with a `prompt` also needs what the text encoder makes of it."""

    name: str
    purpose: str
    sources: tuple[Source, ...]
    prompt: str = ""


def _dkt(name: str, purpose: str, lora: str, base: str, prompt: str) -> Model:
    # The CLIP file of the base is not fetched: its features are zeros in every DKT.
    parts = Source(base, ("diffusion_pytorch_model*.safetensors", "Wan2.1_VAE.pth"), _APACHE)
    return Model(
        name, purpose, (Source(lora, ("*.safetensors",), _APACHE, stored_as="lora.safetensors"), parts), prompt
    )


_SMALL_BASE, _LARGE_BASE = "alibaba-pai/Wan2.1-Fun-1.3B-Control", "alibaba-pai/Wan2.1-Fun-14B-Control"
_SVD_FILES = (
    "model_index.json",
    "feature_extractor/*.json",
    "scheduler/*.json",
    "image_encoder/config.json",
    "image_encoder/model.fp16.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.fp16.safetensors",
)

MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        _dkt("dkt-1.3b", "depth for the cell", "Daniellesry/DKT-Depth-1-3B-v1.1", _SMALL_BASE, "depth"),
        _dkt("dkt-14b", "depth, offline", "Daniellesry/DKT-Depth-14B", _LARGE_BASE, "depth"),
        _dkt("dkt-normal-14b", "surface normals", "Daniellesry/DKT-Normal-14B", _LARGE_BASE, "normal"),
        Model(
            "depth-anything-v2-large",
            "disparity of single images",
            (Source("depth-anything/Depth-Anything-V2-Large-hf", ("*.json", "model.safetensors"), "CC-BY-NC-4.0"),),
        ),
        Model(
            "depthcrafter",
            "disparity of clips",
            (
                Source(
                    "tencent/DepthCrafter",
                    ("config.json", "diffusion_pytorch_model.safetensors"),
                    "Tencent DepthCrafter (research only)",
                    into="unet",
                ),
                Source(
                    "stabilityai/stable-video-diffusion-img2vid-xt", _SVD_FILES, "Stability AI Community (restricted)"
                ),
            ),
        ),
        Model(
            "marigold-e2e",
            "depth of single images",
            (
                Source(
                    "GonzaloMG/marigold-e2e-ft-depth",
                    ("model_index.json", "*/*.json", "*/*.txt", "*/*model.safetensors"),
                    _APACHE,
                ),
            ),
        ),
    )
}

#: Only needed to embed the prompts, once for all models. Every Wan 2.1 repository carries the same encoder.
TEXT_ENCODER = Model(
    "umt5-xxl",
    "embeds the prompts",
    (
        # The released code takes the tokenizer from this repository.
        Source("Wan-AI/Wan2.1-T2V-1.3B", (TOKENIZER_FILE,), _APACHE),
        Source(_SMALL_BASE, (TEXT_ENCODER_FILE,), _APACHE),
    ),
)


def find_model(name: str) -> Model:
    """The model called `name`.

    Raises:
        ConfigurationError: there is none; lists those there are.
    """
    if name not in MODELS:
        raise ConfigurationError(f"There is no model called {name!r}.", f"Choose one of: {', '.join(MODELS)}.")
    return MODELS[name]


def weights_root() -> Path:
    """The folder that holds every model's: $VITRO_WEIGHTS, else `weights/` beside main.py."""
    return Path(os.environ.get("VITRO_WEIGHTS") or Path(__file__).parents[2] / "weights").expanduser()


def weights_folder(name: str) -> Path:
    """Where the weights of the model called `name` are, or will be.

    Raises:
        ConfigurationError: no such model.
    """
    return weights_root() / find_model(name).name


def is_complete(name: str) -> bool:
    """Whether every file of the model is there in its full size; cheap, reads no weights.

    Raises:
        ConfigurationError: no such model.
    """
    return is_whole(weights_folder(name))


def is_whole(folder: Path) -> bool:
    """Whether a folder has a manifest and the files that it names, in their sizes."""
    try:
        manifest = read_manifest(folder)
    except PerceptionError:
        return False
    return manifest is not None and not manifest.other_sizes(folder)
