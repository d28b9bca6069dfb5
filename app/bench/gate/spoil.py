"""Good picks spoiled in every known way, and how the gate takes them."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice

import numpy as np

from app.bench.gate.bad import KINDS
from app.bench.gate.picks import GateInput
from app.console import Console


@dataclass
class Tally:
    """Bad picks of one kind: how many, refused, refused for what is wrong with them, and how long each check took."""

    of: int = 0
    refused: int = 0
    named: int = 0
    seconds: list[float] = field(default_factory=list)


def spoil(good: Sequence[GateInput], count: int, rng: np.random.Generator, console: Console) -> dict[str, Tally]:
    """So many bad picks, of all kinds in turn; what an arm cannot reach is made of another good one."""
    tallies = {kind: Tally() for kind in KINDS}
    tries: Counter[str] = Counter()
    for kind in console.progress(islice(cycle(KINDS), count), "bad picks", count):
        change, words = KINDS[kind]
        while tries[kind] < 50 * (1 + tallies[kind].of):
            tries[kind] += 1
            try:
                bad = change(good[int(rng.integers(len(good)))], rng)
            except LookupError:
                continue
            started_s = time.perf_counter()
            report = bad.check()
            tallies[kind].seconds.append(time.perf_counter() - started_s)
            tallies[kind].of += 1
            tallies[kind].refused += not report.passed
            tallies[kind].named += any(words in violation for violation in report.violations)
            break
    return tallies
