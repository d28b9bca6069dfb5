"""One clip on disk: it appears whole, under its name, or not at all; and every byte of it can be checked.

A clip is written into a hidden folder that nobody takes for a clip, brought to disk and renamed. Where the same
clip is there already (another worker was faster), ours is dropped: clips depend on nothing but their number.
`perception.learning.datasets.transphy3d` reads it.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from core.errors import DatasetError
from core.files import sync_files, writing
from core.text_file import read_json

CLIP = "clip.json"
INTRINSICS = "intrinsics.json"
#: What mends a damaged clip.
REPAIR = "Render it again: the command that made the data set, with --repair."
#: As many as six digits number.
MOST_CLIPS = 1_000_000
_NAME = re.compile(r"\d{6}")
_PARTIAL = re.compile(r"\.\d{6}\.[0-9a-f]+\.partial")
#: Depth is stored in units of 0.1 mm: up to 6.55 m.
UNITS_A_METRE = 10_000
_LEVELS = 65_535
#: zlib's level: 3 saves 2 % and takes a third longer.
_PNG_EFFORT = 1
COLOR, TRUTH, NORMALS, IDS, SENSOR = ".png", ".truth.png", ".normals.png", ".ids.png", ".depth.npy"


def clip_name(number: int) -> str:
    """The folder of clip `number`."""
    return f"{number:06d}"


def as_json(value: Mapping[str, Any]) -> bytes:
    """JSON for people and programs: the same bytes for the same values."""
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


class ClipWriter:
    """Collects the files of a clip in a hidden folder; `finish` gives it its name, `drop` removes what has none.

    Raises:
        StorageError: the disk takes no more; it names the clip, of which no half is left.
    """

    _THEN = "it goes on with this clip, and those before it are whole"

    def __init__(self, clips: Path, number: int) -> None:
        self._path = clips / clip_name(number)
        self._partial = clips / f".{clip_name(number)}.{uuid4().hex[:12]}.partial"
        self._hashes: dict[str, str] = {}
        self._facts: dict[str, Any] = {}
        with writing(self._path, self._THEN):
            self._partial.mkdir(parents=True)

    def __enter__(self) -> "ClipWriter":
        return self

    def __exit__(self, *exc: object) -> None:
        self.drop()

    def drop(self) -> None:
        """Removes what is not finished."""
        shutil.rmtree(self._partial, ignore_errors=True)

    def add(self, files: Mapping[str, bytes]) -> None:
        """Writes some of its files; clip.json waits for the others' hashes."""
        for name, content in files.items():
            if name == CLIP:
                self._facts = json.loads(content)
                continue
            self._hashes[name] = hashlib.sha256(content).hexdigest()
            self._write(name, content)

    def finish(self) -> None:
        """Writes clip.json with the hashes, brings all to disk and moves the clip to its name."""
        facts = self._facts | {"files": dict(sorted(self._hashes.items()))}
        self._write(CLIP, as_json(facts | {"checksum": checksum(facts)}))
        with writing(self._path, self._THEN):
            try:
                sync_files([*self._partial.iterdir(), self._partial])
                self._partial.rename(self._path)
                sync_files([self._path.parent])
            except OSError:
                if not self._path.is_dir():
                    raise

    def _write(self, name: str, content: bytes) -> None:
        with writing(self._path, self._THEN):
            (self._partial / name).write_bytes(content)


def checksum(facts: Mapping[str, Any]) -> str:
    """What clip.json says of itself: the SHA-256 of all its other entries."""
    others = {key: value for key, value in facts.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(others, sort_keys=True, allow_nan=False).encode()).hexdigest()


