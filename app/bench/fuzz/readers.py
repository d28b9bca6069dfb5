"""Every reader of files that others wrote, each with a sound file to damage."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from app.bench.fuzz.calibration_readers import CALIBRATION_READERS
from app.bench.fuzz.data_readers import DATA_READERS
from app.bench.fuzz.reader import COLOR, DEPTH_M, INTRINSICS, Reader
from app.bench.fuzz.recording_readers import RECORDING_READERS
from app.paths import CELLS
from core import image_file
from core.cell import load_cell
from core.work import Work

_TOPIC = "/device_0/sensor_0/Depth_0/image/data"


def _at(name: str, read: Callable[[Path], object], folder: Path) -> object:
    return read(folder / name)


def _write_image(name: str, folder: Path) -> None:
    import cv2

    cv2.imwrite(str(folder / name), COLOR)


def _image(name: str) -> Reader:
    return Reader(name, partial(_write_image, name), partial(_at, name, image_file.read_image))


def _write_png(folder: Path) -> None:
    import cv2

    cv2.imwrite(str(folder / "a.png"), (DEPTH_M * 1000).astype(np.uint16))


def _write_exr(folder: Path) -> None:
    import OpenEXR

    with OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION}, {"Z": DEPTH_M}) as exr:
        exr.write(str(folder / "a.exr"))


def _write_frames(folder: Path) -> None:
    image_file.write_image(folder / "000000.png", COLOR)
    np.save(folder / "000000.depth.npy", DEPTH_M)
    (folder / "intrinsics.json").write_text(json.dumps(asdict(INTRINSICS) | {"serial": "1"}))


def _read_frames(folder: Path) -> object:
    from hardware.cameras.frame_folder import FrameFolderCamera

    with FrameFolderCamera(folder) as camera:
        return camera.read()


def _write_manifest(folder: Path) -> None:
    from perception.weights.manifest import FileRecord, Manifest, write_manifest

    write_manifest(folder, Manifest("vitro-s", {"a/b.safetensors": FileRecord(4, "0" * 64, "lab/model", "1" * 40)}))


def _read_manifest(folder: Path) -> object:
    from perception.weights.manifest import read_manifest

    manifest = read_manifest(folder)
    return manifest and manifest.other_sizes(folder)


def _work(folder: Path) -> Work:
    return Work(folder, "depth", {"source": "a"}, ("depth_m.npy",))


def _write_summary(folder: Path) -> None:
    facts = {"files": ["depth_m.npy"], "command": "depth", "fingerprint": _work(folder).fingerprint, "frames": 3}
    (folder / "summary.json").write_text(json.dumps(facts))
    (folder / "depth_m.npy").write_bytes(b"")


def _write_safetensors(folder: Path) -> None:
    import torch

    from perception.weights.bundled import tensors_bytes

    (folder / "a.safetensors").write_bytes(tensors_bytes({"weight": torch.ones(4, 3), "bias": torch.ones(3)}, "fuzz 1"))


def _read_safetensors(folder: Path) -> object:
    from perception.weights.bundled import read_tensors
    from perception.weights.scan import demand_whole, read_through

    demand_whole(folder / "a.safetensors")
    read_through(folder / "a.safetensors", lambda count: None)
    return read_tensors(folder / "a.safetensors", "fuzz 1")


def _write_pth(folder: Path) -> None:
    import torch

    torch.save({"weight": torch.ones(4, 3)}, folder / "a.pth")


def _read_pth(folder: Path) -> object:
    from perception.weights.scan import read_through

    return read_through(folder / "a.pth", lambda count: None)


def _write_db3(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "a.db3")) as database, database:
        database.execute("CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT)")
        database.execute(
            "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB)"
        )
        database.execute("INSERT INTO topics VALUES (1, ?, 'image')", (_TOPIC,))
        database.executemany(
            "INSERT INTO messages(topic_id, timestamp, data) VALUES (1, ?, ?)", [(n, b"0" * 90) for n in range(40)]
        )


def _write_bag(folder: Path) -> None:
    from rosbags.rosbag1 import Writer

    with Writer(folder / "a.bag") as bag:
        topic = bag.add_connection(
            "/device_0/sensor_0/Depth_0/image/data", "std_msgs/msg/String", msgdef="string data", md5sum="0" * 32
        )
        for number in range(20):
            bag.write(topic, number, b"\0" * 40)


def _read_index(file: Path) -> object:
    from hardware.cameras.recording_index import RecordingIndex

    index = RecordingIndex(file)
    return [index.is_intact(key, n) for key, count in index.counts.items() for n in range(min(count, 3))]


def _write_log(folder: Path) -> None:
    from trials.record import TrialRecord
    from trials.store import TrialStore

    one = TrialRecord(
        surface="diffuse", estimator="raw", detector="antipodal", planner="ompl", cell="sim", world="sim", seed=1
    )
    with TrialStore(folder / "trials.db") as store:
        for _ in range(3):
            store.begin(one)


def _read_log(folder: Path) -> object:
    from trials.store import TrialStore
    from trials.summary import summarise

    with TrialStore(folder / "trials.db") as store:
        return summarise(store.list())


def _write_cell(folder: Path) -> None:
    (folder / "a.yaml").write_bytes((CELLS / "sim.yaml").read_bytes())


def _read_summary(folder: Path) -> object:
    return _work(folder).result()


READERS: dict[str, Reader] = {
    "png": _image("a.png"),
    "jpg": _image("a.jpg"),
    "tiff": _image("a.tiff"),
    "webp": _image("a.webp"),
    "depth png": Reader("a.png", _write_png, partial(_at, "a.png", image_file.read_png)),
    "exr": Reader("a.exr", _write_exr, partial(_at, "a.exr", image_file.read_exr)),
    "npy": Reader("000000.depth.npy", _write_frames, _read_frames),
    "intrinsics.json": Reader("intrinsics.json", _write_frames, _read_frames),
    "cell": Reader("a.yaml", _write_cell, partial(_at, "a.yaml", load_cell)),
    "manifest.json": Reader("manifest.json", _write_manifest, _read_manifest),
    "summary.json": Reader("summary.json", _write_summary, _read_summary),
    "safetensors": Reader("a.safetensors", _write_safetensors, _read_safetensors),
    "pth": Reader("a.pth", _write_pth, _read_pth),
    "db3": Reader("a.db3", _write_db3, partial(_at, "a.db3", _read_index)),
    "bag": Reader("a.bag", _write_bag, partial(_at, "a.bag", _read_index)),
    "trials.db": Reader("trials.db", _write_log, _read_log),
    **RECORDING_READERS,
    **DATA_READERS,
    **CALIBRATION_READERS,
}
