"""A data set's card: README.md with what is in it, counted, and card.png, which shows some of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.work import write_whole
from perception.learning.datasets.transphy3d import RenderedClip
from perception.learning.synthesis.clips.clip_files import clips_in, encode_png, read_facts
from perception.learning.synthesis.clips.clip_set import THEN, read_settings
from perception.pictures import colour_depth, depth_range, write

CARD, SHEET = "README.md", "card.png"
#: Rows of the contact sheet, a clip each, and the frames beside each other in one.
_ROWS, _COLUMNS = 12, 3
#: Width of one picture on the sheet [px].
_THUMB_PX = 208

_VIEWS = {
    "orbit": "along circles around the objects",
    "jump": "independent views of a scene",
    "still": "from one place a clip, differing by sensor noise alone",
}
_LAYOUT = """\
## Files

Each folder of `clips/` is a clip, and a frame folder besides: `python main.py depth` and `dry-run` read it.

| file | |
|---|---|
| `000000.png` | colour of frame 0: sRGB, uint8 |
| `000000.truth.png` | depth of the first surface along the optical axis, glass included: uint16, 0.1 mm; 0: none |
| `000000.normals.png` | uint16 R, G, B = round((n + 1) / 2 · 65535) of the unit normal's x, y, z in OpenCV \
camera axes; 0, 0, 0: none |
| `000000.ids.png` | uint8: the id in `clip.json` of the object, or of its lid or liquid; 0: no object |
| `000000.depth.npy` | only with `--sensor`: what a simulated stereo camera makes of it, float32 m, NaN holes |
| `intrinsics.json` | pinhole: fx, fy, cx, cy, width, height [px] |
| `clip.json` | objects, their lids and liquids (`of`: whose), table plane, AprilTags (tag36h11: id, side of the black \
square, centre, yaw) and camera poses in the world (z up, table at z = 0, metres); each file's SHA-256 |

`python main.py synth --verify --out DIR` checks every byte.
"""


def write_card(root: Path) -> None:
    """Writes both; the same bytes for the same clips.

    Raises:
        DatasetError: a clip that cannot be read.
        StorageError: the disk takes no more.
    """
    folders = clips_in(root / "clips")
    facts = [read_facts(folder) for folder in folders]
    write_whole(root / CARD, _text(read_settings(root), facts).encode(), THEN)
    write_whole(root / SHEET, encode_png(contact_sheet(folders[:_ROWS])), THEN)


def contact_sheet(folders: Iterable[Path]) -> NDArray[np.uint8]:
    """Clips below each other: frames across the clip, each beside its true depth."""
    import cv2

    rows = []
    for folder in folders:
        clip = RenderedClip(folder)
        frames = [clip.frame(round(i)) for i in np.linspace(0, len(clip) - 1, _COLUMNS)]
        near_m, far_m = depth_range(*(frame.depth_m for frame in frames))
        pictures = [p for f in frames for p in (f.color, colour_depth(f.depth_m, near_m, far_m))]
        size = (_THUMB_PX, round(pictures[0].shape[0] * _THUMB_PX / pictures[0].shape[1]))
        row = np.hstack([np.asarray(cv2.resize(p, size, interpolation=cv2.INTER_AREA), np.uint8) for p in pictures])
        write(row, clip.name, (6, 16), 0.4, 1)
        rows.append(row)
    return np.vstack(rows)


def _text(settings: Mapping[str, Any], clips: list[dict[str, Any]]) -> str:
    frames, views = len(clips) * settings["frames"], _VIEWS[settings["views"]]
    by_clip = [[one for one in clip["objects"] if "of" not in one] for clip in clips]
    objects = [one for own in by_clip for one in own]
    parts = [f"{one['family']}, {one['material']}" for clip in clips for one in clip["objects"] if "of" in one]
    return "\n".join(
        [
            "# TransPhy3D, rendered",
            "",
            f"{len(clips)} of {settings['clips']} clips of {settings['frames']} frames ({frames:,} frames, {views}), "
            f"{settings['width']}x{settings['height']} pixels, seed {settings['seed']}, "
            f"surface {settings['surface']}, with{'' if settings['sensor'] else 'out'} a sensor's depth"
            f"{_extras(settings)}.",
            "",
            *(f"{count} rendered by {line}." for line, count in _by_frequency(clip["renderer"] for clip in clips)),
            "",
            "![Some of the clips: colour, true depth](card.png)",
            "",
            "## Contents",
            "",
            *_table("surface", "clips", _by_frequency(clip["surface"] for clip in clips)),
            *_table("container", "clips", _by_frequency(clip["container"] or "none" for clip in clips)),
            *_table("objects", "clips", sorted(Counter(str(len(own)) for own in by_clip).items())),
            *_table("optics", "objects", _by_frequency(one["optics"] for one in objects)),
            *_table("material", "objects", _by_frequency(one["material"] for one in objects)),
            *_table("family", "objects", _by_frequency(one["family"] for one in objects)),
            *_table("part of an object", "parts", _by_frequency(parts)),
            _LAYOUT,
        ]
    )


def _extras(settings: Mapping[str, Any]) -> str:
    return "".join(
        [
            f", scenes of cell {settings['cell']} ({settings['cell_digest']})" if settings["cell"] else "",
            f", with user meshes {settings['meshes']}" if settings["meshes"] else "",
            f", zoomed up to {settings['zoom']:g} times" if settings["zoom"] > 1 else "",
        ]
    )


def _by_frequency(names: Iterable[str]) -> list[tuple[str, int]]:
    """The most frequent first, then by name."""
    return sorted(Counter(names).items(), key=lambda pair: (-pair[1], pair[0]))


def _table(of: str, count: str, rows: Sequence[tuple[str, int]]) -> list[str]:
    """Nothing where there are no rows."""
    if not rows:
        return []
    return [f"| {of} | {count} |", "|---|---:|", *(f"| {name} | {number:,} |" for name, number in rows), ""]
