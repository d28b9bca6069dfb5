"""Weights in the layout of transformers and diffusers: loaded whole, or refused by name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import PerceptionError, VitroError
from core.text_file import read_json
from perception.weights.sources import weights_root

if TYPE_CHECKING:
    import torch

#: Buffers that old checkpoints hold and today's classes compute.
_COMPUTED = ("position_ids",)
_STEMS = ("diffusion_pytorch_model", "model")


def find_folder(name: str, weights: Path | None) -> Path:
    """The weights folder of the estimator `name`: the one given, else where `weights fetch` stores it.

    Raises:
        PerceptionError: there is none.
    """
    folder = weights_root() / name if weights is None else weights
    if not folder.is_dir():
        raise PerceptionError(f"There are no weights of {name} in {folder}.", _fetch(name))
    return folder


def load_part(name: str, kind: Any, folder: Path, dtype: "torch.dtype", known_as: tuple[str, ...] = ()) -> Any:
    """One model from `folder`, ready for inference on the CPU: `kind` is its class in transformers or diffusers.

    known_as: other class names that its configuration may carry.

    Raises:
        PerceptionError: the folder is missing, holds another model, or lacks or exceeds its tensors.
    """
    config = read_config(name, folder / "config.json")
    says = {*(config.get("architectures") or ()), config.get("_class_name")} - {None}
    if not says & {kind.__name__, *known_as}:
        raise PerceptionError(
            f"{folder} holds {', '.join(sorted(says)) or 'an unnamed model'}, not the {kind.__name__} of {name}.",
            _fetch(name),
        )
    # The two libraries differ in a word, and in whether they can report a misshapen tensor or only raise.
    is_diffusers = kind.__module__.startswith("diffusers")
    own: dict[str, Any] = {"torch_dtype": dtype} if is_diffusers else {"dtype": dtype, "ignore_mismatched_sizes": True}
    with report_damage(name, folder):
        loaded, info = kind.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            variant=_variant(folder),
            **own,
        )
    wrong = {
        "lacks": info["missing_keys"],
        "has unknown": [k for k in info["unexpected_keys"] if not k.endswith(_COMPUTED)],
        "has misshapen": info["mismatched_keys"],
    }
    for what, keys in wrong.items():
        if keys:
            some = ", ".join(str(key) for key in sorted(keys, key=str)[:3])
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            raise PerceptionError(f"{folder} {what} tensors: {some}{more}.", _fetch(name))
    return loaded.eval().requires_grad_(False)


def read_config(name: str, path: Path) -> dict[str, Any]:
    """A JSON configuration of the model `name`.

    Raises:
        PerceptionError: it is missing or is no JSON object.
    """
    try:
        config = read_json(path)
    except OSError as error:
        raise PerceptionError(f"{path} cannot be read ({error.strerror}).", _fetch(name)) from None
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise PerceptionError(f"{path} is not a JSON object: it is damaged.", _fetch(name))
    return config


@contextmanager
def report_damage(name: str, folder: Path) -> Iterator[None]:
    """Turns what the libraries raise over a damaged folder into a PerceptionError."""
    try:
        with _quiet():
            yield
    except VitroError:
        raise
    except Exception as error:  # of three libraries, over configurations and tensors of any kind
        # What follows the first sentence advises programmers.
        first = " ".join(str(error).split()).split(". ")[0]
        raise PerceptionError(f"{folder} cannot be loaded: {first[:300].rstrip('.')}.", _fetch(name)) from error


def _variant(folder: Path) -> str | None:
    """`fp16` where only such files are there, as in the half-precision downloads of the hub."""
    whole = any(path for stem in _STEMS for path in folder.glob(f"{stem}*.safetensors") if ".fp16" not in path.name)
    return None if whole or not any(folder.glob("*.fp16*.safetensors")) else "fp16"


@contextmanager
def _quiet() -> Iterator[None]:
    """Loading without the libraries' bars and tables: what matters is raised."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    before = transformers_logging.get_verbosity(), diffusers_logging.get_verbosity()
    had_bar = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    diffusers_logging.set_verbosity(diffusers_logging.CRITICAL)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(before[0])
        diffusers_logging.set_verbosity(before[1])
        if had_bar:
            transformers_logging.enable_progress_bar()


def _fetch(name: str) -> str:
    return f"Give a whole download with --weights, or run python main.py weights fetch {name}."
