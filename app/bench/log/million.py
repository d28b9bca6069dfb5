"""How long a log takes to answer that holds very many trials, and what logging adds to one."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from sqlite3 import connect
from statistics import median

from app.bench.log.life import drawn_row
from trials.campaign import Campaign
from trials.label import Label, LabelValue
from trials.record import Outcome
from trials.store import TrialStore

#: A campaign's trials; every trial is of one.
PER_CAMPAIGN = 600
#: A log that a program filled has nothing kept yet: this is no answer that is asked for in time.
FIRST = "trials compare, the first that counts"
_FINDINGS = "x" * 1500  # about what a trial's stages note

_CAMPAIGN = Campaign(
    name="campaign 1",
    estimators=("raw", "vitro-s", "oracle"),
    surfaces=("diffuse", "reflective", "translucent"),
    scenes=PER_CAMPAIGN // 9,
)
# The last one is open still.
_CAMPAIGNS = """
INSERT INTO campaigns (uuid, name, question, estimators, surfaces, scenes, objects, seed, is_blind, is_exploratory,
    settings, begun, looks, finished)
WITH RECURSIVE numbers(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
SELECT printf('%032x', n), 'campaign ' || n, question, estimators, surfaces, scenes, objects, seed, is_blind,
    is_exploratory, settings, begun, looks, CASE WHEN n < :count THEN begun END
FROM campaigns JOIN numbers WHERE id = 1 AND :count > 1
"""
_TRIALS = """
INSERT INTO trials (surface, estimator, detector, planner, cell, world, seed, scene, begun, finished, outcome, reason,
    detail, verified, simulator_verdict, objects, pick, attempts, stages_s, metric, notes, uuid, campaign, scene_number,
    scene_key, calibration, software, frame_digest, pid, process_started_s, host)
WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :count)
SELECT CASE n % 3 WHEN 0 THEN 'diffuse' WHEN 1 THEN 'reflective' ELSE 'translucent' END,
    CASE n / 3 % 3 WHEN 0 THEN 'raw' WHEN 1 THEN 'vitro-s' ELSE 'oracle' END, 'antipodal', 'ompl', 'sim',
    'digital cell', n % 1000, '{"objects": []}', '2026-11-01 10:00:00.000000', '2026-11-01 10:00:09.500000',
    CASE WHEN n * 7919 % 100 < 80 THEN 'success' ELSE 'failure' END,
    CASE WHEN n * 7919 % 100 < 80 THEN '' ELSE 'slip' END, '', 1, 1, 1, 1, 1, '{"capture": 0.5, "execute": 9.0}', '{}',
    :notes, printf('%032x', n), 1 + n / :per, n / 9, 1 + n, '', '', '', 1, 0.5, 'lab' FROM numbers
"""
_LABELS = """
INSERT INTO labels (trial, value, note, "by", made)
SELECT id, outcome, '', 'ada', '2026-11-01 10:01:00.000000' FROM trials WHERE id % 50 > 0
"""


def fill(where: str, count: int) -> None:
    """A new log of so many trials, all but two in a hundred labelled, campaign after campaign."""
    with TrialStore(where) as store:
        store.finish_campaign(store.add_campaign(_CAMPAIGN).id)
    with closing(connect(where)) as connection, connection:
        connection.execute(_CAMPAIGNS, {"count": -(-count // PER_CAMPAIGN)})
        notes = f'{{"findings": "{_FINDINGS}"}}'
        connection.execute(_TRIALS, {"count": count, "notes": notes, "per": PER_CAMPAIGN})
        connection.execute(_LABELS)


def answer_times_s(where: str) -> dict[str, float]:
    """Seconds until a log has answered, opened anew each time as a command does."""
    asked: dict[str, Callable[[TrialStore], object]] = {
        "list of the newest 50": lambda store: store.list(last=50),
        "the newest 50 with labels": lambda store: store.labelled(last=50),
        "the newest 50 unconfirmed": lambda store: store.labelled(last=50, is_unconfirmed=True),
        "the newest 50 of a surface and an estimator": lambda store: store.labelled(
            surface="diffuse", estimator="oracle", last=50
        ),
        f"a campaign's {PER_CAMPAIGN} with labels": lambda store: store.labelled(campaign=2),
        "an estimator that is not there": lambda store: store.labelled(estimator="none"),
        "one trial's labels": lambda store: store.labels(1),
        "how many there are": lambda store: store.count(),
    }
    times_s = {}
    for name, ask in asked.items():
        begun_s = time.perf_counter()
        with TrialStore(where, is_read=True) as store:
            ask(store)
        times_s[name] = time.perf_counter() - begun_s
    return times_s


def command_times_s(where: str) -> dict[str, float]:
    """Seconds that whole commands take. The first that counts keeps what it has read, for all that come after it."""
    commands = {
        FIRST: ("compare", "raw", "oracle"),
        "trials list": ("list",),
        "trials summary": ("summary",),
        "trials compare": ("compare", "raw", "oracle"),
        "trials report": ("report", "--out", str(Path(where).with_name("report"))),
    }
    main = Path(__file__).resolve().parents[3] / "main.py"
    times_s = {}
    for name, command in commands.items():
        begun_s = time.perf_counter()
        subprocess.run(
            [sys.executable, main, "trials", *command],
            env={**os.environ, "VITRO_TRIALS": where},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        times_s[name] = time.perf_counter() - begun_s
    return times_s


def logging_s(where: str, trials: int = 50) -> float:
    """What logging adds to a trial [s], in the middle of so many: every commit from its beginning to its label."""
    times_s = []
    with TrialStore(where) as store:
        for seed in range(trials):
            begun_s = time.perf_counter()
            record = store.begin(replace(drawn_row(0, "raw", seed), notes={"findings": _FINDINGS}))
            record = store.update(replace(record, detail="planned"))
            store.settle(replace(record, outcome=Outcome.SUCCESS))
            store.update(replace(record, outcome=Outcome.SUCCESS))
            store.label(Label(trial=record.id, value=LabelValue.SUCCESS, by="ada"))
            store.annotate(record.id, scene_ended="lifted")
            times_s.append(time.perf_counter() - begun_s)
    return median(times_s)
