"""Several processes that write one log at once: none of their rows is lost or doubled."""

import os
from collections.abc import Sequence
from dataclasses import replace

from app.bench.log.life import drawn_row
from trials.label import Label, LabelValue
from trials.record import Outcome
from trials.store import TrialStore


def lost_rows(where: str, writers: int = 2, rows: int = 200) -> list[str]:
    """What is wrong after each of some forked processes has begun, ended and labelled its rows: nothing should be."""
    pids = [_fork(where, f"writer {number}", rows) for number in range(writers)]
    wrong = [f"writer {number} failed" for number, pid in enumerate(pids) if os.waitpid(pid, 0)[1]]
    with TrialStore(where) as store:
        labelled = store.labelled()
    if len({each.trial.uuid for each in labelled}) != len(labelled):
        wrong.append("two rows are one trial")
    for number in range(writers):
        own = [each for each in labelled if each.trial.detail == f"writer {number}"]
        wrong += _missing(number, [each.trial.seed for each in own], rows)
        unlabelled = sum(each.label is None or each.label.by != each.trial.detail for each in own)
        wrong += [f"writer {number}: {unlabelled} labels are missing"] if unlabelled else []
    return wrong


def _missing(number: int, seeds: Sequence[int], rows: int) -> list[str]:
    return [] if sorted(seeds) == list(range(rows)) else [f"writer {number}: {len(seeds)} rows of {rows}"]


def _fork(where: str, name: str, rows: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        with TrialStore(where) as store:
            for seed in range(rows):
                record = store.begin(replace(drawn_row(0, "raw", seed), detail=name))
                store.update(replace(record, outcome=Outcome.SUCCESS))
                store.label(Label(trial=record.id, value=LabelValue.SUCCESS, by=name))
        os._exit(0)
    finally:
        os._exit(1)
