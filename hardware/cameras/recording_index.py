"""What a recording says it holds, to be compared with what plays.

librealsense hangs on a `.bag` whose chunk headers are damaged, stops without a word where a chunk's
content is, and decodes a damaged image of a `.db3` into wrong pixels. The file itself tells.
"""

import re
import sqlite3
from collections import Counter
from pathlib import Path

from core.errors import CameraError
from core.image_file import PNG_SIGNATURE, demand_sound_png
from hardware.cameras.pairing import StreamKey

_IMAGES = re.compile(r"/device_0/sensor_\d+/(Color|Depth|Infrared)_(\d+)/image/data(/compressed(Depth)?)?")
#: Steps of SQLite's machine: a row of a few bytes takes some thirty to count and to sort.
_FEWEST_STEPS, _STEPS_A_BYTE, _STEPS_A_LOOK = 1_000_000, 8, 10_000
_BAG_MAGIC = b"#ROSBAG V2.0\n"
_DB3_MAGIC = b"SQLite format 3\0"


class RecordingIndex:
    """The images that a `.bag` or `.db3` holds. counts: by stream.

    Raises:
        CameraError: the file is empty, cut off, damaged in its index or something else.
    """

    def __init__(self, path: Path) -> None:
        self._rows: dict[StreamKey, list[int]] = {}
        is_db3 = path.suffix.lower() == ".db3"
        magic = _DB3_MAGIC if is_db3 else _BAG_MAGIC
        try:
            with path.open("rb") as file:
                start = file.read(len(magic))
        except OSError as error:
            raise CameraError(f"{path} cannot be read ({error.strerror}).", "Mend its permissions.") from error
        if start != magic:
            what = "is not a RealSense recording" if start else "is empty"
            remedy = "Give a .bag or .db3 of a RealSense camera or of `python main.py record`."
            raise CameraError(f"{path} {what}.", remedy)
        self.counts = self._count_db3(path) if is_db3 else _count_bag(path)
        if not self.counts:
            raise CameraError(f"{path} holds no image of a RealSense camera.", "Give a recording of colour and depth.")

    def _count_db3(self, path: Path) -> dict[StreamKey, int]:
        query = "SELECT id FROM messages WHERE topic_id = ? ORDER BY timestamp, id"
        try:
            self._database = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
            )
            _bound_work(self._database, path.stat().st_size)
            kinds = "SELECT count(*) FROM sqlite_master WHERE name IN ('topics', 'messages') AND type = 'table'"
            if self._database.execute(kinds).fetchone() != (2,):
                raise _damage_error(path, "it has no tables of topics and messages")
            topics = self._database.execute("SELECT id, name FROM topics WHERE typeof(name) = 'text'").fetchall()
            for topic, name in topics:
                if key := _stream(name):
                    self._rows[key] = [row for (row,) in self._database.execute(query, (topic,))]
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise _damage_error(path, str(error)) from error
        return {key: len(rows) for key, rows in self._rows.items()}

    def is_intact(self, key: StreamKey, position: int) -> bool:
        """Whether the image at this position of its stream is as it was written.

        librealsense heeds the checksums of a `.bag`'s compressed chunks: it ends playback there, so counts tell.
        """
        if not self._rows:
            return True
        query = "SELECT data FROM messages WHERE id = ?"
        try:
            (data,) = self._database.execute(query, (self._rows[key][position],)).fetchone()
        except (sqlite3.Error, IndexError, TypeError):
            return False
        return isinstance(data, bytes) and _png_is_intact(data)


def _bound_work(database: sqlite3.Connection, size: int) -> None:
    """Interrupts a query that takes longer than rows that fit into `size` bytes can: pages that lead in a circle."""
    left = iter(range((_FEWEST_STEPS + _STEPS_A_BYTE * size) // _STEPS_A_LOOK))
    database.set_progress_handler(lambda: next(left, None) is None, _STEPS_A_LOOK)


def _count_bag(path: Path) -> dict[StreamKey, int]:
    from rosbags.rosbag1 import Reader

    counts: Counter[StreamKey] = Counter()
    try:
        with Reader(path) as reader:
            for connection in reader.connections:
                if key := _stream(connection.topic):
                    counts[key] += connection.msgcount
    except Exception as error:  # rosbags asserts and indexes its way through: any of these means damage
        raise _damage_error(path, str(error) or "its index is damaged") from error
    return counts


def _damage_error(path: Path, why: str) -> CameraError:
    return CameraError(f"{path} is cut off or damaged ({why}).", "Copy it again, or record it again.")


def _stream(topic: str) -> StreamKey | None:
    match = _IMAGES.fullmatch(topic)
    return (match[1].lower(), int(match[2])) if match else None


def _png_is_intact(message: bytes) -> bool:
    """Whether the PNG inside a message passes its own checksums; images stored raw have none."""
    at = message.find(PNG_SIGNATURE, 0, 256)
    try:
        if at >= 0:
            demand_sound_png(message[at:])
    except ValueError:
        return False
    return True
