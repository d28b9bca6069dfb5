"""Fetching brings the hub's very bytes, in any number of attempts, and no more than is needed."""

import errno
import fcntl
import json
import os
import random
import resource
import shutil
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.weights.command import fetch_weights
from app.weights.options import FetchOptions
from core.errors import PerceptionError
from perception.weights.fetch import demand_disk, fetch, plan_fetch
from perception.weights.manifest import read_manifest
from perception.weights.models import (
    TEXT_ENCODER,
    TEXT_ENCODER_FILE,
    TOKENIZER_FILE,
    find_model,
    is_complete,
)
from perception.weights.verify import verify_folder
from tests.support.hub_server import COMMIT, Hub, quiet_bar
from tests.support.tiny.hub import (
    BASE,
    LORA,
    PLAIN,
    PLAIN_REPO,
    SMALL,
    VAE,
    WEIGHTS,
    Told,
    bring,
    run,
)
from tests.support.tiny.text_encoder import tokenizer_json

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
    assert fetch_weights(FetchOptions(PLAIN)) == 0


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
    folder = find_model(PLAIN).folder
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
    assert (find_model(PLAIN).folder / "model.safetensors").read_bytes() == WEIGHTS
    assert told.bytes["fetch model.safetensors"] == len(WEIGHTS)


def test_a_killed_fetch_goes_on_where_it_was(hub: Hub, tmp_path: Path) -> None:
    big = random.Random(1).randbytes(24_000_000)
    hub.repos[PLAIN_REPO]["model.safetensors"] = big
    hub.stalls = {"model.safetensors": 15_000_000}
    process = run("fetch", PLAIN)
    partials = tmp_path / "weights" / ".partial"
    until = time.monotonic() + 240
    while not any(path.stat().st_size > 1_000_000 for path in partials.glob("*")) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = max(path.stat().st_size for path in partials.glob("*"))
    assert not is_complete(PLAIN)
    hub.go_on.set()
    bring()
    assert is_complete(PLAIN)
    assert hub.transfers[-1] == ("model.safetensors", kept)
    assert (find_model(PLAIN).folder / "model.safetensors").read_bytes() == big
    assert not list(partials.iterdir())


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


@pytest.mark.slow
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


@pytest.mark.parametrize("stated", ["../../outside", "/etc/passwd", "0" * 63 + "/", "A" * 64])
def test_a_mirror_names_no_file_outside(hub: Hub, tmp_path: Path, stated: str) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    hub.stated = dict.fromkeys(hub.repos[PLAIN_REPO], stated)
    with pytest.raises(PerceptionError, match="does not answer as the hub does"):
        plan_fetch(PLAIN)
    assert outside.read_bytes() == b"mine" and not hub.transfers


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", "", "a\\b", "a\0b"])
def test_a_manifest_names_no_file_outside(tmp_path: Path, name: str) -> None:
    record = {"size": 4, "sha256": "0" * 64, "repo": "a/b", "revision": COMMIT}
    (tmp_path / "manifest.json").write_text(json.dumps({"model": PLAIN, "files": {name: record}}))
    with pytest.raises(PerceptionError, match=r"manifest.json .* names no file in its folder"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("record", [{"size": -1}, {"size": "4"}, {"sha256": 5}, {"sha256": "../x"}, {"more": 1}])
def test_a_manifest_of_another_shape_is_named(tmp_path: Path, record: dict[str, object]) -> None:
    sound = {"size": 4, "sha256": "0" * 64, "repo": "a/b", "revision": COMMIT}
    (tmp_path / "manifest.json").write_text(json.dumps({"model": PLAIN, "files": {"a": sound | record}}))
    with pytest.raises(PerceptionError, match=r"manifest.json cannot be read"):
        read_manifest(tmp_path)
