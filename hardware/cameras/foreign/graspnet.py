"""GraspNet-1Billion's folders as a camera: rgb/0000.png, depth/0000.png (16 bits), meta/0000.mat."""

from pathlib import Path

import numpy as np

from core.errors import CameraError
from core.image import Intrinsics, known_depth
from core.image_file import read_image, read_png
from hardware.cameras.camera import Camera, EndOfRecording
from hardware.cameras.clips.clip import NOMINAL_FPS
from hardware.cameras.foreign.mat_file import read_mat
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.intrinsics.check import why_not

_PARTS = ("rgb", "depth", "meta")


def is_graspnet(path: Path) -> bool:
    return all((path / part).is_dir() for part in _PARTS)


class GraspNetCamera(Camera):
    """Plays the pictures of one scene and camera in the order of their numbers.

    Raises:
        CameraError: no picture, or a meta file without sound intrinsics.
    """

    is_live = False

    def __init__(self, path: Path) -> None:
        self.name, self._path = str(path), path
        self._stems = sorted(image.stem for image in (path / "rgb").iterdir() if image.suffix == ".png")
        if not self._stems:
            raise CameraError(f"{path / 'rgb'} holds no picture.", "Give a scene's camera folder, with rgb/0000.png.")
        self._next = 0
        height, width = read_image(self._file("rgb", self._stems[0])).shape[:2]
        self.intrinsics, unit_m = self._meta(self._stems[0], width, height)
        self.notes = (f"GraspNet's layout: {len(self._stems)} picture(s), depth in units of {unit_m:g} m",)

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        """The next picture.

        Raises:
            CameraError: a damaged file, or pictures of different sizes.
            EndOfRecording: every picture has been read.
        """
        if self._next >= len(self._stems):
            raise EndOfRecording(self.name, len(self._stems))
        number, stem = self._next, self._stems[self._next]
        self._next += 1
        color, depth = read_image(self._file("rgb", stem)), read_png(self._file("depth", stem))
        if depth.dtype != np.uint16 or depth.shape != color.shape[:2]:
            raise CameraError(
                f"The depth of picture {stem} in {self.name} is {depth.dtype} of {depth.shape}, its colour is of "
                f"{color.shape[:2]}.",
                "Give 16-bit depth of the colour's size.",
            )
        k, unit_m = self._meta(stem, color.shape[1], color.shape[0])
        return RgbdFrame(
            color, known_depth(depth * np.float32(unit_m)), k, self._path.name, number, number / NOMINAL_FPS, self.name
        )

    def close(self) -> None:
        self._next = len(self._stems)

    def _file(self, part: str, stem: str) -> Path:
        return self._path / part / f"{stem}.{'mat' if part == 'meta' else 'png'}"

    def _meta(self, stem: str, width: int, height: int) -> tuple[Intrinsics, float]:
        """Intrinsics, and metres in a unit of depth: `factor_depth` units are one."""
        file = self._file("meta", stem)
        try:
            meta = read_mat(file)
            K, units = meta["intrinsic_matrix"], float(np.ravel(meta["factor_depth"])[0])
            k = Intrinsics(width, height, *(float(K[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2))))
            if not 1 <= units <= 1e6:
                raise ValueError(f"factor_depth is {units:g}")
        except (OSError, ValueError, LookupError) as error:
            raise CameraError(
                f"{file} cannot be read ({error or 'damaged'}).", "Give intrinsic_matrix and factor_depth, as GraspNet."
            ) from error
        if reason := why_not(k):
            raise CameraError(f"{file} has {reason}.", "Give the intrinsics of these pictures.")
        return k, 1 / units
