"""Foxglove's messages from our values: metres, radians, quaternions and times become what its schemas ask for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.transforms import Matrix, rotation_to_quaternion

Fields = dict[str, Any]
Rgb = tuple[float, float, float]

#: `LinePrimitive.Type` and `PointsAnnotation.Type`, `SceneEntityDeletion.Type`, `Log.Level`.
LINE_STRIP, LINE_LOOP, LINE_LIST = 0, 1, 2
LOOP_ON_IMAGE = 2
DELETE_ALL = 1
INFO, WARNING, ERROR = 2, 3, 4


@dataclass(frozen=True)
class TimedMessage:
    """What a topic says at a time [ns since 1970]; `build` makes the message when it is written."""

    time_ns: int
    topic: str
    build: Callable[[], Any]


def message(schema: str, **fields: Any) -> Any:
    """A message of Foxglove's schema of this name; nested messages are given as dicts."""
    made = getattr(import_module(f"foxglove_schemas_protobuf.{schema}_pb2"), schema)
    return made(**fields)


def stamp(time_ns: int) -> Fields:
    seconds, nanos = divmod(time_ns, 1_000_000_000)
    return {"seconds": seconds, "nanos": nanos}


def point(xyz_m: Sequence[float] | NDArray) -> Fields:
    x, y, z = map(float, xyz_m)
    return {"x": x, "y": y, "z": z}


def pose(T: Matrix) -> Fields:
    return poses(T[None])[0]


def poses(Ts: NDArray[np.float64]) -> list[Fields]:
    """Of transforms (N, 4, 4): together, for each by itself costs scipy ten times as long."""
    orientations = rotation_to_quaternion(Ts[:, :3, :3])[:, [1, 2, 3, 0]]
    return [
        {"position": point(T[:3, 3]), "orientation": dict(zip("xyzw", map(float, orientation), strict=True))}
        for T, orientation in zip(Ts, orientations, strict=True)
    ]


def color(rgb: Rgb, alpha: float = 1.0) -> Fields:
    """rgb: 0 to 1."""
    r, g, b = map(float, rgb)
    return {"r": r, "g": g, "b": b, "a": float(alpha)}


def line(points_m: NDArray, rgb: Rgb, thickness_m: float, kind: int = LINE_STRIP) -> Fields:
    """points_m: (N, 3) in the entity's frame."""
    return {
        "type": kind,
        "pose": pose(np.eye(4)),
        "thickness": float(thickness_m),
        "points": [point(p) for p in points_m],
        "color": color(rgb),
    }


def text(words: str, at_m: NDArray, size_m: float, rgb: Rgb = (1.0, 1.0, 1.0)) -> Fields:
    """Words that face whoever looks, this high."""
    T = np.eye(4)
    T[:3, 3] = at_m
    return {"pose": pose(T), "billboard": True, "font_size": float(size_m), "color": color(rgb), "text": words}


def entity(id: str, frame: str, time_ns: int, **primitives: Any) -> Fields:
    """A `SceneEntity`: it stays until one of its id replaces it, and moves with its frame."""
    return {"id": id, "frame_id": frame, "timestamp": stamp(time_ns), "frame_locked": True, **primitives}


def scene(entities: Sequence[Fields], time_ns: int, is_new: bool = False) -> Any:
    """A `SceneUpdate`; is_new: whatever the topic showed before is taken away first."""
    deletions = [{"timestamp": stamp(time_ns), "type": DELETE_ALL}] if is_new else []
    return message("SceneUpdate", entities=list(entities), deletions=deletions)


def log(words: str, name: str, time_ns: int, level: int = INFO) -> Any:
    return message("Log", timestamp=stamp(time_ns), level=level, name=name, message=words)


def frame_transforms(frames: Sequence[tuple[str, str, Matrix]], time_ns: int) -> Any:
    """`FrameTransforms` of (parent, child, T_parent_child)."""
    transforms = [
        {
            "timestamp": stamp(time_ns),
            "parent_frame_id": parent,
            "child_frame_id": child,
            "translation": point(T[:3, 3]),
            "rotation": pose(T)["orientation"],
        }
        for parent, child, T in frames
    ]
    return message("FrameTransforms", transforms=transforms)
