"""The pictures of finished maps: a contact sheet and a video, and a few of the frames they were made from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.clips.map_file import MapFile
from app.clips.preview_video import preview_video
from app.console import Console
from core.files import writing
from core.image_file import write_image
from hardware.cameras.clips.clip import Clip, ClipFrame
from perception.clip_pictures import MapColours, contact_sheet, side_by_side
from perception.depth_types import Kind

SHEET, VIDEO = "preview.png", "preview.mp4"
#: Frames spread over the clip, on the sheet and for the scale.
SAMPLES = 6


@dataclass(frozen=True)
class Sample:
    """A frame of the clip and its map."""

    number: int
    frame: ClipFrame
    values: NDArray[np.float32]


def save_previews(
    clip: Clip, maps: MapFile, kind: Kind | Literal["normals"], folder: Path, console: Console
) -> list[Sample]:
    """Writes both pictures into a folder; returns the frames on the sheet.

    Raises:
        CameraError: the clip changed meanwhile.
        StorageError: the folder takes no file.
    """
    numbers = sample_numbers(clip.count)
    colours = MapColours.of(kind, list(maps.read(numbers)))
    samples: list[Sample] = []
    with writing(folder), preview_video(folder / VIDEO, clip.fps) as add, console.frames_bar("preview") as show:
        for number, (frame, values) in enumerate(zip(clip.frames(), maps.read(), strict=True)):
            add(side_by_side(frame.color, values, colours))
            if number in numbers:
                samples.append(Sample(number, frame, values))
            show(number + 1, clip.count)
    sheet = contact_sheet([s.frame.color for s in samples], [s.values for s in samples], numbers, colours)
    with writing(folder):
        write_image(folder / SHEET, sheet)
    return samples


def sample_numbers(count: int) -> list[int]:
    """Up to `SAMPLES` frame numbers from the first to the last."""
    return sorted({round(x) for x in np.linspace(0, count - 1, min(SAMPLES, count))})
