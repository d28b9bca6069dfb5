"""Damage to files as disks, networks, editors and enemies do it: seeded, so that any input can be had again."""

import random
import re
from collections.abc import Callable

#: What stands in for a number in text, and for four bytes elsewhere.
_NUMBERS = (b"0", b"-1", b"1e999", b"-1e308", b"9" * 25, b"9" * 5000, b"NaN", b"Infinity", b"0.5", b"2147483648")
_WORDS = (b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x01\x00", b"\x80\x00\x00\x00")
#: What stands in for a value in text.
_VALUES = (b"null", b"[]", b"{}", b'""', b"true", b'"\\ud800"', b"[" * 3000, b'{"a":' * 200, b'"../../x"', b"&a [*a]")
_TEXT_VALUE = re.compile(rb'"[^"\n]*"|\[[^\[\]]*\]|\{[^{}]*\}|(?<=: )[^\n,{}\[\]]+')
_NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?")
#: As much is looked at of a file to find values in it.
_LOOK = 1 << 16
_MOST_BYTES = 1 << 20


def damaged(sample: bytes, draw: random.Random) -> bytes:
    """The bytes of a sound file with one to four things done to them."""
    for _ in range(draw.choice((1, 1, 1, 2, 2, 4))):
        sample = draw.choice(_WAYS)(sample, draw)[:_MOST_BYTES]
    return sample


def _flip(sample: bytes, draw: random.Random) -> bytes:
    changed = bytearray(sample or b"\0")
    for _ in range(draw.choice((1, 1, 2, 8, 64))):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _cut(sample: bytes, draw: random.Random) -> bytes:
    return sample[: draw.randrange(len(sample) + 1)]


def _drop(sample: bytes, draw: random.Random) -> bytes:
    first, last = _span(sample, draw)
    return sample[:first] + sample[last:]


def _repeat(sample: bytes, draw: random.Random) -> bytes:
    first, last = _span(sample, draw)
    return sample[:last] + sample[first:last] * draw.choice((1, 3, 200)) + sample[last:]


def _swap(sample: bytes, draw: random.Random) -> bytes:
    """Moves a stretch to another place."""
    first, last = _span(sample, draw)
    rest = sample[:first] + sample[last:]
    at = draw.randrange(len(rest) + 1)
    return rest[:at] + sample[first:last] + rest[at:]


def _word(sample: bytes, draw: random.Random) -> bytes:
    """Four bytes that a size or an index may be, most often near the beginning, where headers are."""
    at = draw.randrange(min(len(sample), draw.choice((64, 512, _LOOK))) or 1)
    return sample[:at] + draw.choice(_WORDS) + sample[at + 4 :]


def _number(sample: bytes, draw: random.Random) -> bytes:
    return _replaced(sample, _NUMBER, draw.choice(_NUMBERS), draw)


def _value(sample: bytes, draw: random.Random) -> bytes:
    return _replaced(sample, _TEXT_VALUE, draw.choice(_VALUES + _NUMBERS), draw)


def _noise(sample: bytes, draw: random.Random) -> bytes:
    first, last = _span(sample, draw)
    return sample[:first] + draw.randbytes(last - first) + sample[last:]


def _replaced(sample: bytes, pattern: re.Pattern[bytes], new: bytes, draw: random.Random) -> bytes:
    found = list(pattern.finditer(sample[:_LOOK]))
    if not found:
        return sample
    match = draw.choice(found)
    return sample[: match.start()] + new + sample[match.end() :]


def _span(sample: bytes, draw: random.Random) -> tuple[int, int]:
    first = draw.randrange(len(sample) + 1)
    return first, min(len(sample), first + draw.choice((1, 4, 30, 500)))


_WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_flip, _cut, _drop, _repeat, _swap, _word, _word, _number, _value, _noise),
)
