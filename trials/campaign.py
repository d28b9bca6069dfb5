"""A campaign: what is compared, on what, and how often, fixed before its first trial."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from core.errors import ConfigurationError

#: Most characters of a campaign's name.
LONGEST_NAME = 64


def is_name(text: str) -> bool:
    """Whether a campaign may be called so: part of a file's name wherever it comes from, and never a path."""
    return len(text) <= LONGEST_NAME and re.fullmatch(r"\w[\w.-]*", text) is not None


def demand_name(name: str) -> None:
    """Refuses what no campaign may be called, and what no file of it may be named after.

    Raises:
        ConfigurationError: it is that.
    """
    if not is_name(name):
        raise ConfigurationError(
            f"{name!r} is no name for a campaign.",
            f"Use letters, digits, '-', '_' and '.', {LONGEST_NAME} at most: table6.",
        )


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """A row of the log's campaigns; nothing but `finished` and `looks` changes once a trial was logged under it.

    scenes: the budget, a surface; every estimator attempts each of them, laid alike. objects: how many lie there, in
    turns. settings: what else trials run with (detector, planner, attempts, boldness, cell, camera, arms, weights).
    is_blind: estimators are shown as letters until the campaign has ended. is_exploratory: it was begun so, the budget
    was changed, or trials were added by hand: its p values prove nothing. finished: when the budget was reached or the
    campaign was closed. looks: when results were looked at before that, each with the number of trials that there were.
    """

    id: int = 0
    uuid: str = ""
    name: str
    question: str = ""
    estimators: tuple[str, ...]
    surfaces: tuple[str, ...]
    scenes: int
    objects: tuple[int, ...] = (1,)
    seed: int = 0
    is_blind: bool = False
    is_exploratory: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished: datetime | None = None
    looks: tuple[Mapping[str, Any], ...] = ()

    def plan(self) -> Iterator["PlannedScene"]:
        """Every scene in the order in which it is laid: estimators in the order of a cyclic Latin square's rows, so
        that each is first, second, ... equally often; surface after surface, as a real table is changed by hand."""
        for place, surface in enumerate(self.surfaces):
            for number in range(self.scenes):
                turn = number % len(self.estimators)
                order = self.estimators[turn:] + self.estimators[:turn]
                for estimator in order:
                    seed = self.seed + place * self.scenes + number
                    yield PlannedScene(surface, number, seed, self.objects[number % len(self.objects)], estimator)

    def alias(self, estimator: str) -> str:
        """What people are shown for an estimator's name: a letter while the campaign is blind and open."""
        if not self.is_blind or self.finished is not None or estimator not in self.estimators:
            return estimator
        return chr(ord("A") + self._shuffled().index(estimator))

    def _shuffled(self) -> tuple[str, ...]:
        """In an order that the seed and the name give, so that A is not always the one named first."""
        from hashlib import sha256

        return tuple(
            sorted(self.estimators, key=lambda name: sha256(f"{self.seed} {self.name} {name}".encode()).digest())
        )


@dataclass(frozen=True)
class PlannedScene:
    """One scene that one estimator is to attempt. number: of the surface's scenes, from 0."""

    surface: str
    number: int
    seed: int
    objects: int
    estimator: str
