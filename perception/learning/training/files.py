"""Files of a run and the folder that it has to itself: what it writes down of every step, and its loss as a picture."""

import csv
import io
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from core.errors import TrainingError
from core.files import writing
from core.image_file import png_bytes
from core.work import hold_folder, write_whole
from perception.pictures import HOLE_RGB, Image, write

#: What the same command does once a file can be written.
GOES_ON = "it goes on from the last checkpoint"

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 960, 480, 80, 20, 40, 40
#: The thick line is the mean over this share of the run, and over at least so many steps.
_SMOOTH, _LEAST_SMOOTH = 0.02, 10
_STEPS, _MEAN, _GRID = (70, 95, 150), (120, 200, 255), (55, 55, 55)


def hold_run(out: Path) -> BinaryIO:
    """Makes a run's folder and keeps other runs out of it, as `hold_folder`.

    Raises:
        TrainingError: another run works there.
        StorageError: it cannot be written.
    """
    refusal = TrainingError(f"Another run trains in {out}.", "Wait for it, or name another --out.")
    return hold_folder(out, refusal, then=GOES_ON)


def write_png(path: Path, image: Image) -> None:
    """Writes an RGB image (H, W, 3), and its folder. Raises as `write_whole`."""
    write_whole(path, png_bytes(image), GOES_ON)


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
        speed = round(samples / seconds, 3)
        return cls(step, loss, grad_norm, rate, frames, speed, round(samples * frames / seconds, 3), round(seconds, 4))


_FIELDS = fields(LogRow)
_COLUMNS = [field.name for field in _FIELDS]


class TrainingLog:
    """`log.csv`, a row a step; what a killed run had written beyond its checkpoint is dropped when it goes on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows: list[LogRow] = []

    def begin(self, steps_done: int) -> int:
        """Keeps the first `steps_done` steps of what is there; says how many it drops. Raises as `write_whole`."""
        text = self._path.read_text(errors="replace") if self._path.exists() else ""
        rows = []
        for cells in csv.DictReader(io.StringIO(text)):
            try:
                numbers: dict[str, Any] = {f.name: (int if f.type is int else float)(cells[f.name]) for f in _FIELDS}
            except (TypeError, ValueError, KeyError):
                break  # a kill may have cut the last row off
            rows.append(LogRow(**numbers))
        self.rows = [row for row in rows if row.step <= steps_done]
        kept = io.StringIO()
        writer = csv.DictWriter(kept, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(asdict, self.rows))
        write_whole(self._path, kept.getvalue().encode(), GOES_ON)
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
        if self.rows:
            steps, losses = np.array([[row.step, row.loss] for row in self.rows]).T
            write_png(path, loss_curve(steps, losses))


def loss_curve(steps: np.ndarray, losses: np.ndarray) -> Image:
    """Every step's loss thin, their running mean thick, with axes; (480, 960, 3) RGB."""
    import cv2

    image = np.full((_HEIGHT, _WIDTH, 3), HOLE_RGB, np.uint8)
    high, first, last = max(np.percentile(losses, 99) * 1.1, 1e-6), steps[0], max(steps[-1], steps[0] + 1)

    def place(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        across = _LEFT + (x - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)
        down = _HEIGHT - _BOTTOM - np.clip(y, 0, high) / high * (_HEIGHT - _TOP - _BOTTOM)
        return np.rint(np.stack([across, down], -1)).astype(np.int32)

    values, marks = np.linspace(0, high, 5), np.linspace(first, last, 5)
    for value, step, (x, y) in zip(values, marks, place(marks, values).tolist(), strict=True):
        cv2.line(image, (_LEFT, y), (_WIDTH - _RIGHT, y), _GRID, 1)
        write(image, f"{value:.3g}", (12, y + 5), 0.5, 1)
        write(image, f"{step:.0f}", (min(x - 10, _WIDTH - 70), _HEIGHT - 14), 0.5, 1)
    width = max(_LEAST_SMOOTH, round(_SMOOTH * len(losses)))
    counts = np.minimum(np.arange(1, len(losses) + 1), width)
    means = np.convolve(losses, np.ones(width))[: len(losses)] / counts
    cv2.polylines(image, [place(steps, losses)], False, _STEPS, 1, cv2.LINE_AA)
    cv2.polylines(image, [place(steps, means)], False, _MEAN, 2, cv2.LINE_AA)
    write(image, "loss by step, and its running mean (thick)", (_LEFT, 26), 0.6, 1)
    return image
