"""What the hub publishes of the models, their weights tiny, and fetching from it."""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from safetensors.torch import save

from perception.weights.fetch import fetch, plan_fetch
from perception.weights.models import TEXT_ENCODER_FILE, TOKENIZER_FILE, find_model
from tests.support.hub_server import Hub, quiet_bar, serve
from tests.support.paths import MAIN
from tests.support.tiny.dkt import TinyDkt, tiny_dkt
from tests.support.tiny.text_encoder import pickled, tiny_encoder, tokenizer_json

SMALL, LARGE = "alibaba-pai/Wan2.1-Fun-1.3B-Control", "alibaba-pai/Wan2.1-Fun-14B-Control"
LORA = "Daniellesry/DKT-Depth-1-3B-v1.1"
BASE, VAE = "diffusion_pytorch_model.safetensors", "Wan2.1_VAE.pth"
#: A model of one plain file, to bring single files into trouble, and the repository that it comes from.
PLAIN, PLAIN_REPO = "depth-anything-v2-large", "depth-anything/Depth-Anything-V2-Large-hf"
WEIGHTS = random.Random(0).randbytes(50_000)


def release() -> dict[str, dict[str, bytes]]:
    """Repositories as they are published, their weights tiny."""
    small, large = tiny_dkt(0), tiny_dkt(1)
    encoder = pickled(tiny_encoder())

    def base(model: TinyDkt) -> dict[str, bytes]:
        return {
            BASE: save(model.transformer),
            VAE: pickled(model.vae),
            TEXT_ENCODER_FILE: encoder,
            "clip.pth": b"x" * 999,
        }

    def lora(model: TinyDkt) -> bytes:
        return save({f"diffusion_model.{k.replace('|', '.lora_')}.default.weight": t for k, t in model.lora.items()})

    return {
        SMALL: base(small),
        LARGE: base(large) | {VAE: pickled(small.vae)},
        LORA: {"README.md": b"DKT", "step-70000.safetensors": lora(small)},
        "Daniellesry/DKT-Depth-14B": {"dkt.safetensors": lora(large)},
        "Daniellesry/DKT-Normal-14B": {"dkt.safetensors": lora(tiny_dkt(2))},
        "Wan-AI/Wan2.1-T2V-1.3B": {TOKENIZER_FILE: tokenizer_json(), "google/umt5-xxl/spiece.model": b"unused"},
        PLAIN_REPO: {
            "config.json": b'{"model_type": "depth_anything"}',
            "preprocessor_config.json": b"{}",
            "model.safetensors": WEIGHTS,
        },
    }


@contextmanager
def only_hub(repos: dict[str, dict[str, bytes]], root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with these repositories, the only one that there is, and an empty folder for weights."""
    with serve(Hub({name: dict(files) for name, files in repos.items()})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setenv("VITRO_WEIGHTS", str(root / "weights"))
        monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 4096)
        monkeypatch.setattr("huggingface_hub.file_download.time", SimpleNamespace(sleep=lambda seconds: None))
        yield hub


def bring(name: str = PLAIN, keep: bool = False) -> Path:
    fetch(plan_fetch(name, keep), quiet_bar)
    return find_model(name).folder


class Told:
    """A bar's labels and the bytes that it was told of."""

    def __init__(self) -> None:
        self.bytes: Counter[str] = Counter()

    @contextmanager
    def bar(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        def advance(count: int) -> None:
            self.bytes[label] += count

        yield advance


def run(*arguments: str, **kwargs: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(MAIN), "weights", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)
