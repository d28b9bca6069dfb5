"""The log's table, made from the dataclasses that its rows are: a new field is a new column."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from types import UnionType
from typing import Any, get_args, get_type_hints

from sqlalchemy import JSON, Boolean, Column, Connection, DateTime, Float, Integer, MetaData, String, Table, inspect

from core.json_values import plain
from trials.process import ProcessStamp
from trials.record import TrialRecord

_SQL_TYPES: dict[type, Any] = {
    int: Integer(),
    float: Float(),
    bool: Boolean(),
    str: String(),
    datetime: DateTime(timezone=True),
}
_HINTS = get_type_hints(TrialRecord) | get_type_hints(ProcessStamp)


def _columns(row: type) -> list[Column[Any]]:
    """One column a field: `X | None` may be empty, enums are text, mappings and dataclasses are JSON."""
    columns: list[Column[Any]] = []
    for column in fields(row):
        kind = _kind(column.name)
        sql_type = String() if issubclass(kind, Enum) else _SQL_TYPES.get(kind, JSON(none_as_null=True))
        columns.append(
            Column(column.name, sql_type, primary_key=column.name == "id", nullable=_may_be_empty(column.name))
        )
    return columns


def _kind(name: str) -> type:
    """The class of a field's values: of `X | None`, and of `Mapping[str, X]`, the first."""
    hint = _HINTS[name]
    kind = get_args(hint)[0] if isinstance(hint, UnionType) else hint
    return kind if isinstance(kind, type) else Mapping


def _may_be_empty(name: str) -> bool:
    return isinstance(_HINTS[name], UnionType)


metadata = MetaData()
trials = Table("trials", metadata, *_columns(TrialRecord), *_columns(ProcessStamp), sqlite_autoincrement=True)


def add_columns(connection: Connection) -> None:
    """Gives a log that was made before a field of the record was the column for it, empty in its rows."""
    there = {column["name"] for column in inspect(connection).get_columns(trials.name)}
    quote = connection.dialect.identifier_preparer.quote
    for column in trials.columns:
        if column.name not in there:
            kind = column.type.compile(connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {trials.name} ADD COLUMN {quote(column.name)} {kind}")


def values_of(row: TrialRecord | ProcessStamp) -> dict[str, Any]:
    """What a row's columns take, the id left to the database."""
    return {
        column.name: value if isinstance(value := getattr(row, column.name), datetime) else plain(value)
        for column in fields(row)
        if column.name != "id"
    }


def record_of(row: Any) -> TrialRecord:
    """Raises a ValueError, TypeError or LookupError where somebody edited the row into something else."""
    return TrialRecord(**{column.name: _read(column, getattr(row, column.name)) for column in fields(TrialRecord)})


def _read(column: Field[Any], value: Any) -> Any:
    if value is None:
        # A row that is older than its column has what the column's default says.
        default = column.default if column.default_factory is MISSING else column.default_factory()
        return None if _may_be_empty(column.name) else default
    kind = _kind(column.name)
    if issubclass(kind, Enum):
        return kind(value)
    if is_dataclass(kind):  # a newer Vitro may have written more of it
        value = {part.name: value[part.name] for part in fields(kind) if part.name in value}
        _demand_numbers(column.name, [number for number in value.values() if number is not None])
        return kind(**value)
    if not isinstance(value, float | int if kind is float else kind):
        raise ValueError(f"{column.name} is {value!r}")
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, dict):
        _demand_facts(column.name, value)
    return value


def _demand_numbers(name: str, values: Iterable[Any]) -> None:
    for value in values:
        if not isinstance(value, float | int):
            raise ValueError(f"{name} holds {value!r}")


def _demand_facts(name: str, notes: Mapping[str, Any]) -> None:
    """Of a column of JSON what the log itself reads."""
    if name == "stages_s":
        _demand_numbers(name, notes.values())
    if name != "notes":
        return
    attempts = notes.get("attempts", [])
    if not isinstance(notes.get("later", {}), dict) or not isinstance(attempts, list):
        raise ValueError("notes hold no attempts and later findings as they are written")
    for attempt in attempts:
        if not isinstance(attempt, dict) or not {"verified", "simulator_verdict"} <= attempt.keys():
            raise ValueError(f"notes hold the attempt {attempt!r}")


def utc(stamp: datetime) -> datetime:
    """SQLite keeps times without a zone; the log's are UTC."""
    return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp
