"""What was written is read back, and what is damaged is refused by name."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest

from core.errors import CameraError
from core.image_file import read_exr, read_exr_depth, read_image, read_npy, read_png, write_image

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


def resized(png: bytes, width: int, height: int) -> bytes:
    """The PNG with another size in its header, which passes its checksum."""
    header = b"IHDR" + struct.pack(">II", width, height) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


@pytest.mark.parametrize("name", ["color.png", "deep.png"])
def test_a_png_is_not_believed_its_size_before_memory_is_taken(files: Path, name: str) -> None:
    file = files / name
    file.write_bytes(resized(file.read_bytes(), 30_000, 30_000))
    with pytest.raises(CameraError, match=f"{name} cannot be decoded .*(30000x30000|bomb)"):
        READERS[name](file)


@pytest.mark.parametrize("name", ["color.png", "deep.png"])
def test_a_flipped_bit_of_a_png_is_noticed(files: Path, name: str) -> None:
    content = (files / name).read_bytes()
    for at in range(0, len(content), max(1, len(content) // 150)):
        (files / name).write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        with pytest.raises(CameraError, match=name):
            READERS[name](files / name)


@pytest.mark.parametrize(
    "shape", ["(1000000, 1000000)", "(24, 33)", "(-1, 5)", "(24, 32", "(1e9,)", "'a'", "(" * 90, "(24L, 32)"]
)
def test_the_header_of_an_array_is_compared_with_the_file(files: Path, shape: str) -> None:
    header = f"{{'descr': '<u2', 'fortran_order': False, 'shape': {shape}, }}".ljust(246) + "\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + DEEP.tobytes()
    (files / "depth.npy").write_bytes(content[: -2 if "L" in shape else None])
    with pytest.raises(CameraError, match=r"depth.npy cannot be read"):
        read_npy(files / "depth.npy")


@pytest.mark.parametrize("compression", ["NO", "RLE", "PIZ", "ZIP"])
def test_a_flipped_byte_of_an_exr_is_noticed_or_a_few_pixels(tmp_path: Path, compression: str, capsys) -> None:
    rng = np.random.default_rng(0)
    v, u = np.mgrid[:64, :96]
    depth = (0.7 + 0.002 * v + 0.0005 * u + rng.normal(0, 1e-3, v.shape)).astype(np.float32)
    depth[::9, ::7], depth[1::9, ::7] = -1.0, 1e10  # what marks holes is no damage
    file = tmp_path / "depth.exr"
    with OpenEXR.File({"compression": getattr(OpenEXR, f"{compression}_COMPRESSION")}, {"Z": depth}) as exr:
        exr.write(str(file))
    np.testing.assert_array_equal(read_exr_depth(file), depth)
    sound = file.read_bytes()
    for _ in range(40):
        damaged, at = bytearray(sound), int(rng.integers(len(sound) // 3, len(sound)))
        damaged[at] ^= int(rng.integers(1, 256))
        file.write_bytes(bytes(damaged))
        try:
            assert (np.abs(read_exr_depth(file) - depth) > 0.005).sum() <= 32
        except CameraError:
            continue
    assert capsys.readouterr().out == "", "programs await JSON there"
