"""The models whose weights Vitro fetches: those of the estimators, and what embeds prompts for them."""

from core.errors import ConfigurationError, PerceptionError, did_you_mean
from perception.estimators.dkt.estimator import SMALL_BASE
from perception.estimators.registry import ESTIMATORS
from perception.weights.manifest import read_manifest
from perception.weights.sources import APACHE, Model, Source

#: Within the text encoder's folder.
TEXT_ENCODER_FILE = "models_t5_umt5-xxl-enc-bf16.pth"
TOKENIZER_FILE = "google/umt5-xxl/tokenizer.json"

MODELS: dict[str, Model] = {
    estimator.weights.name: estimator.weights for estimator in ESTIMATORS.values() if estimator.weights
}

#: Only needed to embed the prompts, once for all models. Every Wan 2.1 repository carries the same encoder.
TEXT_ENCODER = Model(
    "umt5-xxl",
    "embeds the prompts",
    (
        # The released code takes the tokenizer from this repository.
        Source("Wan-AI/Wan2.1-T2V-1.3B", (TOKENIZER_FILE,), APACHE),
        Source(SMALL_BASE, (TEXT_ENCODER_FILE,), APACHE),
    ),
)


def find_model(name: str) -> Model:
    """The model called `name`.

    Raises:
        ConfigurationError: there is none; lists those there are.
    """
    if name not in MODELS:
        raise ConfigurationError(
            f"There is no model called {name!r}.{did_you_mean(name, MODELS)}", f"Choose one of: {', '.join(MODELS)}."
        )
    return MODELS[name]


def is_complete(name: str) -> bool:
    """Whether every file of the model is there in its full size; cheap, reads no weights.

    Raises:
        ConfigurationError: no such model.
    """
    folder = find_model(name).folder
    try:
        manifest = read_manifest(folder)
    except PerceptionError:
        return False
    return manifest is not None and not manifest.other_sizes(folder)
