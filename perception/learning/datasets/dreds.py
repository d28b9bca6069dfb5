"""DREDS (simulated) and STD (real), github PKU-EPIC/DREDS: specular, transparent and diffuse objects.

DREDS-CatKnown/test/<scene>/ and STD-CatKnown/<sequence>/, or any folder above them, hold for each frame NNNN
    NNNN_color.png
    NNNN_depth_120.exr | _gt_depth.exr         truth [m], simulated | real
    NNNN_simDepthImage.exr | _depth_415.exr    what the stereo matching | a D415 saw [m]
    NNNN_mask.exr | _mask.png                  instance number (/ 255 in the EXR), 255: none
    NNNN_meta.txt                              a line an instance: number, category, ..., material, pose
STD's sequences are videos; the scenes of DREDS are views from all around.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import DatasetError
from core.image import Intrinsics, known_depth
from perception.learning.datasets import files
from perception.learning.datasets.base import Dataset, DatasetFrame, FrameClip, stems_of

_COLOR = "_color.png"
_REAL, _SIMULATED = "_gt_depth.exr", "_depth_120.exr"
#: Of the published code: the simulated camera (a field of view of 71.28 deg) and the D415 at 1280x720.
_CAMERAS = {
    _SIMULATED: Intrinsics(640, 360, 446.31, 446.31, 319.5, 179.5),
    _REAL: Intrinsics(1280, 720, 918.295227050781, 917.5439453125, 639.5, 359.5),
}
_SENSORS = {_SIMULATED: "_simDepthImage.exr", _REAL: "_depth_415.exr"}
#: Numbers of materials in the meta files; 0 and 1 are background and diffuse.
_MATERIALS = range(4)
_TRANSPARENT, _SPECULAR = 2, 3
_NOTHING = 255
#: number, category, folder, name, scale, material, quaternion (4), position (3)
_WORDS = 13
#: The generator's numbers of categories.
_CATEGORIES = ("other", "bottle", "bowl", "camera", "can", "car", "mug", "aeroplane")


def open_root(root: Path) -> Dataset:
    """A clip a folder of frames.

    Raises:
        DatasetError: nothing of this layout is there.
    """
    clips = []
    for ending in (_REAL, _SIMULATED):
        for folder in files.folders_with_files(root, ending):
            name = folder.relative_to(root).as_posix()
            clips.append(FrameClip(name, ending == _REAL, folder, stems_of(folder, ending), _read))
    if not clips:
        raise files.wrong_layout("dreds", root, f"NNNN{_COLOR} beside NNNN{_SIMULATED} or NNNN{_REAL}, here or below")
    # What the folders of the release are called, where one is on the path.
    releases = (part for part in root.resolve().parts[::-1] if part.upper().startswith(("DREDS-CAT", "STD-CAT")))
    return Dataset(next(releases, "DREDS"), tuple(clips))


def _read(folder: Path, stem: str) -> DatasetFrame:
    ending = _REAL if (folder / f"{stem}{_REAL}").exists() else _SIMULATED
    truth_m = known_depth(files.read_exr(folder / f"{stem}{ending}"))
    size = truth_m.shape
    materials, families = _instances(folder / f"{stem}_meta.txt")
    ids = files.fit_nearest(_mask(folder, stem), size)
    # Instance 0 is an object too, and 0 is to mean none.
    objects = np.where(ids == _NOTHING, 0, ids + 1).astype(np.int32)

    def has_material(material: int) -> NDArray[np.bool_]:
        return np.isin(ids, [id_ for id_, own in materials.items() if own == material])

    return DatasetFrame(
        files.fit_color(files.read_color(folder / f"{stem}{_COLOR}"), size),
        truth_m,
        _CAMERAS[ending].resized(*size[::-1]),
        sensor_m=files.fit_nearest(known_depth(files.read_exr(folder / f"{stem}{_SENSORS[ending]}")), size),
        transparent=has_material(_TRANSPARENT),
        specular=has_material(_SPECULAR),
        instance_ids=objects,
        families={id_ + 1: family for id_, family in families.items()},
    )


def _mask(folder: Path, stem: str) -> NDArray[np.int32]:
    exr = folder / f"{stem}_mask.exr"
    if exr.exists():
        return np.rint(255 * files.read_exr(exr)).astype(np.int32)
    mask = files.read_png(folder / f"{stem}_mask.png")
    return (mask if mask.ndim == 2 else mask[..., 0]).astype(np.int32)


def _instances(file: Path) -> tuple[dict[int, int], dict[int, str]]:
    """Material and category by instance number; a line has 13 words, or 3 to 5 where the pose is not known."""
    materials, families = {}, {}
    try:
        for words in map(str.split, files.read_lines(file)):
            if words:
                if 5 < len(words) < _WORDS:
                    raise ValueError(f"a line of {len(words)} words")
                number, label = int(words[0]), int(words[1])
                if not 0 <= number < _NOTHING:
                    raise ValueError(f"an instance {number}")
                materials[number] = _MATERIALS.index(int(words[5] if len(words) > 5 else words[2]))
                families[number] = _CATEGORIES[label] if 0 <= label < len(_CATEGORIES) else "other"
    except (ValueError, IndexError) as error:
        raise DatasetError(f"{file} is no list of instances ({error}).", "Unpack this frame again.") from error
    return materials, families
