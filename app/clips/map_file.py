"""A .npy file of maps that grows as they come: plain appends, so that its size never counts as memory."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from perception.depth_types import Kind

METRIC = "depth_m.npy"
#: What a kind of numbers is called on disk: a name never promises what the numbers are not.
FILES: dict[Kind, str] = {"disparity": "disparity.npy", "depth": "relative_depth.npy", "metric": METRIC}
_DTYPE = np.dtype("<f4")


class MapFile:
    """An array (F, H, W) or (F, H, W, 3) of float32, complete once `written` is F."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        """Nothing is opened yet: call `start`."""
        self.path = path
        self.shape = shape
        self.written = 0
        self._file: BinaryIO | None = None

    @property
    def map_bytes(self) -> int:
        """Bytes of one map."""
        return int(np.prod(self.shape[1:])) * _DTYPE.itemsize

    def holds(self, count: int) -> bool:
        """Whether a file of this shape is there with at least `count` maps in it."""
        try:
            with self.path.open("rb") as file:
                shape = _read_header(file)
                return shape == self.shape and self.path.stat().st_size >= file.tell() + count * self.map_bytes
        except (OSError, ValueError):
            return False

    def start(self, count: int = 0) -> None:
        """Opens the file after its first `count` maps, which must be there; 0 begins it anew.

        Raises:
            OSError: it cannot be written.
        """
        self._file = self.path.open("r+b" if count else "w+b")
        if count:
            _read_header(self._file)
        else:
            header = {"descr": npy.dtype_to_descr(_DTYPE), "fortran_order": False, "shape": self.shape}
            npy.write_array_header_1_0(self._file, header)
        self._file.truncate(self._file.tell() + count * self.map_bytes)
        self._file.seek(0, os.SEEK_END)
        self.written = count

    def append(self, maps: Iterable[NDArray[np.float32]]) -> None:
        """Writes the next maps.

        Raises:
            OSError: the disk is full.
        """
        assert self._file is not None
        for map_ in maps:
            assert map_.shape == self.shape[1:], f"{map_.shape} is no map of {self.shape}"
            self._file.write(np.ascontiguousarray(map_, _DTYPE).data)
            self.written += 1

    def sync(self) -> None:
        """Returns when all that was appended would survive a power cut."""
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _read_header(file: BinaryIO) -> tuple[int, ...]:
    npy.read_magic(file)
    return npy.read_array_header_1_0(file)[0]
