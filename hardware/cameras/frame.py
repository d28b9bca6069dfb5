"""What a camera gives: a picture, and where and when it was taken."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.image import RgbdImage


@dataclass(frozen=True)
class RgbdFrame(RgbdImage):
    """One exposure.

    stamp_s is monotonic; number grows by exposure, so a repeated frame can be told from a fresh one.
    source names what made it (`d435`, `sim`, a file).
    """

    serial: str
    number: int
    stamp_s: float
    source: str
    infrared: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = field(default=None, repr=False)
