"""The views taken so far, on disk after each: a calibration that was cut off goes on with them."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from calibration.hand_eye import BoardView
from core.errors import ConfigurationError
from core.files import replace_file, writing
from perception.depth_types import SeenTag


@dataclass
class Samples:
    """views by arm; tags: the table's tags in each picture. settings: what they were taken with."""

    path: Path
    settings: dict[str, Any]
    views: dict[str, list[BoardView]] = field(default_factory=dict)
    tags: list[tuple[SeenTag, ...]] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path, settings: dict[str, Any], fresh: bool) -> "Samples":
        """Those of the same settings, or none.

        Raises:
            ConfigurationError: a file that cannot be read; nothing is lost.
        """
        samples = cls(path, json.loads(json.dumps(settings)))
        if fresh or not path.exists():
            return samples
        try:
            content = json.loads(path.read_text("utf-8"))
            if content["settings"] != samples.settings:
                return samples
            samples.views = {arm: [_view(view) for view in views] for arm, views in content["views"].items()}
            samples.tags = [tuple(_tag(tag) for tag in picture) for picture in content["tags"]]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigurationError(
                f"The views of an earlier calibration cannot be read from {path}.", "Move it away, or give --fresh."
            ) from error
        return samples

    def add(self, arm: str, view: BoardView, tags: tuple[SeenTag, ...]) -> None:
        """Raises StorageError where they cannot be kept."""
        self.views.setdefault(arm, []).append(view)
        self.tags.append(tags)
        content = {"settings": self.settings, **self.as_json()}
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self.path, json.dumps(content).encode())

    def as_json(self) -> dict[str, Any]:
        views = {arm: [_lists(view) for view in views] for arm, views in self.views.items()}
        return {"views": views, "tags": [[_lists(tag) for tag in picture] for picture in self.tags]}

    def arrays(self) -> dict[str, np.ndarray]:
        """For the store: of each view its joints and its corners' places and pixels, by name."""
        return {
            f"{arm} {number} {key}": value
            for arm, views in self.views.items()
            for number, view in enumerate(views)
            for key, value in vars(view).items()
        }

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
