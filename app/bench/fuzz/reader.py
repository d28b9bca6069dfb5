"""A reader of files that others wrote, and what sound files of its tests hold."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.image import Intrinsics

INTRINSICS = Intrinsics(32, 24, 30.0, 30.0, 15.5, 11.5)
COLOR = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
DEPTH_M = np.linspace(0.5, 1.0, 24 * 32, dtype=np.float32).reshape(24, 32)


@dataclass(frozen=True)
class Reader:
    """file: whose bytes are damaged, in an empty folder. write: makes that folder sound. read: of the folder.

    Both can be pickled, to be called in another process.
    """

    file: str
    write: Callable[[Path], object]
    read: Callable[[Path], object]
