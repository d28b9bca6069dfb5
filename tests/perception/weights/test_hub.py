"""What the hub refuses, breaks or lacks is a named error, and nothing of it is kept."""

import json
import os
from pathlib import Path

import pytest

from app.weights.command import show_weights, verify_weights
from app.weights.options import VerifyOptions, WhereOptions
from core.errors import ConfigurationError, PerceptionError
from perception.weights.fetch import plan_fetch
from perception.weights.models import MODELS, find_model, is_complete
from tests.support.hub_server import Hub
from tests.support.tiny.hub import LORA, PLAIN, PLAIN_REPO, SMALL, VAE, WEIGHTS, bring, run


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"], ids=["by SHA-256", "by git's hash"])
def test_damage_on_the_way_is_seen_and_thrown_away(hub: Hub, file: str, tmp_path: Path) -> None:
    hub.swapped = {file: bytes(len(hub.repos[PLAIN_REPO][file]))}
    with pytest.raises(PerceptionError, match=f"{file} arrived damaged"):
        bring()
    assert not is_complete(PLAIN)
    assert not (find_model(PLAIN).folder / file).exists()
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


def test_a_partial_file_that_rotted_is_not_believed(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = {"model.safetensors": [10_000, *[0] * 20]}
    with pytest.raises(PerceptionError):
        bring()
    partial = next((tmp_path / "weights" / ".partial").iterdir())
    partial.write_bytes(bytes(partial.stat().st_size))
    hub.cuts.clear()
    with pytest.raises(PerceptionError, match="arrived damaged"):
        bring()
    assert (bring() / "model.safetensors").read_bytes() == WEIGHTS


# What people see.


@pytest.mark.slow
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
    (find_model("dkt-14b").folder).mkdir()
    (find_model("dkt-14b").folder / VAE).write_bytes(b"half")
    assert show_weights(WhereOptions(as_json=True)) == 0
    result = json.loads(capsys.readouterr().out)
    models = {row["name"]: row for row in result["models"]}
    assert set(models) == set(MODELS)
    states = {name: row["state"] for name, row in models.items()}
    assert (states[PLAIN], states["dkt-14b"], states["dkt-1.3b"]) == ("complete", "partial", "absent")
    assert models["dkt-14b"]["command"].endswith("weights fetch dkt-14b")
    assert result["size"] == models[PLAIN]["size"] + len(b"half") >= len(WEIGHTS)
    assert result["unfinished"] == 0


def test_verification_needs_something_to_verify(hub: Hub) -> None:
    with pytest.raises(PerceptionError, match="no weights"):
        verify_weights(VerifyOptions())
    with pytest.raises(PerceptionError, match=r"dkt-1\.3b is not in"):
        verify_weights(VerifyOptions("dkt-1.3b"))
