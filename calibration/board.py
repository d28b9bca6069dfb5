"""The board that an arm holds up to the camera: AprilTags on a rigid plate, in a row grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.cell_parts import PAPER_RATIO, Tag

#: From one tag's centre to the next, over its side: one white module each, and a little.
PITCH_RATIO = 1.3


@dataclass(frozen=True)
class Board:
    """rows x columns of tag36h11; ids from first_id, along the rows from the upper left.

    tag_m: side of the black squares as measured; printed_m: as it is in the file to print. Where they differ, all
    of the board was printed larger or smaller.
    Frame: origin at the middle of the tags, x right and y up as printed, z out of the paper.
    """

    rows: int = 2
    columns: int = 3
    first_id: int = 500
    tag_m: float = 0.034
    printed_m: float = 0.034

    @property
    def pitch_m(self) -> float:
        """From one tag's centre to the next."""
        return self.tag_m * PITCH_RATIO

    @property
    def tags(self) -> tuple[Tag, ...]:
        """Where each tag is on the board, in its frame."""
        return tuple(
            Tag(
                id=self.first_id + row * self.columns + column,
                size_m=self.tag_m,
                position_m=(
                    (column - (self.columns - 1) / 2) * self.pitch_m,
                    ((self.rows - 1) / 2 - row) * self.pitch_m,
                ),
            )
            for row in range(self.rows)
            for column in range(self.columns)
        )

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height of the printed area with its white border."""
        border_m = (PAPER_RATIO - 1) * self.tag_m
        return (
            (self.columns - 1) * self.pitch_m + self.tag_m + border_m,
            (self.rows - 1) * self.pitch_m + self.tag_m + border_m,
        )

    def corners_m(self) -> NDArray[np.float64]:
        """(tags, 4, 3) corners in the board's frame, each tag's in the order of `tag_corners_m`."""
        h = self.tag_m / 2
        square = np.array([[-h, -h, 0.0], [h, -h, 0.0], [h, h, 0.0], [-h, h, 0.0]])
        centres = np.array([(*tag.position_m, 0.0) for tag in self.tags])
        return centres[:, None] + square
