"""A scene's views in one file."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import TrainingError
from core.files import replacing
from core.image import Intrinsics
from core.json_values import to_json
from core.npz_file import read_npz
from core.text_file import parse_json
from perception.depth_types import Plane
from perception.learning.objects.views import View

#: Raised whenever the same seed draws, films or stores another scene than before.
VERSION = 1
_MAPS = ("color", "depth", "back", "ids", "others")
_SEEN = ("sensor", "estimate")


def write_views(path: Path, views: Sequence[View]) -> None:
    """Writes views of one size, whole or not at all.

    Raises:
        OSError: the disk takes no more, or the folder no file.
    """
    facts = [
        {
            "version": VERSION,
            "intrinsics": asdict(view.intrinsics),
            "normal": view.table.normal,
            "offset_m": view.table.offset_m,
            "optics": view.optics,
            "seen": [name for name in _SEEN if getattr(view, name) is not None],
        }
        for view in views
    ]
    maps: dict[str, Any] = {name: np.stack([getattr(view, name) for view in views]) for name in _MAPS}
    for name in _SEEN:
        none = np.zeros_like(views[0].depth)
        maps[name] = np.stack([none if (map_ := getattr(view, name)) is None else map_ for view in views])
    maps["facts"] = np.frombuffer(to_json(facts).encode(), np.uint8)
    with replacing(path) as file:
        np.savez(file, **maps)


def read_views(path: Path) -> list[View]:
    """What `write_views` wrote.

    Raises:
        TrainingError: the file is damaged or of another kind.
    """
    try:
        maps = read_npz(path)
        facts = parse_json(maps["facts"].tobytes())
        return [_view(maps, number, fact) for number, fact in enumerate(facts)]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise TrainingError(
            f"{path} is damaged or holds no views ({error}).", "Move it away: it is rendered anew."
        ) from error


def _view(maps: dict[str, NDArray], number: int, fact: dict[str, Any]) -> View:
    color, depth, back, ids, others = (maps[name][number] for name in _MAPS)
    if fact["version"] != VERSION:
        raise ValueError(f"version {fact['version']}, not {VERSION}")
    sensor, estimate = (maps[name][number] if name in fact["seen"] else None for name in _SEEN)
    table = Plane(np.array(fact["normal"]), fact["offset_m"])
    optics = {int(id_): optics for id_, optics in fact["optics"].items()}
    return View(color, depth, back, ids, others, Intrinsics(**fact["intrinsics"]), table, optics, sensor, estimate)
