"""Which models are on the disk, wholly or in part."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from perception.weights.models import MODELS, is_whole, weights_root

State = Literal["complete", "partial", "absent"]


@dataclass(frozen=True)
class Place:
    """One model's folder, the bytes in it (files that models share count for each), what fetches it."""

    name: str
    purpose: str
    folder: Path
    state: State
    size: int
    command: str


def find_places() -> list[Place]:
    """Every model's place, in the order of the registry."""
    return [_place(name) for name in MODELS]


def size_on_disk(folder: Path) -> int:
    """Bytes of the files under a folder; one under two names counts once."""
    sizes = {}
    for path in folder.rglob("*"):
        if path.is_file():
            state = path.stat()
            sizes[state.st_dev, state.st_ino] = state.st_size
    return sum(sizes.values())


def _place(name: str) -> Place:
    folder = weights_root() / name
    size = size_on_disk(folder)
    state: State = "complete" if is_whole(folder) else "partial" if size else "absent"
    return Place(name, MODELS[name].purpose, folder, state, size, f"python main.py weights fetch {name}")
