"""Real D435 captures of glass in ClearGrasp's layout, as frame folders and as arrays.

    python -m tests.real_captures SRC DST     writes DST/<capture>/ as frame folders

A capture is a set of files that share a stem: `<stem>-transparent-rgb-img.jpg` and
`<stem>-transparent-depth-img.exr` are what the sensor saw (0: hole), `<stem>-opaque-depth-img.exr`
is the truth from painted replicas (NaN: unknown), `<stem>-mask.png` marks the transparent pixels.
`camera_intrinsics.yaml` holds the camera. The data set is no part of the repository.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from hardware.cameras.frame import Intrinsics, RgbdFrame
from hardware.cameras.frame_folder import write_frame_folder

_COLOR = "-transparent-rgb-img.jpg"


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
    shared = os.environ.get("VITRO_SHARED") or Path(__file__).resolve().parents[2] / "shared"
    return Path(shared) / "real"


def load_captures(folder: Path) -> list[Capture]:
    """All captures of a folder, by name; none where the folder is absent."""
    colors = sorted(folder.glob(f"*{_COLOR}"))
    return [_load(folder, color.name.removesuffix(_COLOR), number) for number, color in enumerate(colors)]


def convert(source: Path, destination: Path) -> list[Path]:
    """Writes each capture of `source` as a frame folder under `destination`."""
    folders = []
    for capture in load_captures(source):
        folders.append(destination / capture.name)
        write_frame_folder(folders[-1], [capture.frame])
    return folders


def _load(folder: Path, name: str, number: int) -> Capture:
    k = _intrinsics(folder / "camera_intrinsics.yaml")

    def frame(kind: str) -> RgbdFrame:
        return RgbdFrame(
            color=np.array(Image.open(folder / f"{name}-{kind}-rgb-img.jpg").convert("RGB")),
            depth_m=_depth_m(folder / f"{name}-{kind}-depth-img.exr"),
            intrinsics=k,
            serial="cleargrasp-d435",
            number=number,
            stamp_s=float(number),
            source=str(folder),
        )

    mask = np.array(Image.open(folder / f"{name}-mask.png").convert("L")) > 127
    return Capture(name, frame("transparent"), frame("opaque"), mask)


def _intrinsics(file: Path) -> Intrinsics:
    values = yaml.safe_load(file.read_text())
    size = {"width": int(values["xres"]), "height": int(values["yres"])}
    return Intrinsics(**size, **{key: float(values[key]) for key in ("fx", "fy", "cx", "cy")})


def _depth_m(file: Path) -> NDArray[np.float32]:
    import OpenEXR

    with OpenEXR.File(str(file), separate_channels=True) as exr:
        channels = exr.channels()
        depth_m = np.array(channels["R"].pixels, np.float32)
    return np.where(np.isfinite(depth_m) & (depth_m > 0), depth_m, np.nan).astype(np.float32)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m tests.real_captures SRC DST")
    for written in convert(Path(sys.argv[1]), Path(sys.argv[2])):
        sys.stdout.write(f"{written}\n")
