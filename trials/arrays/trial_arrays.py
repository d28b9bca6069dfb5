"""Any number of trials as arrays: a million of them are counted in a second."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from trials.label import FailureReason, Label, LabelledTrial, LabelValue
from trials.record import Outcome, Reason, TrialRecord

Value = TypeVar("Value")
Ints = NDArray[np.int64]

#: A trial as it is kept, a column after the other. kind: its place among the kinds that come with it; all else as in
#: `TrialArrays`.
COLUMNS: dict[str, np.dtype[Any]] = {
    "id": np.dtype("<i8"),
    "campaign": np.dtype("<i4"),
    "scene": np.dtype("<i8"),
    "pick": np.dtype("<i2"),
    "objects": np.dtype("<i2"),
    "attempts": np.dtype("<i2"),
    "judged": np.dtype("<i2"),
    "agreed": np.dtype("<i2"),
    "kind": np.dtype("<i2"),
    "ended": np.dtype("?"),
}


class TrialKind(NamedTuple):
    """What trials are alike in, as the log writes it; world is empty but for the digital cell, outcome for a trial that
    runs, label where nobody has said anything. verdict, first_verdict: the simulator's, of all attempts and of the
    first, None where it said nothing."""

    surface: str
    estimator: str
    world: str
    outcome: str
    reason: str
    label: str
    label_reason: str
    verdict: bool | None = None
    first_verdict: bool | None = None


class ReadTrials(NamedTuple):
    """The columns (N,) of `COLUMNS`, by id, and the kinds that they name."""

    columns: Mapping[str, NDArray[Any]]
    kinds: Sequence[TrialKind]

    def where(self, rows: NDArray[np.bool_]) -> "ReadTrials":
        return ReadTrials({name: column[rows] for name, column in self.columns.items()}, self.kinds)

    def to_bytes(self) -> bytes:
        return b"".join(np.asarray(self.columns[name], kind).tobytes() for name, kind in COLUMNS.items())


def read_bytes(data: bytes, kinds: Sequence[TrialKind]) -> ReadTrials:
    """What `to_bytes` wrote."""
    count, at = len(data) // sum(kind.itemsize for kind in COLUMNS.values()), 0
    columns = {}
    for name, kind in COLUMNS.items():
        columns[name] = np.frombuffer(data, kind, count, at)
        at += count * kind.itemsize
    return ReadTrials(columns, kinds)


@dataclass(frozen=True)
class TrialArrays:
    """N trials in the order they were begun, each array (N,).

    ids, campaigns, picks, objects, attempts: the record's columns. scenes: the scene's number in its campaign, outside
    of one its key, in old rows the seed. judged: its attempts of which both gripper and simulator said something;
    agreed: those of which they said the same. ended: whether its scene was worked on to its end. kinds: each trial's
    place in `examples`, one trial of every world, surface, estimator, outcome, verdict and label that there is.
    """

    ids: Ints
    campaigns: Ints
    scenes: Ints
    picks: Ints
    objects: Ints
    attempts: Ints
    judged: Ints
    agreed: Ints
    ended: NDArray[np.bool_]
    kinds: Ints
    examples: tuple[LabelledTrial, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def each(self, value: Callable[[LabelledTrial], bool | int]) -> NDArray[Any]:
        """(N,) what `value` says of trials; it is asked once a kind, so it may look at surface, estimator, outcome,
        reason, label, the simulator's verdicts and whether the world is the digital cell alone."""
        if not self.examples:
            return np.empty(0, np.int64)
        return np.take(np.array([value(example) for example in self.examples]), self.kinds)

    def where(self, rows: NDArray[Any]) -> "TrialArrays":
        """Those of a mask, or of indices."""
        arrays = ("ids", "campaigns", "scenes", "picks", "objects", "attempts", "judged", "agreed", "ended")
        kinds, there = self.kinds[rows], np.zeros(len(self.examples), dtype=bool)
        there[kinds] = True
        examples = tuple(example for example, is_there in zip(self.examples, there, strict=True) if is_there)
        parts: dict[str, Any] = {name: getattr(self, name)[rows] for name in arrays}
        return replace(self, **parts, kinds=(np.cumsum(there) - 1)[kinds], examples=examples)

    @property
    def surfaces(self) -> tuple[str, ...]:
        return tuple(sorted({example.trial.surface for example in self.examples}))

    @property
    def estimators(self) -> tuple[str, ...]:
        return tuple(sorted({example.trial.estimator for example in self.examples}))


def arrays_of(several: Iterable[ReadTrials]) -> TrialArrays:
    """Raises a ValueError where a kind is none that this Vitro knows."""
    known: dict[TrialKind, int] = {}
    parts: dict[str, list[NDArray[Any]]] = {name: [np.empty(0, kind)] for name, kind in COLUMNS.items()}
    for columns, kinds in several:
        places = np.array([known.setdefault(kind, len(known)) for kind in kinds], np.int64)
        for name, column in columns.items():
            parts[name].append(places[column] if name == "kind" and len(column) else column)
    whole = {name: np.concatenate(those, dtype=np.int64) for name, those in parts.items() if name != "ended"}
    return TrialArrays(
        ids=whole["id"],
        campaigns=whole["campaign"],
        scenes=whole["scene"],
        picks=whole["pick"],
        objects=whole["objects"],
        attempts=whole["attempts"],
        judged=whole["judged"],
        agreed=whole["agreed"],
        ended=np.concatenate(parts["ended"]),
        kinds=whole["kind"],
        examples=tuple(map(_example, known)),
    )


def _example(kind: TrialKind) -> LabelledTrial:
    record = TrialRecord(
        surface=kind.surface,
        estimator=kind.estimator,
        detector="",
        planner="",
        cell="",
        world=kind.world,
        seed=0,
        outcome=Outcome(kind.outcome) if kind.outcome else None,
        reason=Reason(kind.reason),
        simulator_verdict=kind.verdict,
        first_simulator_verdict=kind.first_verdict,
    )
    if not kind.label:
        return LabelledTrial(record)
    reason = FailureReason(kind.label_reason) if kind.label_reason else None
    return LabelledTrial(record, Label(trial=0, value=LabelValue(kind.label), reason=reason))
