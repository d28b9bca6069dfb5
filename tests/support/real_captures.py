"""Real D435 captures of glass in ClearGrasp's layout, as frame folders and as arrays.

    python -m tests.support.real_captures SRC DST     writes DST/<capture>/ as frame folders

perception/learning/datasets/cleargrasp.py says what a capture is. The data set is no part of the repository.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import DatasetError
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.frame_folder import write_frame_folder
from perception.learning.datasets.base import FrameClip, open_dataset
from perception.learning.datasets.cleargrasp import read_capture
from tests.support.paths import SHARED


@dataclass(frozen=True)
class Capture:
    """One capture: the transparent scene, its twin of painted replicas, and where it is transparent.

    mask: (H, W) bool, True on transparent objects.
    """

    name: str
    frame: RgbdFrame
    opaque_frame: RgbdFrame
    mask: NDArray[np.bool_]

    @property
    def truth_m(self) -> NDArray[np.float32]:
        """(H, W) true depth [m], NaN where unknown."""
        return self.opaque_frame.depth_m


def captures_folder() -> Path:
    """Where the captures are where there are any: $VITRO_SHARED/real, else ../shared/real."""
    return SHARED / "real"


def load_captures(folder: Path) -> list[Capture]:
    """All captures of a folder, by name; none where the folder is absent."""
    if not folder.is_dir():
        return []
    try:
        clips = open_dataset("cleargrasp", folder).clips
    except DatasetError:
        return []
    return [_load(clip, number) for number, clip in enumerate(clips) if isinstance(clip, FrameClip)]


def convert(source: Path, destination: Path) -> list[Path]:
    """Writes each capture of `source` as a frame folder under `destination`."""
    folders = []
    for capture in load_captures(source):
        folders.append(destination / capture.name)
        write_frame_folder(folders[-1], [capture.frame])
    return folders


def _load(clip: FrameClip, number: int) -> Capture:
    (stem,) = clip.stems
    glass, replicas = read_capture(clip.folder, stem), read_capture(clip.folder, stem, twin=True)
    frame, opaque_frame = (
        RgbdFrame(
            color=seen.color,
            depth_m=seen.sensor_m if seen.sensor_m is not None else np.full_like(seen.depth_m, np.nan),
            intrinsics=seen.intrinsics,
            serial="cleargrasp-d435",
            number=number,
            stamp_s=float(number),
            source=str(clip.folder),
        )
        for seen in (glass, replicas)
    )
    mask = glass.transparent if glass.transparent is not None else np.zeros(glass.depth_m.shape, bool)
    return Capture(stem, frame, opaque_frame, mask)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m tests.support.real_captures SRC DST")
    for written in convert(Path(sys.argv[1]), Path(sys.argv[2])):
        sys.stdout.write(f"{written}\n")
