"""The views taken so far, on disk after each: a calibration that was cut off goes on with them."""

import json
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from calibration.hand_eye import BoardView
from calibration.result import LensFit
from calibration.sample_arrays import view_arrays
from core.errors import ConfigurationError
from core.text_file import read_json
from core.work import write_whole
from perception.depth_types import SeenTag


@dataclass
class Samples:
    """views by arm; tags: the table's tags in each picture; steps: what other steps came to, by arm, name and what
    they prove, as JSON has it; again: the step of a finished calibration that is repeated, if any."""

    path: Path
    views: dict[str, list[BoardView]] = field(default_factory=dict)
    tags: list[tuple[SeenTag, ...]] = field(default_factory=list)
    steps: dict[str, Any] = field(default_factory=dict)
    again: str = ""

    @classmethod
    def open(cls, folder: Path, settings: dict[str, Any], fresh: bool) -> "Samples":
        """Those taken with the same settings, or none; others are left alone.

        Raises:
            ConfigurationError: a file that cannot be read.
        """
        digest = sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
        samples = cls(folder / f"views-{digest}.json")
        if fresh or not samples.path.exists():
            return samples
        try:
            content = read_json(samples.path)
            samples.views = {arm: [_view(view) for view in views] for arm, views in content["views"].items()}
            samples.tags = [tuple(_tag(tag) for tag in picture) for picture in content["tags"]]
            samples.steps = dict(content.get("steps", {}))
            samples.again = str(content.get("again", ""))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ConfigurationError(
                f"The views of an earlier calibration cannot be read from {samples.path}.",
                "Move it away, or give --fresh.",
            ) from error
        return samples

    def add(self, arm: str, view: BoardView, tags: tuple[SeenTag, ...]) -> None:
        """Raises StorageError where they cannot be kept."""
        self.views.setdefault(arm, []).append(view)
        self.tags.append(tags)
        self.write()

    def keep(self, step: str, result: Any) -> None:
        """What a step came to; raises StorageError where it cannot be kept."""
        self.steps[step] = result
        self.write()

    def views_digest(self, arm: str, lens: LensFit | None) -> str:
        """Of what an arm was solved from: its views, and a lens refined with them."""
        told = sha256()
        for view in self.views.get(arm, []):
            for part in (view.joints_rad, view.board_m, view.corners_px):
                told.update(np.asarray(part, float).tobytes())
        if lens is not None and lens.kind != "factory":
            k = lens.intrinsics
            told.update(np.round([k.fx, k.fy, k.cx, k.cy], 3).tobytes())
        return told.hexdigest()[:8]

    def write(self) -> None:
        """All of them to disk."""
        write_whole(self.path, json.dumps(self.as_json()).encode())

    def as_json(self) -> dict[str, Any]:
        views = {arm: [_lists(view) for view in views] for arm, views in self.views.items()}
        return {
            "views": views,
            "tags": [[_lists(tag) for tag in picture] for picture in self.tags],
            "steps": self.steps,
            "again": self.again,
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """For the store, by name."""
        return view_arrays(self.views)

    def others(self) -> int:
        """How many others are kept beside these, taken with other settings."""
        return len([file for file in self.path.parent.glob("views-*.json") if file != self.path])

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)


def _lists(part: BoardView | SeenTag) -> dict[str, Any]:
    return {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in vars(part).items()}


def _view(content: dict[str, Any]) -> BoardView:
    view = BoardView(**{key: np.array(value, float) for key, value in content.items()})
    if view.joints_rad.shape != (6,) or view.board_m.shape != (*view.corners_px.shape[:1], 3):
        raise ValueError("no view")
    return view


def _tag(content: dict[str, Any]) -> SeenTag:
    return SeenTag(**{**content, "corners_px": np.array(content["corners_px"], float).reshape(4, 2)})
