"""A trial's pictures are drawn as soon as something is to be seen, and again only where it changed."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import ClassVar

import pytest

from app.run import live_trial, trial_log
from app.run.trial import Trial
from app.run.trial_files import DRAWN, _images
from tests.support.sessions.quick_session import Bench

PARTS = {field.name for field in fields(Trial)}


class Watched(Trial):
    """A trial that knows which of its parts were asked for."""

    read: ClassVar[set[str]] = set()

    def __getattribute__(self, name: str) -> object:
        Watched.read.add(name)
        return super().__getattribute__(name)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    monkeypatch.setattr(live_trial, "PICTURE_VALID_S", 3600.0)  # however busy the machine is
    with closing(Bench(tmp_path)) as made:
        yield made


@pytest.mark.slow
def test_pictures_are_drawn_once_and_again_where_any_part_that_they_show_changed(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Trial] = []
    save = trial_log.save_pictures
    monkeypatch.setattr(trial_log, "save_pictures", lambda trial, folder: drawn.append(trial) or save(trial, folder))
    done = bench.run()
    assert len(drawn) == 1 and drawn[0].verification is None  # before anything moved; that it lifted shows in none
    watched = Watched(**{part: getattr(done, part) for part in PARTS})
    Watched.read.clear()
    assert {"color", "tags", "depth", "grasps", "chosen"} <= set(_images(watched))
    assert PARTS & Watched.read <= set(DRAWN)
    entry = trial_log.LogEntry(bench.store, bench.row())
    for part in DRAWN:
        entry._drawn = done
        changed = replace(done, **{part: {"frames": (done.frame,), "shown": "another"}.get(part)})
        drawn.clear()
        entry.save_files(changed)
        entry.save_files(changed)
        assert drawn == [changed], part
