"""JSON and YAML of any bytes give values within bounds, or a ValueError."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.text_file import MOST_JSON_BYTES, read_json, read_yaml

BOMB = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(8)
)
JSON = {
    "infinite": b'{"a": Infinity}',
    "beyond a float": b"[1e999]",
    "beyond 64 bits": b"[1" + b"0" * 40 + b"]",
    "endless digits": b"9" * 5000,
    "nested": b"[" * 100_000,
    "nested a little": b"[" * 70 + b"]" * 70,
    "too long": b" " * (MOST_JSON_BYTES + 1),
    "too many values": b"[" + b"0," * 1_100_000 + b"0]",
    "half a character": b'"\\ud800"',
    "no UTF-8": b"\xff\xfe\xff",
    "empty": b"",
}
YAML = {
    "repeats itself": BOMB.encode(),
    "holds itself": b"&a [*a]",
    "nested in brackets": b"[" * 100_000,
    "nested in lines": b"- " * 100_000,
    "no number": b'!!int ""',
    "no time": b"2026-99-99",
    "no truth": b"!!bool maybe",
    "a program": b"!!python/object/apply:os.getpid []",
    "beyond 64 bits": b"a: 0x" + b"f" * 40,
    "control characters": b"a: \x00",
}


@pytest.mark.parametrize("case", JSON)
def test_json_that_no_program_means_is_a_value_error(tmp_path: Path, case: str) -> None:
    (tmp_path / "a.json").write_bytes(JSON[case])
    with pytest.raises(ValueError):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("case", YAML)
def test_yaml_that_no_program_means_is_a_value_error(tmp_path: Path, case: str) -> None:
    (tmp_path / "a.yaml").write_bytes(YAML[case])
    with pytest.raises(ValueError):
        read_yaml(tmp_path / "a.yaml")


@pytest.mark.parametrize("value", [None, [1, -2.5e300, "ü", True], {"a": {"b": [[]]}}, 2**63 - 1, "x" * 1_000_000])
def test_what_programs_write_is_read(tmp_path: Path, value: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps(value))
    assert read_json(tmp_path / "a.json") == value


def test_what_is_no_file_is_an_os_error_that_says_so(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent", Path("/dev/zero")):
        with pytest.raises(OSError):
            read_json(path)
