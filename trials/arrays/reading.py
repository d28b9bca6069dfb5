"""Trials read for counting out of the log's two large tables, without an object of ours a row."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, ColumnElement, Connection, Select, TextClause, and_, case, cast, func, select, text

from trials.arrays.trial_arrays import Ints, ReadTrials, TrialKind
from trials.label import FailureReason, LabelValue
from trials.record import DIGITAL_CELL, Outcome, Reason
from trials.table import COUNTED_INDEX, labels, trials

#: The first is that of a trial that runs.
_OUTCOMES = ("", *Outcome)
_REASONS = tuple(Reason)
#: What a label says, as one number; the first is no label.
_LABELS = tuple((value, reason) for value in LabelValue for reason in ("", *FailureReason))
#: Picks, objects and attempts of a scene stay below it; campaigns of a log below the next.
_MANY = 1 << 10
_CAMPAIGNS = 1 << 20
#: How many numbers a trial is read as.
_PACKED = 3
#: What the gripper or the simulator says: nothing, no, yes.
_SAID = (None, False, True)
#: Of trials of several attempts, which their notes tell of one by one: how many were judged by both, and alike.
_SEVERAL = """
SELECT trials.id, SUM(CASE WHEN {both} THEN 1 ELSE 0 END), SUM(CASE WHEN {both} AND {own} = {seen} THEN 1 ELSE 0 END)
FROM trials, {attempts} WHERE trials.attempts > 1 AND trials.id BETWEEN :first AND :last GROUP BY trials.id ORDER BY 1
"""
#: Notes that somebody edited into no list of attempts, or on SQLite into no JSON, tell of none. A CASE is asked in its
#: order, which an AND need not be.
_OF_NOTES = {
    "sqlite": {
        "attempts": """json_each(CASE WHEN NOT json_valid(trials.notes) THEN NULL
            WHEN json_type(trials.notes, '$.attempts') = 'array' THEN trials.notes END, '$.attempts') AS attempt""",
        "own": "CASE attempt.type WHEN 'object' THEN json_extract(attempt.value, '$.verified') END",
        "seen": "CASE attempt.type WHEN 'object' THEN json_extract(attempt.value, '$.simulator_verdict') END",
    },
    "postgresql": {
        "attempts": """json_array_elements(CASE WHEN json_typeof(trials.notes -> 'attempts') = 'array'
            THEN trials.notes -> 'attempts' END) AS attempt""",
        "own": "(attempt ->> 'verified')",
        "seen": "(attempt ->> 'simulator_verdict')",
    },
}


def read_rows(connection: Connection, ids: range, campaign: int | None = None) -> ReadTrials:
    """The trials with these ids, or those of them that one campaign has.

    Raises:
        TypeError, OverflowError: a row was edited into what no trial is: it has a NULL, or too large a number.
    """
    wanted: ColumnElement[bool] = trials.c.id.between(ids.start, ids.stop - 1)
    if campaign is not None:
        wanted = and_(wanted, trials.c.campaign == campaign)
    names = [_distinct(connection, trials.c[name]) or [""] for name in ("surface", "estimator")]
    rows = _numbers(connection, packed_rows(names).where(wanted).order_by(trials.c.id), _PACKED)
    said = _numbers(connection, _packed_labels(ids), 1)
    ended = _numbers(connection, _ended(connection.dialect.name, wanted), 1)
    several = _numbers(connection, _several(connection.dialect.name, ids), 3)
    return _unpacked(rows, said[:, 0], ended[:, 0], several, names)


def packed_rows(names: Sequence[Sequence[str]]) -> Select[Any]:
    """Three whole numbers a trial: its id, its scene and campaign, and all the rest; reading more takes longer."""
    c = trials.c
    campaign, kind = func.coalesce(c.campaign, 0), case((c.world == DIGITAL_CELL, 1), else_=0)
    kind = kind * len(_OUTCOMES) + _place(func.coalesce(c.outcome, ""), _OUTCOMES)
    for column, values in ((c.reason, _REASONS), (c.estimator, names[1]), (c.surface, names[0])):
        kind = kind * len(values) + _place(column, values)
    for column in (c.verified, c.simulator_verdict, c.first_simulator_verdict):
        kind = kind * len(_SAID) + case((column.is_(None), 0), (column, 2), else_=1)
    packed: Any = cast(kind, BigInteger)
    for column, default in ((c.attempts, 1), (c.objects, 1), (c.pick, 1)):
        packed = packed * _MANY + func.coalesce(column, default)
    key = func.coalesce(c.scene_key, 0)
    scene = case((campaign > 0, func.coalesce(c.scene_number, 0)), (key > 0, key), else_=c.seed)
    query = select(c.id, cast(scene, BigInteger) * _CAMPAIGNS + campaign, packed)
    # SQLite takes the rows themselves for shorter, of which most is notes.
    return query.with_hint(trials, f"INDEXED BY {COUNTED_INDEX.name}", "sqlite")


def _place(column: Any, values: Sequence[str]) -> Any:
    """The place of a column's text among `values`, NULL where it is none of them."""
    return case({str(value): place for place, value in enumerate(values)}, value=column, else_=None)


