"""Fetching ends with the hub's very bytes or a named error, and never starts over."""

import errno
import fcntl
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from hub_server import COMMIT, Hub, quiet_bar, serve
from safetensors.torch import save
from tiny_dkt import TinyDkt, tiny_dkt
from tiny_text_encoder import pickled, tiny_encoder, tokenizer_json

from app.commands.weights import fetch_weights, show_weights, verify_weights
from errors import ConfigurationError, PerceptionError
from perception.weights.fetch import demand_disk, fetch, plan_fetch
from perception.weights.manifest import read_manifest
from perception.weights.models import (
    MODELS,
    TEXT_ENCODER,
    TEXT_ENCODER_FILE,
    TOKENIZER_FILE,
    is_complete,
    weights_folder,
)
from perception.weights.verify import verify_folder

MAIN = Path(__file__).parent.parent / "main.py"
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


@pytest.fixture(scope="module")
def repos() -> dict[str, dict[str, bytes]]:
    return release()


@pytest.fixture
def hub(repos: dict[str, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The hub, the only one that there is, and an empty folder for weights."""
    with serve(Hub({name: dict(files) for name, files in repos.items()})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setenv("VITRO_WEIGHTS", str(tmp_path / "weights"))
        monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 4096)
        monkeypatch.setattr("huggingface_hub.file_download.time", SimpleNamespace(sleep=lambda seconds: None))
        yield hub


def bring(name: str = PLAIN, keep: bool = False) -> Path:
    fetch(plan_fetch(name, keep), quiet_bar)
    return weights_folder(name)


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


# What a fetch brings.


def test_a_fetched_dkt_is_sound(hub: Hub) -> None:
    assert not is_complete("dkt-1.3b")
    folder = bring("dkt-1.3b")
    assert is_complete("dkt-1.3b")
    assert sorted(path.name for path in folder.iterdir()) == [
        VAE, "context.safetensors", BASE, "lora.safetensors", "manifest.json",
    ]  # fmt: skip
    verdict = verify_folder(folder, quiet_bar, "dkt-1.3b")
    assert verdict.problems == ()
    assert {part.recognised.split()[0] for part in verdict.parts} >= {"2", "rank"}


def test_it_is_the_hubs_bytes_with_their_origin(hub: Hub) -> None:
    folder = bring("dkt-1.3b")
    assert (folder / BASE).read_bytes() == hub.repos[SMALL][BASE]
    manifest = read_manifest(folder)
    assert manifest is not None
    record = manifest.files["lora.safetensors"]
    assert (record.repo, record.revision) == (LORA, COMMIT)
    assert record.size == (folder / "lora.safetensors").stat().st_size


def test_only_what_is_needed_is_transferred(hub: Hub) -> None:
    bring("dkt-1.3b")
    fetched = {file for file, _ in hub.transfers}
    assert fetched == {BASE, VAE, TEXT_ENCODER_FILE, TOKENIZER_FILE, "step-70000.safetensors"}


@pytest.mark.parametrize("keep", [False, True])
def test_the_text_encoder_goes_unless_it_is_kept(hub: Hub, keep: bool) -> None:
    encoder = bring("dkt-1.3b", keep).parent / TEXT_ENCODER.name / TEXT_ENCODER_FILE
    assert encoder.exists() is keep


def test_models_share_what_they_have_in_common(hub: Hub) -> None:
    folders = [bring("dkt-1.3b"), bring("dkt-14b")]
    hub.transfers.clear()
    folders.append(bring("dkt-normal-14b"))
    assert [file for file, _ in hub.transfers] == ["dkt.safetensors"]
    assert len({(folder / VAE).stat().st_ino for folder in folders}) == 1
    assert (folders[1] / BASE).samefile(folders[2] / BASE)
    assert not (folders[0] / BASE).samefile(folders[1] / BASE)
    contexts = [(folder / "context.safetensors").read_bytes() for folder in folders]
    assert contexts[0] == contexts[1] != contexts[2]


def test_a_complete_model_needs_no_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    bring()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert fetch_weights(PLAIN, keep_encoder=False, as_json=False) == 0


@pytest.mark.parametrize("damage", ["deleted", "cut off"])
def test_only_the_damaged_file_is_fetched_again(hub: Hub, damage: str) -> None:
    folder = bring("dkt-1.3b")
    hub.transfers.clear()
    if damage == "deleted":
        (folder / VAE).unlink()
    else:
        os.truncate(folder / VAE, 100)
    assert not is_complete("dkt-1.3b")
    bring("dkt-1.3b")
    assert is_complete("dkt-1.3b")
    assert hub.transfers == [(VAE, 0)]


def test_a_changed_file_of_the_same_size_is_fetched_again(hub: Hub) -> None:
    folder = bring()
    (folder / "model.safetensors").write_bytes(bytes(len(WEIGHTS)))
    (folder / "manifest.json").unlink()
    bring()
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


# Lines that break.


@pytest.mark.parametrize("resets", [False, True], ids=["closed", "reset"])
def test_a_transfer_that_breaks_off_goes_on_where_it_was(hub: Hub, resets: bool) -> None:
    hub.cuts, hub.resets = {"model.safetensors": [10_000, 20_000]}, resets
    told = Told()
    fetch(plan_fetch(PLAIN), told.bar)
    folder = weights_folder(PLAIN)
    assert told.bytes["fetch model.safetensors"] == len(WEIGHTS)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    starts = [start for file, start in hub.transfers if file == "model.safetensors"]
    assert len(starts) == 3
    assert 0 == starts[0] < starts[1] < starts[2]


def test_a_line_that_brings_nothing_is_given_up_and_keeps_what_came(hub: Hub) -> None:
    hub.cuts = {"model.safetensors": [10_000, *[0] * 20]}
    with pytest.raises(PerceptionError, match="cannot be reached"):
        bring()
    assert not is_complete(PLAIN)
    hub.cuts.clear()
    hub.transfers.clear()
    bring()
    assert hub.transfers == [("model.safetensors", 8192)]


def test_a_server_that_ignores_ranges_costs_only_time(hub: Hub) -> None:
    hub.cuts, hub.ignores_ranges = {"model.safetensors": [10_000]}, True
    told = Told()
    fetch(plan_fetch(PLAIN), told.bar)
    assert (weights_folder(PLAIN) / "model.safetensors").read_bytes() == WEIGHTS
    assert told.bytes["fetch model.safetensors"] == len(WEIGHTS)


def test_a_killed_fetch_goes_on_where_it_was(hub: Hub, tmp_path: Path) -> None:
    big = random.Random(1).randbytes(24_000_000)
    hub.repos[PLAIN_REPO]["model.safetensors"] = big
    hub.stalls = {"model.safetensors": 15_000_000}
    process = run("fetch", PLAIN)
    partials = tmp_path / "weights" / ".partial"
    until = time.monotonic() + 60
    while not any(path.stat().st_size > 1_000_000 for path in partials.glob("*")) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = max(path.stat().st_size for path in partials.glob("*"))
    assert not is_complete(PLAIN)
    hub.go_on.set()
    process = run("fetch", PLAIN)
    assert "complete" in process.communicate()[0]
    assert process.returncode == 0
    assert hub.transfers[-1] == ("model.safetensors", kept)
    assert (weights_folder(PLAIN) / "model.safetensors").read_bytes() == big
    assert not list(partials.iterdir())


# What is not as promised.


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"], ids=["by SHA-256", "by git's hash"])
def test_damage_on_the_way_is_seen_and_thrown_away(hub: Hub, file: str, tmp_path: Path) -> None:
    hub.swapped = {file: bytes(len(hub.repos[PLAIN_REPO][file]))}
    with pytest.raises(PerceptionError, match=f"{file} arrived damaged"):
        bring()
    assert not is_complete(PLAIN)
    assert not (weights_folder(PLAIN) / file).exists()
    assert not list((tmp_path / "weights" / ".partial").iterdir())
    hub.swapped = {}
    bring()
    assert is_complete(PLAIN)


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (403, "GatedRepo", "is gated"),
        (401, "GatedRepo", "is gated"),
        (404, "EntryNotFound", "404"),
        (403, "", "403"),
        (500, "", "500"),
    ],
)
def test_refusals_are_told_apart(hub: Hub, status: int, code: str, message: str) -> None:
    hub.refusals = {PLAIN_REPO: (status, code)}
    with pytest.raises(PerceptionError, match=message) as told:
        bring()
    assert "run the command again" in told.value.remedy


def test_a_repository_that_is_gone_is_named(hub: Hub) -> None:
    del hub.repos[PLAIN_REPO]
    with pytest.raises(PerceptionError, match=PLAIN_REPO):
        plan_fetch(PLAIN)


def test_a_file_that_is_gone_is_named_before_anything_is_fetched(hub: Hub) -> None:
    del hub.repos[SMALL][VAE]
    with pytest.raises(PerceptionError, match=f"{SMALL} has no file {VAE}"):
        plan_fetch("dkt-1.3b")
    assert not hub.transfers


def test_two_loras_are_not_chosen_between(hub: Hub) -> None:
    hub.repos[LORA]["another.safetensors"] = b"x" * 2000
    with pytest.raises(PerceptionError, match="several files"):
        plan_fetch("dkt-1.3b")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://no.such.host.invalid"])
def test_no_network_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(PerceptionError, match="cannot be reached") as told:
        plan_fetch(PLAIN)
    assert "HF_ENDPOINT" in told.value.remedy


def test_a_page_that_is_not_the_hubs_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hub, "listing", lambda self, repo: {"please": "sign in"})
    with pytest.raises(PerceptionError, match="does not answer as the hub"):
        plan_fetch(PLAIN)


@pytest.mark.parametrize("address", ["ftp://x", "huggingface.co", "http://x:port"])
def test_an_endpoint_that_is_no_address_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(ConfigurationError, match="HF_ENDPOINT"):
        plan_fetch(PLAIN)


def test_offline_mode_is_obeyed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(PerceptionError, match="HF_HUB_OFFLINE"):
        plan_fetch(PLAIN)


def test_an_unknown_model_lists_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"dkt-1\.3b.*marigold"):
        plan_fetch("dkt-7b")


# Disks.


def test_a_disk_too_small_is_refused_before_anything_is_fetched(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_fetch(PLAIN)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=plan.needed_bytes - 1))
    with pytest.raises(PerceptionError, match="needs") as told:
        demand_disk(plan)
    assert "VITRO_WEIGHTS" in told.value.remedy
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=plan.needed_bytes))
    demand_disk(plan)
    assert not hub.transfers


def test_what_is_there_needs_no_more_disk(hub: Hub) -> None:
    first = plan_fetch("dkt-1.3b")
    encoder, files = len(hub.repos[SMALL][TEXT_ENCODER_FILE]), first.missing_bytes
    assert first.needed_bytes == max(files - encoder, encoder + len(tokenizer_json()))
    bring("dkt-1.3b")
    assert plan_fetch("dkt-1.3b").needed_bytes == 0
    assert plan_fetch("dkt-14b").missing_bytes == sum(part.size for part in plan_fetch("dkt-14b").listings) - len(
        hub.repos[SMALL][VAE]
    )


def test_a_disk_that_fills_up_on_the_way_is_named_and_what_came_is_kept(hub: Hub, tmp_path: Path) -> None:
    limit = 20_000

    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = run("fetch", PLAIN, preexec_fn=fill)
    error = process.communicate()[1]
    assert process.returncode == 1
    assert os.strerror(errno.EFBIG) in error and "df -h" in error
    assert not is_complete(PLAIN)
    assert max(path.stat().st_size for path in (tmp_path / "weights" / ".partial").iterdir()) == limit
    bring()
    assert hub.transfers[-1] == ("model.safetensors", limit)


def test_two_fetches_do_not_write_the_same_files(hub: Hub, tmp_path: Path) -> None:
    plan = plan_fetch(PLAIN)
    (tmp_path / "weights").mkdir()
    with (tmp_path / "weights" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PerceptionError, match="Another"):
            fetch(plan, quiet_bar)
    fetch(plan, quiet_bar)


# What people see.


def test_licences_and_sizes_are_shown_first_and_the_hub_keeps_silent(hub: Hub) -> None:
    hub.licences = {PLAIN_REPO: "cc-by-nc-4.0"}
    process = run("fetch", PLAIN, "--json", env=os.environ | {"HF_HUB_DISABLE_PROGRESS_BARS": "0"})
    output, errors = process.communicate()
    assert process.returncode == 0
    assert json.loads(output)["complete"] is True
    assert "cc-by-nc-4.0" in errors and "50.0 kB" in errors
    assert "Downloading" not in errors and "warn" not in errors.lower()


def test_every_model_is_shown_with_its_state_and_command(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    bring()
    (weights_folder("dkt-14b")).mkdir()
    (weights_folder("dkt-14b") / VAE).write_bytes(b"half")
    assert show_weights(as_json=True) == 0
    models = {row["name"]: row for row in json.loads(capsys.readouterr().out)["models"]}
    assert set(models) == set(MODELS)
    states = {name: row["state"] for name, row in models.items()}
    assert (states[PLAIN], states["dkt-14b"], states["dkt-1.3b"]) == ("complete", "partial", "absent")
    assert models["dkt-14b"]["command"].endswith("weights fetch dkt-14b")
    assert models[PLAIN]["size"] >= len(WEIGHTS)


def test_verification_needs_something_to_verify(hub: Hub) -> None:
    with pytest.raises(PerceptionError, match="no weights"):
        verify_weights("", as_json=False)
    with pytest.raises(PerceptionError, match=r"dkt-1\.3b is not in"):
        verify_weights("dkt-1.3b", as_json=False)
