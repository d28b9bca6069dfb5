"""Clips rendered by Ray's workers are the clips of one process, and a killed worker costs none."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from errors import ConfigurationError
from perception.synthesis.clip_files import clips_in, problems_of
from perception.synthesis.farm import Job
from perception.synthesis.ray_farm import RayFarm
from perception.synthesis.settings import SynthSettings

#: Those of `small_set`.
SETTINGS = SynthSettings(seed=123, width=64, height=48, frames=2, spp=2)


@pytest.fixture(scope="module")
def farm() -> Iterator[RayFarm]:
    with RayFarm("local:1") as farm:
        yield farm


def workers() -> list[int]:
    """Processes of Ray that are rendering."""
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if child.name().startswith("ray::_film")]


def contents(clips: Path) -> dict[str, bytes]:
    return {str(path.relative_to(clips)): path.read_bytes() for path in clips.rglob("*.*") if path.is_file()}


def test_a_killed_worker_costs_no_clip_and_no_byte(farm: RayFarm, small_set: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    killed, again = 0, 0
    steps = farm.render(Job(SETTINGS, [0, 1], there))
    for step in steps:
        if step.frames == 1 and not killed:
            (victim,) = workers()
            os.kill(victim, signal.SIGKILL)
            killed = step.number + 1
        again += bool(killed) and step.frames == 0 and step.number == killed - 1
    assert killed and again, "the clip was begun anew"
    assert contents(there) == contents(small_set / "clips")
    assert len(clips_in(there)) == 2 and len(list(there.iterdir())) == 2, "nothing half done is left"
    assert all(problems_of(clip, thorough=True) == [] for clip in clips_in(there))


def test_work_that_is_given_up_leaves_no_half_clip(farm: RayFarm, tmp_path: Path) -> None:
    steps = farm.render(Job(SETTINGS, [0], tmp_path))
    next(steps)
    steps.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["local:0", "local:many", "local"])
def test_a_wrong_number_of_workers_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="local:2"):
        RayFarm(address)


def test_a_cluster_that_is_not_there_is_named_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ConfigurationError, match=r"no Ray cluster at.*local:2"), RayFarm(address):
        pass
