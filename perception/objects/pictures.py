"""Objects for the eye: their outlines over the picture, and how thick each is believed to be."""

import numpy as np
from numpy.typing import NDArray

from perception.objects.object_map import ObjectMap
from perception.pictures import Image, legend, titled, viridis, write

#: Outlines take turns in these colours, which no glass has.
RGB = ((255, 80, 200), (90, 230, 90), (255, 170, 40), (80, 180, 255), (250, 240, 60), (190, 120, 255))
#: Thickness [m] that is drawn brightest.
THICKEST_M = 0.10


def draw_objects(color: Image, objects: ObjectMap) -> Image:
    """The image with every object's outline and number, beside it the thickness of each."""
    share: NDArray = np.where(objects.mask, np.nan_to_num(objects.thickness_m) / THICKEST_M, 0.0)
    thick = viridis(np.clip(255 * share, 0, 255).astype(np.uint8))
    thick[~objects.mask] = color[~objects.mask] // 3
    words = "1 object" if objects.count == 1 else f"{objects.count} objects"
    panels = titled(outline_objects(color, objects), words), titled(thick, "how thick each is believed to be")
    return np.hstack([*panels, legend(len(color), THICKEST_M, 0.0, "metres", colour=viridis)])


def outline_objects(color: Image, objects: ObjectMap) -> Image:
    """A copy of the image with every object's outline and number."""
    import cv2

    outlined, wide = color.copy(), max(1, color.shape[1] // 420)
    for id_ in range(1, objects.count + 1):
        mask = (objects.ids == id_).astype(np.uint8)
        lines, rgb = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], RGB[(id_ - 1) % len(RGB)]
        cv2.drawContours(outlined, lines, -1, rgb, wide, cv2.LINE_AA)
        rows, columns = np.nonzero(mask)
        write(outlined, str(id_), (int(columns.mean()) - 6, int(rows.min()) - 8), color.shape[1] / 1000, wide)
    return outlined
