"""Numbers that stand for rows group and order as the rows do."""

import numpy as np
import pytest
from numpy.typing import NDArray

from perception.row_keys import row_keys


@pytest.mark.parametrize("shape", [(0, 2), (1, 3), (500, 1), (500, 2), (500, 3)])
def test_rows_are_grouped_and_ordered_as_they_are(shape: tuple[int, int]) -> None:
    rows = np.random.default_rng(1).integers(-4, 5, shape)
    rows[:, 0] *= 1_000_000
    check(rows)
    check(rows * 2**40)  # no number of 64 bits has room for two such columns


def check(rows: NDArray[np.int64]) -> None:
    ours = np.unique(row_keys(rows), return_index=True, return_inverse=True)
    theirs = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    np.testing.assert_array_equal(ours[1], theirs[1])
    np.testing.assert_array_equal(ours[2].ravel(), theirs[2].ravel())
