"""Arrays in one `.npz`, as `numpy.savez` writes them, read within the sizes that the file itself proves."""

from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

#: What all arrays of a file may take: eight times a scene of six views.
_MOST_BYTES = 1 << 29
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays by name.

    Raises:
        ValueError: the file is missing, damaged, or states more than it holds.
    """
    try:
        with ZipFile(path) as file:
            if sum(entry.file_size for entry in file.infolist()) > _MOST_BYTES:
                raise ValueError(f"it unpacks to more than {_MOST_BYTES} bytes")
            return {name.removesuffix(".npy"): _array(file.read(name)) for name in file.namelist()}
    except Exception as error:  # zipfile and numpy raise whatever damaged bytes make them
        raise ValueError(str(error) or type(error).__name__) from error


def _array(content: bytes) -> NDArray[Any]:
    stream = BytesIO(content)
    shape, is_fortran, dtype = _HEADERS[npy.read_magic(stream)](stream)
    if dtype.hasobject or prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise ValueError(f"an array of {dtype} and the shape {shape} in {len(content)} bytes")
    array = np.frombuffer(bytearray(stream.read()), dtype)
    return array.reshape(shape, order="F" if is_fortran else "C")
