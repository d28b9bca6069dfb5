"""AprilTags (tag36h11) in an image: one guarded detector, corners in OpenCV pixels, doubtful quads refused.

Upright means as OpenCV draws a marker (`cv2.aruco.generateImageMarker`), which is also how our targets
are printed and rendered; pupil-apriltags reports such a tag turned by 180 degrees in its plane.
"""

import ctypes
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cell_parts import Tag
from core.errors import PerceptionError
from perception.depth_types import SeenTag

#: The shortest side of a quad [px] that can be decoded and measured: 1.5 px a module.
MIN_SIDE_PX = 12.0
#: Longest over shortest side: beyond it the tag is seen so steeply that its corners are guesses.
MAX_SIDE_RATIO = 5.0
#: Least contrast between black and white modules (pupil's decision margin, 0..255): a cell in dusk gives 13.
MIN_MARGIN = 10.0
#: Smaller images crash the library (under 8 px) and cannot hold a tag worth measuring anyway.
MIN_IMAGE_PX = 24

#: So many tags of a small family are no chance.
_MIN_FOREIGN, _MIN_FOREIGN_PX = 3, 24.0
_HALF_PIXEL = 0.5
_lock = threading.Lock()
_detector: Any = None


def tag_corners_m(size_m: float) -> NDArray[np.float64]:
    """(4, 3) corners of the black square in the tag's frame (x right, y up as printed, z out).

    Order: lower left, lower right, upper right, upper left; `SeenTag.corners_px` has the same.
    """
    h = size_m / 2
    return np.array([[-h, -h, 0.0], [h, -h, 0.0], [h, h, 0.0], [-h, h, 0.0]])


def detect_tags(color: NDArray[np.uint8], cell_tags: Sequence[Tag]) -> tuple[SeenTag, ...]:
    """Finds the cell's tags in an RGB (or grey) uint8 image, by rising id.

    Tags that the cell does not know, degenerate quads and doubtful decodings are left out.

    Raises:
        PerceptionError: one id is seen twice, so no position can be given to it.
    """
    import cv2

    sizes = {tag.id: tag.size_m for tag in cell_tags}
    grey = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY) if color.ndim == 3 else color
    grey = np.ascontiguousarray(grey, dtype=np.uint8)
    found = [d for d in _detections(grey) if d.tag_id in sizes and _is_trustworthy(d)]
    twice = sorted(id_ for id_, count in Counter(d.tag_id for d in found).items() if count > 1)
    if twice:
        raise PerceptionError(
            f"Tag {', '.join(map(str, twice))} is seen more than once.",
            "Remove or cover every print of it but the one that the cell file describes.",
        )
    tags = []
    for d in sorted(found, key=lambda d: d.tag_id):
        # Ours start at the lower left; pupil's pixel centres lie at half numbers and its tag is upside down.
        corners_px = np.roll(np.asarray(d.corners, float), -2, axis=0) - _HALF_PIXEL
        tags.append(SeenTag(d.tag_id, sizes[d.tag_id], corners_px, float(d.decision_margin)))
    return tuple(tags)


def foreign_tags(color: NDArray[np.uint8]) -> str:
    """What of tags is seen in a picture in which no own tag is, in words: of other ids, of another family, mirrored."""
    import cv2

    grey = np.ascontiguousarray(cv2.cvtColor(color, cv2.COLOR_RGB2GRAY) if color.ndim == 3 else color, np.uint8)
    if ids := _sound_ids(grey):
        return f"those of the ids {', '.join(map(str, ids))} are"
    if ids := _sound_ids(np.ascontiguousarray(grey[:, ::-1])):
        return f"{', '.join(map(str, ids))} would be in a mirrored picture: this one is left and right swapped"
    for family in ("25h9", "16h5", "36h10"):
        dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_APRILTAG_{family}"))
        corners, found, _ = cv2.aruco.ArucoDetector(dictionary).detectMarkers(grey)
        if not corners:
            continue
        is_large = [np.linalg.norm(quad[0][0] - quad[0][2]) > _MIN_FOREIGN_PX for quad in corners]
        named = sorted({int(id_) for id_, large in zip(np.ravel(found), is_large, strict=True) if large})
        if len(named) >= _MIN_FOREIGN:
            return f"those of another family are: tag{family}, ids {', '.join(map(str, named))}"
    return ""


def _sound_ids(grey: NDArray[np.uint8]) -> list[int]:
    ids = sorted(d.tag_id for d in _detections(grey) if _is_trustworthy(d) and d.hamming == 0)
    return ids if len(ids) >= 2 else []


def _detections(grey: NDArray[np.uint8]) -> list[Any]:
    """The library crashes on tiny images, on one detector in two threads, on many detectors and on deleting one."""
    global _detector
    if min(grey.shape) < MIN_IMAGE_PX:
        return []
    with _lock:
        if _detector is None:
            from pupil_apriltags import Detector

            # Without decimation: at 848x480 halving the image loses tags under 35 px.
            _detector = Detector(families="tag36h11", nthreads=1, quad_decimate=1.0, refine_edges=1)
            # Its destructor frees the tag family before the detector that still uses it, which now and
            # then crashes a process as it ends: one reference too many keeps it from ever running.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(_detector))
        return list(_detector.detect(grey))


def _is_trustworthy(detection: Any) -> bool:
    corners = np.asarray(detection.corners, float)
    edges = np.roll(corners, -1, axis=0) - corners
    sides = np.linalg.norm(edges, axis=1)
    following = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
    is_convex = bool(np.all(turns > 0) or np.all(turns < 0))
    return bool(
        is_convex
        and sides.min() >= MIN_SIDE_PX
        and sides.max() <= MAX_SIDE_RATIO * sides.min()
        and detection.decision_margin >= MIN_MARGIN
        and detection.hamming <= 1
    )
