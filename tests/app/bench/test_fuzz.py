"""Every reader reads or refuses by name whatever it is given, and the bench finds one that does not."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from app.bench.fuzz.command import fuzz, outcome
from app.bench.fuzz.damage import damaged
from app.bench.fuzz.reader import Reader
from app.bench.fuzz.readers import READERS

#: Of each reader here; the bench takes as many as it is asked for.
INPUTS = 10
SOUND = bytes(64)


@pytest.mark.parametrize("name", READERS)
def test_damage_is_read_or_refused_by_name(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    reader.write(tmp_path)
    sample = (tmp_path / reader.file).read_bytes()
    assert not outcome(reader, tmp_path, sample), "the sound file is read"
    reader.read(tmp_path)
    inputs = [damaged(sample, random.Random(f"{name} {number}")) for number in range(INPUTS)]
    assert len(set(inputs)) > INPUTS // 2
    assert [said for content in inputs if (said := outcome(reader, tmp_path, content))] == []


def write(folder: Path) -> None:
    (folder / "a").write_bytes(SOUND)


def stumble(folder: Path) -> int:
    return (folder / "a").read_bytes()[63]


def die(folder: Path) -> None:
    if (folder / "a").read_bytes() != SOUND:
        os.kill(os.getpid(), signal.SIGSEGV)


def dawdle(folder: Path) -> None:
    ends_s = time.process_time() + 1.1 * ((folder / "a").read_bytes() != SOUND)
    while time.process_time() < ends_s:
        pass


@pytest.mark.slow
@pytest.mark.parametrize(("read", "said"), [(stumble, "IndexError"), (die, "signal 11"), (dawdle, "more than 1 s")])
def test_the_bench_finds_a_reader_that_does_anything_else(read, said: str) -> None:
    found = list(fuzz("planted", Reader("a", write, read), 2, seed=0))
    assert found and all(said in failure.what for failure in found)
