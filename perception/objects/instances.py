"""Which object a pixel is of: every pixel of a mask points at the middle of its object, and middles are counted."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label, maximum_filter

#: Middles nearer than this to each other are one object's [px of the network's picture].
APART_PX = 21
#: Votes are blurred by this, and a middle needs this share of what the votes of a whole object would give.
BLUR_PX, LEAST_SHARE = 3.5, 0.12
#: Fewer pixels are no object.
LEAST_PIXELS = 40


def find_instances(mask: NDArray[np.bool_], offset_px: NDArray[np.float32]) -> NDArray[np.int32]:
    """Ids (H, W), 0 for none, 1, 2, ... by falling size, of a mask (H, W) whose pixels lie `offset_px` (2, H, W: x, y)
    before the middle of their object."""
    ids = np.zeros(mask.shape, np.int32)
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return ids
    height, width = mask.shape
    x = np.clip(columns + offset_px[0][mask], 0, width - 1)
    y = np.clip(rows + offset_px[1][mask], 0, height - 1)
    votes = np.zeros(mask.shape, np.float32)
    np.add.at(votes, (np.rint(y).astype(int), np.rint(x).astype(int)), 1.0)
    votes = gaussian_filter(votes, BLUR_PX)
    # A middle whose object gave all its votes to one place stands this high.
    sharp = 1.0 / (2 * np.pi * (2 * BLUR_PX) ** 2)
    peaks = (votes == maximum_filter(votes, APART_PX)) & (votes > LEAST_PIXELS * LEAST_SHARE * sharp)
    middles = np.argwhere(peaks)
    if not len(middles):
        middles = np.array([[y.mean(), x.mean()]])
    distance = (y[:, None] - middles[:, 0]) ** 2 + (x[:, None] - middles[:, 1]) ** 2
    ids[rows, columns] = 1 + distance.argmin(1)
    return _by_size(ids)


def _by_size(ids: NDArray[np.int32]) -> NDArray[np.int32]:
    """The same renumbered by falling size: of each only its largest piece, and none of fewer than `LEAST_PIXELS`."""
    pieces = []
    for id_ in range(1, int(ids.max()) + 1):
        parts, count = label(ids == id_)
        sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
        pieces += [parts == 1 + k for k in np.flatnonzero(sizes >= LEAST_PIXELS) if sizes[k] == sizes.max()]
    out = np.zeros_like(ids)
    for number, piece in enumerate(sorted(pieces, key=lambda piece: -int(piece.sum())), start=1):
        out[piece] = number
    return out
