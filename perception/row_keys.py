"""Rows of integers as one number each, to be grouped by."""

from math import prod

import numpy as np
from numpy.typing import NDArray


def row_keys(rows: NDArray[np.integer]) -> NDArray[np.int64]:
    """(N,) a number for each row (N, D), equal where the rows are and in their order: `np.unique` of them gives what it
    gives of the rows (axis=0), many times faster. Rows that are too far apart for that are sorted."""
    columns = rows.T.astype(np.int64)
    if not len(rows):
        return np.zeros(0, np.int64)
    lows = [int(column.min()) for column in columns]
    extents = [int(column.max()) - low + 1 for column, low in zip(columns, lows, strict=True)]
    if prod(extents) >= 2**63:
        return np.unique(rows, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
    keys = np.zeros(len(rows), np.int64)
    for column, low, extent in zip(columns, lows, extents, strict=True):
        keys = keys * extent + (column - low)
    return keys
