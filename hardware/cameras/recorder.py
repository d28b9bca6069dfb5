"""Writes frames of any camera as a RealSense recording (`.db3`), which the viewer and SDK also play."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.errors import CameraError, StorageError
from core.files import writing
from hardware.cameras.camera import Freshness
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.recording_index import RecordingIndex

if TYPE_CHECKING:
    from hardware.cameras.software_device import RecordedDevice

#: librealsense compresses in a thread of its own, without a bound on what waits: waited for this often.
_CATCH_UP_EVERY = 16
_POLL_S = 0.02
#: The slowest frame (1280x720 of noise) takes 0.1 s: a writer that is this long on one has failed.
_STANDSTILL_S = 5.0


class Recorder:
    """Records `RgbdFrame`s of one camera, losslessly but for the depth's unit of 0.1 mm.

    Use as a context manager. The file is written as `NAME.partial.db3` and gets its name when
    closed, so a crash never leaves half a recording under it; what was written still plays. Leaving
    the context by an exception closes it too: every frame written before is kept.

    Raises:
        CameraError: a name that is not .db3, or one that is taken.
        StorageError: a folder that cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        self._partial = self._path.with_name(f"{self._path.stem}.partial.db3")
        self._session: RecordedDevice | None = None
        self._freshness = Freshness()
        self.count = 0
        if self._path.suffix.lower() != ".db3":
            raise CameraError(
                f"{self._path.name} cannot be recorded: librealsense writes .db3 only.",
                f"Name it {self._path.with_suffix('.db3').name}.",
            )
        if self._path.exists():
            raise CameraError(f"{self._path} exists already.", "Name another file: no recording is overwritten.")
        if self._partial.exists():
            raise CameraError(
                f"{self._partial} is left of an interrupted recording.",
                "Rename it to keep it (it plays), or delete it.",
            )
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._partial.touch()
            self._partial.unlink()

    def write(self, frame: RgbdFrame) -> None:
        """Adds one frame.

        Raises:
            CameraError: another camera's or size's frame than the first, or one that is not newer than the last.
            StorageError: a full disk.
        """
        from hardware.cameras.software_device import RecordedDevice

        _check_arrays(frame)
        if self._session is None:
            if self.count:
                raise CameraError(f"The recording {self._path} is closed.", "Record to a new file.")
            self._session = RecordedDevice(self._partial, frame)
        elif not self._session.suits(frame):
            raise CameraError(
                f"Frame {frame.number} has other intrinsics, serial or images than the first.",
                "Record each camera to a file of its own.",
            )
        if not self._freshness.admits(frame.number, frame.stamp_s):
            raise CameraError(
                f"Frame {frame.number} at {frame.stamp_s:.4f} s is not newer than the one before.",
                "Record fresh frames of one camera only.",
            )
        self._session.write(frame)
        self.count += 1
        if self.count % _CATCH_UP_EVERY == 0 and not self._catches_up():
            self.close()
            raise StorageError(
                f"The disk of {self._path} stands still.",
                f"The {self.count} frames so far are there; use a faster disk.",
            )

    def close(self) -> None:
        """Finishes the file; idempotent.

        Raises:
            StorageError: not every frame reached the disk.
            CameraError: another file took its name meanwhile.
        """
        session, self._session = self._session, None
        if session is None:
            return
        session.close()
        written = self._count_written()
        if written < self.count:  # librealsense drops images on a full disk without a word
            raise StorageError(
                f"Only {written} of {self.count} frames could be written to {self._path.parent}.",
                f"Free space there and record again; what was written is {self._partial}.",
            )
        if self._path.exists():
            raise CameraError(f"{self._path} appeared meanwhile.", f"The recording is {self._partial}.")
        self._partial.rename(self._path)

    def _catches_up(self) -> bool:
        """Waits until the frames so far are on the disk; False where the writer stands still."""
        written, deadline_s = self._count_written(), time.monotonic() + _STANDSTILL_S
        while written < self.count:
            if time.monotonic() > deadline_s:
                return False
            time.sleep(_POLL_S)
            before, written = written, self._count_written()
            if written > before:
                deadline_s = time.monotonic() + _STANDSTILL_S
        return True

    def _count_written(self) -> int:
        """How many whole frames are on the disk."""
        try:
            return min(RecordingIndex(self._partial).counts.values(), default=0)
        except CameraError:
            return 0

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        self.close()
        if kind is None and self.count == 0:
            raise CameraError(f"There was no frame to write to {self._path}.", "Record at least one frame.")


def _check_arrays(frame: RgbdFrame) -> None:
    """librealsense reads these arrays by their address: their sizes and types must be what they say."""
    size = (frame.intrinsics.height, frame.intrinsics.width)
    color_is_good = frame.color.shape == (*size, 3) and frame.color.dtype == np.uint8
    infrared_is_good = all(image.ndim == 2 and image.dtype == np.uint8 for image in frame.infrared or ())
    if not (color_is_good and frame.depth_m.shape == size and infrared_is_good):
        raise CameraError(
            f"Frame {frame.number} has images unlike its intrinsics of {size[1]}x{size[0]}.",
            "Give RGB uint8 colour, depth of the same size and grey uint8 infrared.",
        )
