"""Tables made from the dataclasses that their rows are, and rows read back into them: a field is a column."""

from collections.abc import Iterable
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from types import SimpleNamespace, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from sqlalchemy import JSON, Boolean, Column, DateTime, Float, Integer, String

from core.json_values import plain

#: What a column of whole numbers takes.
LARGEST = 2**31 - 1

RowType = TypeVar("RowType")

_SQL_TYPES: dict[type, Any] = {
    int: Integer(),
    float: Float(),
    bool: Boolean(),
    str: String(),
    datetime: DateTime(timezone=True),
}


def columns_of(row: type) -> list[Column[Any]]:
    """One column a field: `X | None` may be empty, enums are text, mappings, tuples and dataclasses are JSON."""
    columns: list[Column[Any]] = []
    for column in fields(row):
        kind, may_be_empty = _kind(row, column.name)
        sql_type = String() if issubclass(kind, Enum) else _SQL_TYPES.get(kind, JSON(none_as_null=True))
        columns.append(Column(column.name, sql_type, primary_key=column.name == "id", nullable=may_be_empty))
    return columns


def values_of(row: Any) -> dict[str, Any]:
    """What a row's columns take, the id left to the database; times are kept in UTC."""
    values = {column.name: getattr(row, column.name) for column in fields(row) if column.name != "id"}
    return {name: utc(value) if isinstance(value, datetime) else plain(value) for name, value in values.items()}


def read_row(kind: type[RowType], row: Any, prefix: str = "") -> RowType:
    """The dataclass of a database's row, whose columns are called as its fields with a prefix.

    Raises:
        ValueError, TypeError, LookupError: somebody edited the row into something else.
    """
    values = {column.name: _read(kind, column, getattr(row, prefix + column.name)) for column in fields(kind)}  # type: ignore[arg-type]
    return kind(**values)


def row_from_json(kind: type, values: Any) -> Any:
    """What `read_row` takes, of an object that `plain` made of a row; what it lacks is None.

    Raises:
        ValueError, TypeError: it is no such object.
    """
    if not isinstance(values, dict):
        raise ValueError(f"{values!r} is no row")
    row = {column.name: values.get(column.name) for column in fields(kind)}
    for name, value in row.items():
        if value is not None and kind_of(kind, name) is datetime:
            row[name] = utc(datetime.fromisoformat(value))
        elif isinstance(value, int) and abs(value) > LARGEST:
            raise ValueError(f"{name} is {value}")
    return SimpleNamespace(**row)


def kind_of(row: type, name: str) -> type:
    """The class of a field's values, of `X | None` X's."""
    return _kind(row, name)[0]


def demand_numbers(name: str, values: Iterable[Any]) -> None:
    """Raises a ValueError unless they are."""
    for value in values:
        if not isinstance(value, float | int):
            raise ValueError(f"{name} holds {value!r}")


def utc(stamp: datetime) -> datetime:
    """SQLite keeps times without a zone, and a server tells them in its own; the log's are UTC."""
    return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)


@cache
def _kind(row: type, name: str) -> tuple[type, bool]:
    """The class of a field's values, of `Mapping[str, X]` Mapping itself; and whether there may be none."""
    hint = get_type_hints(row)[name]
    may_be_empty = isinstance(hint, UnionType)
    if may_be_empty:
        hint = get_args(hint)[0]
    return get_origin(hint) or hint, may_be_empty


def _read(row: type, column: Field[Any], value: Any) -> Any:
    kind, may_be_empty = _kind(row, column.name)
    if value is None:
        # A row that is older than its column has what the column's default says.
        default = column.default if column.default_factory is MISSING else column.default_factory()
        if default is MISSING and not may_be_empty:
            raise ValueError(f"{column.name} is empty")
        return None if may_be_empty else default
    if issubclass(kind, Enum):
        return kind(value)
    if is_dataclass(kind):  # a newer Vitro may have written more of it
        value = {part.name: value[part.name] for part in fields(kind) if part.name in value}
        demand_numbers(column.name, [number for number in value.values() if number is not None])
        return kind(**value)
    if kind is tuple and isinstance(value, list):
        return tuple(value)
    if not isinstance(value, float | int if kind is float else kind):
        raise ValueError(f"{column.name} is {value!r}")
    return utc(value) if isinstance(value, datetime) else value
