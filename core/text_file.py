"""JSON and YAML that anyone may have written: read within bounds, and with nothing in it that no program means.

A few bytes can ask for gigabytes (`&a [*b, *b]`), for a thousand levels, or for a number that is none (`1e999`).
Whoever reads a file here meets an OSError or a ValueError, whatever its bytes are.
"""

import errno
import json
import math
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

#: The longest file that is read as JSON: a hundred times what a clip of 1,000 frames takes.
MOST_JSON_BYTES = 8 << 20
#: The longest that is read as YAML, which is written by hand.
_MOST_YAML_BYTES = 1 << 18
_DEEPEST, _MOST_VALUES = 64, 1_000_000
#: Numbers as other programs hold them: whole ones in 64 bits.
_LARGEST = 1 << 63
#: Ten times as fast as the one in Python.
_YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YAML_OPENINGS = (yaml.SequenceStartEvent, yaml.MappingStartEvent)
_YAML_ENDS = (yaml.SequenceEndEvent, yaml.MappingEndEvent)


def read_bytes(path: Path, most: int) -> bytes:
    """A regular file's content.

    Raises:
        OSError: it cannot be read.
        ValueError: it is longer than `most` bytes.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        is_folder = stat.S_ISDIR(status.st_mode)
        raise OSError(errno.EISDIR if is_folder else errno.EINVAL, "a folder" if is_folder else "no regular file")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{status.st_size} bytes, where {most} are the most")
    return content


def read_json(path: Path, most_bytes: int = MOST_JSON_BYTES, is_finite: bool = True) -> Any:
    """What a JSON file says; is_finite: False where who asks judges infinite numbers himself.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, or says what no program means.
    """
    return parse_json(read_bytes(path, most_bytes), is_finite)


def parse_json(content: bytes, is_finite: bool = True) -> Any:
    """What JSON in UTF-8 says. Raises a ValueError as `read_json`."""
    try:
        value = json.loads(content.decode())
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    _demand_meaning(value, is_finite)
    return value


def read_yaml(path: Path) -> Any:
    """What a YAML file says.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no YAML, or says what no program means; a UnicodeDecodeError where it is no UTF-8. Numbers
            may be infinite: who knows the field names it.
    """
    text = read_bytes(path, _MOST_YAML_BYTES).decode()
    try:
        # Its constructors recurse in C, without a guard: levels are counted first.
        _demand_levels(yaml.parse(text, _YAML_LOADER))
        value = yaml.load(text, _YAML_LOADER)
    except (yaml.YAMLError, LookupError, AttributeError, TypeError, RecursionError) as error:
        # `!!int ""` and its like make its constructors stumble.
        raise ValueError(_yaml_problem(error)) from error
    _demand_meaning(value, is_finite=False)
    return value


def _yaml_problem(error: Exception) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or not problem:
        return str(error) or type(error).__name__
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def _demand_levels(events: Iterable[yaml.Event]) -> None:
    levels = 0
    for event in events:
        levels += isinstance(event, _YAML_OPENINGS) - isinstance(event, _YAML_ENDS)
        if levels > _DEEPEST:
            raise ValueError("it is nested too deep")


def _demand_meaning(value: Any, is_finite: bool) -> None:
    """Raises a ValueError for too many values or levels, infinite or endless numbers, and text that is no text.

    What YAML's aliases repeat counts each time: so will it for whoever uses it.
    """
    waiting, left = [(value, 0)], _MOST_VALUES
    while waiting:
        item, level = waiting.pop()
        if isinstance(item, dict):
            inner: list[Any] = [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple | set):
            inner = list(item)
        else:
            _demand_scalar(item, is_finite)
            continue
        left -= len(inner)
        if left < 0 or level >= _DEEPEST:
            raise ValueError("it holds too many values" if left < 0 else "it is nested too deep")
        waiting += [(one, level + 1) for one in inner]


def _demand_scalar(value: Any, is_finite: bool) -> None:
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("it holds half a character (a lone surrogate)") from None
    elif isinstance(value, float) and is_finite and not math.isfinite(value):
        raise ValueError(f"it holds {value}, which is no number")
    elif isinstance(value, int) and not abs(value) < _LARGEST:
        raise ValueError("it holds a number beyond 64 bits")


#: What pydantic's kinds of error mean to who wrote the file; its others speak of values and are plain enough.
UNKNOWN = "there is no such field"
_LIST, _FIELDS = "a list is needed: [0.1, 0.2], or lines that begin with -", "fields are needed: {{name: value, ...}}"
_MEANINGS = {
    "extra_forbidden": UNKNOWN,
    "missing": "is missing",
    "tuple_type": f"{_LIST}; not {{input}}",
    "model_type": f"{_FIELDS}; not {{input}}",
    "dict_type": f"{_FIELDS}; not {{input}}",
    "string_type": "text is needed, not {input}; a number as text stands in quotes",
    "float_type": "a number is needed, not {input}",
    "float_parsing": "a number is needed, not {input}",
    "int_type": "a whole number is needed, not {input}",
    "int_parsing": "a whole number is needed, not {input}",
    "int_from_float": "a whole number is needed, not {input}",
    "too_long": "has {actual_length} entries, at most {max_length} are possible",
}
_LONGEST_SHOWN = 40


def field_problems(errors: Iterable[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Of each of a `pydantic.ValidationError`'s errors the path of its field, () for the whole, and what is wrong there
    in words for who writes YAML."""
    for error in errors:
        given = "nothing" if error.get("input") is None else repr(error["input"])
        given = given if len(given) <= _LONGEST_SHOWN else f"{given[:_LONGEST_SHOWN]} …"
        said = _MEANINGS.get(error["type"], "").format_map({**error.get("ctx", {}), "input": given}) or error["msg"]
        yield tuple(map(str, error["loc"])), said.removeprefix("Value error, ").removeprefix("Input ")