def _packed_labels(ids: range) -> Select[Any]:
    """Trial and label as one whole number, of one trial the one that counts last."""
    reason = _place(func.coalesce(labels.c.reason, ""), ("", *FailureReason))
    said = _place(labels.c.value, tuple(LabelValue)) * (len(FailureReason) + 1) + reason
    query = select(cast(labels.c.trial, BigInteger) * len(_LABELS) + said)
    query = query.where(labels.c.undone.is_(None), labels.c.trial.between(ids.start, ids.stop - 1))
    return query.order_by(labels.c.trial, labels.c.made, labels.c.id)


def _ended(dialect: str, wanted: Any) -> Select[Any]:
    """Trials with which a scene of several objects was worked on to its end."""
    note: ColumnElement[Any] = trials.c.notes["later"]["scene_ended"].as_string()
    if dialect == "sqlite":  # a server takes nothing but JSON
        note = case((func.json_valid(trials.c.notes), note))
    return select(trials.c.id).where(wanted, trials.c.objects > 1, note.is_not(None)).order_by(trials.c.id)


def _several(dialect: str, ids: range) -> TextClause:
    words = _OF_NOTES[dialect]
    query = _SEVERAL.format(both=f"{words['own']} IS NOT NULL AND {words['seen']} IS NOT NULL", **words)
    return text(query).bindparams(first=ids.start, last=ids.stop - 1)


def _distinct(connection: Connection, column: Any) -> list[str]:
    """The values of an indexed column: as many look-ups as there are values, not a look at every row."""
    values: list[str] = []
    value = connection.execute(select(func.min(column))).scalar()
    while value is not None:
        values.append(value)
        value = connection.execute(select(func.min(column)).where(column > value)).scalar()
    return values


def _numbers(connection: Connection, query: Select[Any] | TextClause, columns: int) -> Ints:
    """(N, columns), without an object of ours a row."""
    statement = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    # The driver's own cursor: what SQLAlchemy makes of a row takes as long as reading it.
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(str(statement), ())  # with none at all, a server would take %% in a name as it stands
        return np.fromiter(chain.from_iterable(cursor), dtype=np.int64).reshape(-1, columns)
    finally:
        cursor.close()


def _unpacked(rows: Ints, said: Ints, ended: Ints, several: Ints, names: Sequence[Sequence[str]]) -> ReadTrials:
    ids, packed = rows[:, 0], rows[:, 2]
    scenes, campaigns = np.divmod(rows[:, 1], _CAMPAIGNS)
    packed, picks = np.divmod(packed, _MANY)
    packed, objects = np.divmod(packed, _MANY)
    packed, attempts = np.divmod(packed, _MANY)
    judged, agreed = _judgements(ids, packed, several)
    codes = packed * (len(_LABELS) + 1) + _labels_of(ids, said)
    most = int(codes.max(initial=0)) + 1
    there = np.flatnonzero(np.bincount(codes, minlength=most)) if most < 1 << 24 else np.unique(codes)
    columns = {
        "id": ids,
        "campaign": campaigns,
        "scene": scenes,
        "pick": picks,
        "objects": objects,
        "attempts": attempts,
        "judged": judged,
        "agreed": agreed,
        "kind": np.searchsorted(there, codes),
        "ended": np.isin(ids, ended),
    }
    return ReadTrials(columns, [_kind(int(code), names) for code in there])


def _judgements(ids: Ints, packed: Ints, several: Ints) -> tuple[Ints, Ints]:
    """(N,) each: attempts judged by both, and alike; where notes tell of no several, by the row's verdicts."""
    own, seen = packed // len(_SAID) ** 2 % len(_SAID), packed // len(_SAID) % len(_SAID)
    judged = ((own > 0) & (seen > 0)).astype(np.int64)
    agreed = judged * (own == seen)
    at = np.searchsorted(ids, several[:, 0])
    known = np.flatnonzero(np.isin(several[:, 0], ids))
    judged[at[known]], agreed[at[known]] = several[known, 1], several[known, 2]
    return judged, agreed


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


def _kind(code: int, names: Sequence[Sequence[str]]) -> TrialKind:
    code, said = divmod(code, len(_LABELS) + 1)
    code, first_verdict = divmod(code, len(_SAID))
    code, verdict = divmod(code, len(_SAID))
    code //= len(_SAID)  # what the gripper said is in the outcome
    code, surface = divmod(code, len(names[0]))
    code, estimator = divmod(code, len(names[1]))
    code, reason = divmod(code, len(_REASONS))
    is_digital, outcome = divmod(code, len(_OUTCOMES))
    label = _LABELS[said - 1] if said else ("", "")
    return TrialKind(
        names[0][surface],
        names[1][estimator],
        DIGITAL_CELL if is_digital else "",
        str(_OUTCOMES[outcome]),
        str(_REASONS[reason]),
        str(label[0]),
        str(label[1]),
        _SAID[verdict],
        _SAID[first_verdict],
    )
