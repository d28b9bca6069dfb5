"""What a run writes down of every step, and the picture of its loss."""

import csv
import io
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from core.files import writing
from core.work import write_whole
from perception.learning.training.files import GOES_ON, write_png
from perception.pictures import HOLE_RGB, Image, write

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 960, 480, 80, 20, 40, 40
#: The thick line is the mean over this share of the run.
_SMOOTH = 0.02
#: And over at least so many steps.
_LEAST_SMOOTH = 10
_STEPS, _MEAN, _GRID = (70, 95, 150), (120, 200, 255), (55, 55, 55)


@dataclass(frozen=True)
class LogRow:
    """One step. seconds: what it took; frames: F of its samples; rates over this step alone."""

    step: int
    loss: float
    grad_norm: float
    learning_rate: float
    frames: int
    samples_per_s: float
    frames_per_s: float
    seconds: float

    @classmethod
    def of(
        cls, step: int, loss: float, grad_norm: float, rate: float, frames: int, samples: int, seconds: float
    ) -> "LogRow":
        """Of a step with `samples` in all."""
        speed = round(samples / seconds, 3)
        return cls(step, loss, grad_norm, rate, frames, speed, round(samples * frames / seconds, 3), round(seconds, 4))


_COLUMNS = [field.name for field in fields(LogRow)]


class TrainingLog:
    """`log.csv`, a row a step; what a killed run had written beyond its checkpoint is dropped when it goes on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: list[LogRow] = []

    def begin(self, steps_done: int) -> int:
        """Keeps the first `steps_done` steps of what is there; says how many it drops. Raises as `write_whole`."""
        rows = _read(self._path)
        self.rows = [row for row in rows if row.step <= steps_done]
        text = io.StringIO()
        writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(asdict, self.rows))
        write_whole(self._path, text.getvalue().encode(), GOES_ON)
        return len(rows) - len(self.rows)

    def add(self, row: LogRow) -> None:
        """Appends a step.

        Raises:
            StorageError: the disk takes no more.
        """
        self.rows.append(row)
        with writing(self._path, GOES_ON), self._path.open("a", newline="") as file:
            csv.DictWriter(file, _COLUMNS, lineterminator="\n").writerow(asdict(row))

    def draw(self, path: Path) -> None:
        """The loss over the steps as a PNG."""
        if self.rows:
            steps, losses = np.array([[row.step, row.loss] for row in self.rows]).T
            write_png(path, loss_curve(steps, losses))


def loss_curve(steps: np.ndarray, losses: np.ndarray) -> Image:
    """Every step's loss thin, their running mean thick, with axes; (480, 960, 3) RGB."""
    import cv2

    image = np.full((_HEIGHT, _WIDTH, 3), HOLE_RGB, np.uint8)
    low, high = 0.0, max(float(np.percentile(losses, 99)) * 1.1, 1e-6)
    first, last = float(steps[0]), float(max(steps[-1], steps[0] + 1))

    def place(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        across = _LEFT + (x - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)
        down = _HEIGHT - _BOTTOM - (np.clip(y, low, high) - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)
        return np.rint(np.stack([across, down], -1)).astype(np.int32)

    for share in np.linspace(0, 1, 5):
        value, step = low + share * (high - low), first + share * (last - first)
        y = int(place(np.array([first]), np.array([value]))[0, 1])
        cv2.line(image, (_LEFT, y), (_WIDTH - _RIGHT, y), _GRID, 1)
        write(image, f"{value:.3g}", (12, y + 5), 0.5, 1)
        x = int(place(np.array([step]), np.array([low]))[0, 0])
        write(image, f"{step:.0f}", (min(x - 10, _WIDTH - 70), _HEIGHT - 14), 0.5, 1)
    cv2.polylines(image, [place(steps, losses)], False, _STEPS, 1, cv2.LINE_AA)
    cv2.polylines(image, [place(steps, _running_mean(losses))], False, _MEAN, 2, cv2.LINE_AA)
    write(image, "loss by step, and its running mean (thick)", (_LEFT, 26), 0.6, 1)
    return image


def _running_mean(values: np.ndarray) -> np.ndarray:
    """Of each value and those just before it."""
    width = max(_LEAST_SMOOTH, round(_SMOOTH * len(values)))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    return (sums[ends] - sums[starts]) / (ends - starts)


def _read(path: Path) -> list[LogRow]:
    """The whole rows of a log; a kill may have cut the last one off."""
    if not path.exists():
        return []
    rows = []
    for cells in csv.DictReader(io.StringIO(path.read_text(errors="replace"))):
        try:
            numbers: dict[str, Any] = {f.name: (int if f.type is int else float)(cells[f.name]) for f in fields(LogRow)}
            rows.append(LogRow(**numbers))
        except (TypeError, ValueError, KeyError):
            break
    return rows
