"""HISS (the D3RoMa project, github songlin/d3roma): rooms and table tops rendered with stereo in Isaac Sim.

train/<scene>/.../ and val/<scene>/.../, or any folder above them, hold for each frame NNNN
    NNNN_color.png
    NNNN_depth.exr             truth [m]
    NNNN_simDepthImage.exr     what stereo matching of NNNN_ir_l.png and NNNN_ir_r.png saw [m] (may be absent)
and `bad_his.txt` above them lists the depth files that the authors leave out. The masks say which
object a pixel shows and not what it is made of, the normals are in axes whose pose is not kept:
neither is read.
"""

import re
from pathlib import Path

from core.image import Intrinsics, known_depth
from perception.learning.datasets import files
from perception.learning.datasets.base import Dataset, DatasetFrame, FrameClip, stems_of

_DEPTH = "_depth.exr"
#: DREDS' real frames end with _gt_depth.exr.
_TRUTH = re.compile(r"(?<!_gt)_depth\.exr$")
#: The generator's camera: 71.28 deg across.
_CAMERA = Intrinsics(640, 360, 446.31, 446.31, 319.5, 179.5)
#: Scenes in whose truth the authors find flaws (their loader skips paths with these words).
_SKIPPED = ("glass", "mirror", "bed")


def open_root(root: Path) -> Dataset:
    """A clip a folder of frames; its images are views of one scene and no video.

    Raises:
        DatasetError: nothing of this layout is there.
    """
    lists = [*root.glob("bad_his.txt"), *root.glob("*/bad_his.txt"), *root.parent.glob("bad_his.txt")]
    lines = [line.split(" ")[0].strip() for file in lists for line in files.read_lines(file)]
    bad = {"/".join(Path(line).parts[-2:]) for line in lines if line}
    clips = []
    for folder in files.folders_with(root, lambda names: any(map(_TRUTH.search, names))):
        name = folder.relative_to(root).as_posix()
        stems = [stem for stem in stems_of(folder, _DEPTH) if f"{folder.name}/{stem}{_DEPTH}" not in bad]
        if stems and not any(word in name for word in _SKIPPED):
            clips.append(FrameClip(name, False, folder, stems, _read))
    if not clips:
        raise files.wrong_layout("hiss", root, f"NNNN_color.png beside NNNN{_DEPTH}, here or below")
    return Dataset("HISS", tuple(clips))


def _read(folder: Path, stem: str) -> DatasetFrame:
    truth_m = known_depth(files.read_exr(folder / f"{stem}{_DEPTH}"))
    size = truth_m.shape
    sensor = folder / f"{stem}_simDepthImage.exr"
    return DatasetFrame(
        files.fit_color(files.read_color(folder / f"{stem}_color.png"), size),
        truth_m,
        _CAMERA.resized(*size[::-1]),
        sensor_m=files.fit_nearest(known_depth(files.read_exr(sensor)), size) if sensor.exists() else None,
    )
