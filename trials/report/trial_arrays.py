"""Any number of trials as arrays: a million of them are counted in a second."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, Connection, Select, case, cast, func, literal, select

from core.errors import TrialError
from trials.label import FailureReason, Label, LabelledTrial, LabelValue
from trials.record import DIGITAL_CELL, Outcome, Reason, TrialRecord
from trials.store import TrialStore
from trials.table import labels, trials

Value = TypeVar("Value")
Ints = NDArray[np.int64]

#: The first is that of a trial that runs.
_OUTCOMES = ("", *Outcome)
_REASONS = tuple(Reason)
#: What a label says, as one number; the first is no label.
_LABELS = tuple((value, reason) for value in LabelValue for reason in (None, *FailureReason))
#: Picks, objects and attempts of a scene stay below it; campaigns of a log below the next.
_MANY = 1 << 10
_CAMPAIGNS = 1 << 20
#: How many numbers a trial is read as.
_PACKED = 3


@dataclass(frozen=True)
class TrialArrays:
    """N trials in the order they were begun, each array (N,).

    ids, campaigns, picks, objects, attempts: the record's columns. scenes: the scene's number in its campaign, outside
    of one its key, in old rows the seed. ended: whether its scene was worked on to its end. kinds: each trial's place
    in `examples`, one trial of every world, surface, estimator, outcome and label that there is.
    """

    ids: Ints
    campaigns: Ints
    scenes: Ints
    picks: Ints
    objects: Ints
    attempts: Ints
    ended: NDArray[np.bool_]
    kinds: Ints
    examples: tuple[LabelledTrial, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def each(self, value: Callable[[LabelledTrial], bool | int]) -> NDArray[Any]:
        """(N,) what `value` says of trials; it is asked once a kind, so it may look at surface, estimator, outcome,
        reason, label and whether the world is the digital cell alone."""
        return np.array([value(example) for example in self.examples], dtype=np.int64)[self.kinds]

    def where(self, rows: NDArray[Any]) -> "TrialArrays":
        """Those of a mask, or of indices."""
        arrays = ("ids", "campaigns", "scenes", "picks", "objects", "attempts", "ended")
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


def read_arrays(store: TrialStore, campaign: int | None = None) -> TrialArrays:
    """The log's trials, or one campaign's.

    Raises:
        TrialError: a row was edited into what no trial is.
    """
    wanted = literal(True) if campaign is None else trials.c.campaign == campaign
    try:
        # Side by side: half of the time goes into the database, which needs no lock of Python's.
        with ThreadPoolExecutor(1) as beside:
            labelled = beside.submit(_read, store, _packed_labels(None if campaign is None else wanted), 1)
            if store.has_one_connection:
                wait([labelled])
            with store.reading() as connection:
                names = [_distinct(connection, trials.c[name]) or [""] for name in ("surface", "estimator")]
                rows = _numbers(
                    connection, _packed(names).where(wanted).order_by(trials.c.campaign, trials.c.id), _PACKED
                )
                ended = _numbers(connection, _ended(wanted), 1)
            said = labelled.result()
    except (TypeError, OverflowError) as error:  # a NULL, for there is no number for it, or no small one
        raise TrialError(
            f"A trial or label in {store.where} was edited into what none is.", "Find it: python main.py trials list"
        ) from error
    return _unpacked(rows[np.argsort(rows[:, 0], kind="stable")], said[:, 0], ended[:, 0], names)


def _read(store: TrialStore, query: Select[Any], columns: int) -> Ints:
    with store.reading() as connection:
        return _numbers(connection, query, columns)


def _packed(names: Sequence[Sequence[str]]) -> Select[Any]:
    """Three whole numbers a trial: its id, its scene and campaign, and all the rest; reading more takes longer."""
    c = trials.c
    campaign, kind = func.coalesce(c.campaign, 0), case((c.world == DIGITAL_CELL, 1), else_=0)
    kind = kind * len(_OUTCOMES) + _place(func.coalesce(c.outcome, ""), _OUTCOMES)
    for column, values in ((c.reason, _REASONS), (c.estimator, names[1]), (c.surface, names[0])):
        kind = kind * len(values) + _place(column, values)
    packed: Any = cast(kind, BigInteger)
    for column, default in ((c.attempts, 1), (c.objects, 1), (c.pick, 1)):
        packed = packed * _MANY + func.coalesce(column, default)
    key = func.coalesce(c.scene_key, 0)
    scene = case((campaign > 0, func.coalesce(c.scene_number, 0)), (key > 0, key), else_=c.seed)
    return select(c.id, cast(scene, BigInteger) * _CAMPAIGNS + campaign, packed)


def _place(column: Any, values: Sequence[str]) -> Any:
    """The place of a column's text among `values`, NULL where it is none of them."""
    return case({str(value): place for place, value in enumerate(values)}, value=column, else_=None)


