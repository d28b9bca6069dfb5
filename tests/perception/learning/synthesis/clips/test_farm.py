"""Clips rendered by Ray's workers are the clips of one process, and a killed worker costs none."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import psutil
import pytest
import ray
from ray._private.runtime_env.packaging import create_package

from core.cell import load_cell
from core.errors import ConfigurationError
from perception.learning.synthesis.clips.clip_files import clips_in, problems_of
from perception.learning.synthesis.clips.farm import NOT_SENT, Job, RayFarm, render_here
from perception.learning.synthesis.clips.settings import SynthSettings, of_cell
from tests.support.scenes.rendering import SIM_CELL
from tests.support.small_set import ROOT, contents

#: Ray's processes take minutes to start where every core has others to serve.
pytestmark = pytest.mark.timeout(900)
#: A worker is one frame ahead at most: one whose first frame has come is not done with the third.
SETTINGS = SynthSettings(seed=123, width=64, height=48, frames=3, spp=2)


@pytest.fixture(scope="module")
def farm() -> Iterator[RayFarm]:
    with RayFarm("local:1") as farm:
        yield farm


def workers() -> list[int]:
    """Processes of Ray that are rendering."""
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if child.name().startswith("ray::_render")]


def test_local_workers_are_heard_of_on_this_machine_alone(farm: RayFarm) -> None:
    us = psutil.Process()
    heard = [
        c.laddr.ip
        for p in (us, *us.children(recursive=True))
        for c in p.net_connections("inet")
        if c.status == "LISTEN"
    ]
    assert heard and {ip.removeprefix("::ffff:") for ip in heard} == {"127.0.0.1"}


@pytest.mark.slow
def test_a_killed_worker_costs_no_clip_and_no_byte(farm: RayFarm, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for _ in render_here(Job(SETTINGS, [0, 1], here)):
        pass
    killed, again = 0, 0
    steps = farm.render(Job(SETTINGS, [0, 1], there))
    for step in steps:
        if step.frames == 1 and not killed:
            (victim,) = workers()
            os.kill(victim, signal.SIGKILL)
            killed = step.number + 1
        again += bool(killed) and step.frames == 0 and step.number == killed - 1
    assert killed and again, "the clip was begun anew"
    assert contents(there) == contents(here)
    assert len(clips_in(there)) == 2 and len(list(there.iterdir())) == 2, "nothing half done is left"
    assert all(problems_of(clip, thorough=True) == [] for clip in clips_in(there))


def test_work_that_is_given_up_leaves_no_half_clip(farm: RayFarm, tmp_path: Path) -> None:
    steps = farm.render(Job(SETTINGS, [0], tmp_path))
    next(steps)
    steps.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_error_of_ours_on_a_worker_arrives_as_itself_and_at_once(farm: RayFarm, tmp_path: Path) -> None:
    cell = load_cell(SIM_CELL)
    area = cell.workspace.model_copy(update={"objects_x_m": (0.0, 0.001), "objects_y_m": (0.0, 0.001)})
    crowded = cell.model_copy(update={"workspace": area})
    settings = SynthSettings(seed=2, width=64, height=48, frames=1, spp=2, **of_cell(crowded))
    steps = []
    with pytest.raises(ConfigurationError) as raised:
        steps.extend(farm.render(Job(settings, [0], tmp_path, cell=crowded)))
    assert type(raised.value) is ConfigurationError and "do not fit the workspace" in raised.value.cause
    assert steps == [], "the clip was not begun anew"
    assert list(tmp_path.iterdir()) == []


def packed(root: Path, package: Path) -> list[str]:
    """Names of the files of a checkout that a worker is sent, which are then in the package."""
    create_package(str(root), package, include_gitignore=True, excludes=list(NOT_SENT))
    return ZipFile(package).namelist()


@pytest.mark.slow
def test_what_is_sent_to_a_cluster_is_enough_to_render_with(tmp_path: Path) -> None:
    names = packed(ROOT, tmp_path / "sent.zip")
    assert {Path(name).suffix for name in names if not name.endswith("/")} == {".py", ".urdf"}
    ZipFile(tmp_path / "sent.zip").extractall(tmp_path / "there")
    modules = "perception.learning.synthesis.clips.farm, perception.learning.synthesis.clips.render"
    subprocess.run([sys.executable, "-c", f"import {modules}"], cwd=tmp_path / "there", check=True)


def test_data_sets_and_weights_in_the_checkout_are_not_sent(tmp_path: Path) -> None:
    ours = ["core/errors.py", "core/cell.py", "perception/learning/synthesis/clips/render.py"]
    others = [
        "wide/clips/000000/000000.png",
        "data.zip",
        ".git/HEAD",
        "perception/estimators/vitro_s/vitro-s.safetensors",
    ]
    for name in (*ours, *others):
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).touch()
    assert sorted(packed(tmp_path / "root", tmp_path / "sent.zip")) == sorted(ours)


@pytest.mark.slow
@pytest.mark.parametrize("address", ["local:0", "local:many", "local"])
def test_a_wrong_number_of_workers_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="local:2"):
        RayFarm(address)


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_named_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ConfigurationError, match=r"no Ray cluster at.*local:2"), RayFarm(address):
        pass


@pytest.mark.slow
def test_a_cluster_that_refuses_us_is_not_said_to_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise ray.exceptions.RuntimeEnvSetupError("Failed to upload it:\nit exceeds 512 MiB.")

    monkeypatch.setattr(ray, "init", refused)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with pytest.raises(ConfigurationError, match=r"does not take this work \(.*upload it: it exceeds 512 MiB\.\)"):
        RayFarm("auto").__enter__()