def read_facts(folder: Path) -> dict[str, Any]:
    """What clip.json says.

    Raises:
        DatasetError: it is missing or damaged.
    """
    try:
        facts = read_json(folder / CLIP)
        sound = (
            isinstance(facts["files"], dict)
            and set(map(type, facts["files"].values())) <= {str}
            and facts["checksum"] == checksum(facts)
        )
    except OSError as error:
        raise DatasetError(f"{folder / CLIP} cannot be read ({error.strerror}).", REPAIR) from error
    except (ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise DatasetError(f"{folder / CLIP} is damaged.", REPAIR)
    return facts


def problems_of(folder: Path, thorough: bool, digest: str | None = None) -> list[str]:
    """What is wrong with a clip, a line each.

    thorough: its files are read and hashed, not only looked for; digest: of the settings that it should have been
    rendered with, where they are known.
    """
    try:
        facts = read_facts(folder)
    except DatasetError as error:
        return [error.cause]
    files, there = facts["files"], {path.name for path in folder.iterdir()}
    problems = [f"{folder / name} is missing" for name in sorted(files.keys() - there)]
    if facts.get("number") not in (None, int(folder.name)):
        problems.append(f"{folder} is clip {facts['number']} under another's name")
    # Clips of version 2 do not say which set they are of.
    if digest is not None and facts.get("settings", digest) != digest:
        problems.append(f"{folder} is a clip of another data set")
    problems += [f"{folder / name} is not of this clip" for name in sorted(there - files.keys() - {CLIP})]
    if thorough:
        kept = sorted(files.keys() & there)
        problems += [f"{folder / name} is changed" for name in kept if _hash(folder / name) != files[name]]
    return problems


def clips_in(clips: Path) -> list[Path]:
    """The folders of clips, in the order of their numbers."""
    return sorted(path for path in clips.glob("*") if _NAME.fullmatch(path.name) and path.is_dir())


def remove_partial(clips: Path) -> None:
    """Removes what killed workers left; nothing else may be writing."""
    for path in clips.glob(".*.partial"):
        if _PARTIAL.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)


def _hash(file: Path) -> str:
    """SHA-256 of a file, or a word that is none where it cannot be read."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return "unreadable"


def frame_name(frame: int, kind: str) -> str:
    """`000012.truth.png` of frame 12 and TRUTH."""
    return f"{frame:06d}{kind}"


def depth_levels(depth_m: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Depth [m] in units of 0.1 mm, 0 where there is none or it is too far to be stored."""
    units = np.nan_to_num(np.asarray(depth_m, np.float64) * UNITS_A_METRE, nan=0.0, posinf=0.0).round()
    return np.where((units > 0) & (units <= _LEVELS), units, 0).astype(np.uint16)


def normal_levels(normals: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Unit normals (H, W, 3) from -1..1 to 0..65535; 0, 0, 0 where there is none (NaN)."""
    known = np.isfinite(normals).all(-1, keepdims=True)
    levels = ((np.nan_to_num(normals).astype(np.float64) + 1) / 2 * _LEVELS).round().clip(0, _LEVELS)
    return np.where(known, levels, 0).astype(np.uint16)


def encode_frame(
    frame: int,
    color: NDArray[np.uint8],
    depth_m: NDArray[np.float32],
    normals: NDArray[np.float32],
    instance_ids: NDArray[np.integer],
    sensor_m: NDArray[np.float32] | None = None,
) -> dict[str, bytes]:
    """The files of one frame: name -> content, the same bytes for the same pictures."""
    files = {
        frame_name(frame, COLOR): encode_png(color),
        frame_name(frame, TRUTH): encode_png(depth_levels(depth_m)),
        frame_name(frame, NORMALS): encode_png(normal_levels(normals)),
        frame_name(frame, IDS): encode_png(instance_ids.astype(np.uint8)),
    }
    if sensor_m is not None:
        file = BytesIO()
        np.save(file, sensor_m.astype(np.float32), allow_pickle=False)
        files[frame_name(frame, SENSOR)] = file.getvalue()
    return files


def encode_png(picture: NDArray[Any]) -> bytes:
    """A picture (H, W) or, as R, G, B, (H, W, 3), uint8 or uint16, without loss."""
    import cv2

    flipped = picture[..., ::-1] if picture.ndim == 3 else picture
    return cv2.imencode(".png", np.ascontiguousarray(flipped), [cv2.IMWRITE_PNG_COMPRESSION, _PNG_EFFORT])[1].tobytes()
