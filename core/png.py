"""PNG files as their own chunks tell of them: sizes before memory is taken, and checksums, which decoders pass over."""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: The most pixels of an image that are decoded, 7680x4320 and a little more: 270 MB in 16 bits and four channels.
MOST_PIXELS = 1 << 25


def demand_sound_png(data: bytes) -> None:
    """Raises a ValueError unless the bytes begin with a whole PNG of a size that can be decoded; what follows is free.

    A decoder fills up a file that was cut off, and takes memory for whatever size the header states.
    """
    if not data.startswith(SIGNATURE):
        raise ValueError("not a PNG image" if data else "an empty file")
    view, at, kind = memoryview(data), len(SIGNATURE), b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise ValueError("cut off")
        length, kind = struct.unpack_from(">I4s", data, at)
        content = view[at + 4 : at + 8 + length]
        if len(content) < 4 + length or at + 12 + length > len(data):
            raise ValueError("cut off")
        if zlib.crc32(content) != struct.unpack_from(">I", data, at + 8 + length)[0]:
            raise ValueError(f"its {kind.decode('ascii', 'replace')} chunk fails its checksum")
        if at == len(SIGNATURE):
            _demand_size(kind, bytes(content[4:12]))
        at += 12 + length


def demand_pixels(width: int, height: int) -> None:
    """Raises a ValueError for a size that no picture here has."""
    if not 0 < width * height <= MOST_PIXELS or min(width, height) < 1:
        raise ValueError(f"it says that it is {width}x{height}; {MOST_PIXELS} pixels are the most")


def _demand_size(kind: bytes, content: bytes) -> None:
    if kind != b"IHDR" or len(content) < 8:
        raise ValueError("it does not begin with its size")
    demand_pixels(*struct.unpack(">II", content))
