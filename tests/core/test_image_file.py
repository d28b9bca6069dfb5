"""What was written is read back, and what is damaged is refused by name."""

from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest

from core.errors import CameraError
from core.image_file import read_exr, read_image, read_npy, read_png, write_image

COLOR = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
DEEP = np.random.default_rng(1).integers(0, 65536, (24, 32), np.uint16)
READERS = {"color.png": read_image, "deep.png": read_png, "depth.exr": read_exr, "depth.npy": read_npy}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    write_image(tmp_path / "color.png", COLOR)
    cv2.imwrite(str(tmp_path / "deep.png"), DEEP)
    np.save(tmp_path / "depth.npy", DEEP)
    planes = {"Z": DEEP.astype(np.float32), "A": np.ones(DEEP.shape, np.float32)}
    with OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION}, planes) as exr:
        exr.write(str(tmp_path / "depth.exr"))
    return tmp_path


def test_every_format_gives_back_what_was_written(files: Path) -> None:
    np.testing.assert_array_equal(read_image(files / "color.png"), COLOR)
    np.testing.assert_array_equal(read_png(files / "color.png"), COLOR)
    np.testing.assert_array_equal(read_png(files / "deep.png"), DEEP)
    np.testing.assert_array_equal(read_npy(files / "depth.npy"), DEEP)
    planes = read_exr(files / "depth.exr")
    assert set(planes) == {"Z", "A"}
    np.testing.assert_array_equal(planes["Z"], DEEP)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("harm", ["missing", "empty", "cut off", "text"])
def test_a_damaged_file_is_named(files: Path, name: str, harm: str) -> None:
    file = files / name
    content = {"empty": b"", "cut off": file.read_bytes()[: file.stat().st_size // 2], "text": b"no image"}
    if harm == "missing":
        file.unlink()
    else:
        file.write_bytes(content[harm])
    with pytest.raises(CameraError, match=name):
        READERS[name](file)