def _packed_labels(wanted: Any | None) -> Select[Any]:
    """Trial and label as one whole number, of one trial the one that counts last."""
    reason = _place(func.coalesce(labels.c.reason, ""), ("", *FailureReason))
    said = _place(labels.c.value, tuple(LabelValue)) * (len(FailureReason) + 1) + reason
    query = select(cast(labels.c.trial, BigInteger) * len(_LABELS) + said).where(labels.c.undone.is_(None))
    if wanted is not None:
        query = query.join(trials, trials.c.id == labels.c.trial).where(wanted)
    return query.order_by(labels.c.trial, labels.c.made, labels.c.id)


def _ended(wanted: Any) -> Select[Any]:
    """Trials with which a scene of several objects was worked on to its end."""
    note = trials.c.notes["later"]["scene_ended"].as_string()
    return select(trials.c.id).where(wanted, trials.c.objects > 1, note.is_not(None)).order_by(trials.c.id)


def _distinct(connection: Connection, column: Any) -> list[str]:
    """The values of an indexed column: as many look-ups as there are values, not a look at every row."""
    values: list[str] = []
    value = connection.execute(select(func.min(column))).scalar()
    while value is not None:
        values.append(value)
        value = connection.execute(select(func.min(column)).where(column > value)).scalar()
    return values


def _numbers(connection: Connection, query: Select[Any], columns: int) -> Ints:
    """(N, columns), without an object of ours a row."""
    text = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    # The driver's own cursor: what SQLAlchemy makes of a row takes as long as reading it.
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(str(text), ())  # with none at all, a server would take %% in a name as it stands
        return np.fromiter(chain.from_iterable(cursor), dtype=np.int64).reshape(-1, columns)
    finally:
        cursor.close()


def _unpacked(rows: Ints, said: Ints, ended: Ints, names: Sequence[Sequence[str]]) -> TrialArrays:
    ids, packed = rows[:, 0].copy(), rows[:, 2]
    scenes, campaigns = np.divmod(rows[:, 1], _CAMPAIGNS)
    packed, picks = np.divmod(packed, _MANY)
    packed, objects = np.divmod(packed, _MANY)
    packed, attempts = np.divmod(packed, _MANY)
    kinds, examples = _kinds(packed, _labels_of(ids, said), names)
    return TrialArrays(ids, campaigns, scenes, picks, objects, attempts, np.isin(ids, ended), kinds, examples)


def _labels_of(ids: Ints, said: Ints) -> Ints:
    """(N,) the place of each trial's label in `_LABELS`, counted from 1; 0 where nobody has said anything."""
    places = np.zeros(len(ids), dtype=np.int64)
    if len(said) and len(ids):
        trial, label = np.divmod(said, len(_LABELS))
        last = np.r_[trial[1:] != trial[:-1], True]
        at = np.minimum(np.searchsorted(ids, trial[last]), len(ids) - 1)
        known = ids[at] == trial[last]
        places[at[known]] = label[last][known] + 1
    return places


def _kinds(packed: Ints, labelled: Ints, names: Sequence[Sequence[str]]) -> tuple[Ints, tuple[LabelledTrial, ...]]:
    codes = packed * (len(_LABELS) + 1) + labelled
    most = int(codes.max(initial=0)) + 1
    there = np.flatnonzero(np.bincount(codes, minlength=most)) if most < 1 << 24 else np.unique(codes)
    examples = tuple(_example(int(code), names) for code in there)
    return np.searchsorted(there, codes), examples


def _example(code: int, names: Sequence[Sequence[str]]) -> LabelledTrial:
    code, said = divmod(code, len(_LABELS) + 1)
    code, surface = divmod(code, len(names[0]))
    code, estimator = divmod(code, len(names[1]))
    code, reason = divmod(code, len(_REASONS))
    is_digital, outcome = divmod(code, len(_OUTCOMES))
    record = TrialRecord(
        surface=names[0][surface],
        estimator=names[1][estimator],
        detector="",
        planner="",
        cell="",
        world=DIGITAL_CELL if is_digital else "",
        seed=0,
        outcome=Outcome(_OUTCOMES[outcome]) if outcome else None,
        reason=_REASONS[reason],
    )
    if not said:
        return LabelledTrial(record)
    value, why = _LABELS[said - 1]
    return LabelledTrial(record, Label(trial=0, value=value, reason=why))
