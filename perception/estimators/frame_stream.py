"""Clips through a model of single moments, and single moments through a model of clips."""

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.image import Intrinsics
from perception.depth_types import Plane
from perception.estimators.specification import Answer, ClipModel, FrameModel, Map, Observation, Progress


class FrameStream:
    """A `ModelStream` over a model of single moments: every map is final at once, the newest frames are kept."""

    def __init__(self, model: FrameModel, frames: int, count: int, progress: Progress) -> None:
        self._model, self._count, self._progress = model, count, progress
        self._seen: deque[Observation] = deque(maxlen=frames)
        self._given = 0

    def push(self, seen: Observation) -> list[Map]:
        self._seen.append(seen)
        values = as_answer(self._model.estimate(list(self._seen))).values
        self._given += 1
        self._progress(self._given / self._count)
        return [values]

    def finish(self) -> list[Map]:
        return []

    def state(self) -> dict[str, Any]:
        """The frames that the next answers are made of, where there are more than one."""
        return {"sights": [_pack(seen) for seen in self._seen]} if self._seen.maxlen != 1 else {}

    def restore(self, state: dict[str, Any]) -> None:
        self._seen.clear()
        self._seen.extend(_unpack(packed) for packed in state.get("sights", ()))


def newest_map(model: ClipModel, seen: Sequence[Observation]) -> Map:
    """The map of the last of some observations, which make a clip."""
    height, width = seen[-1].color.shape[:2]
    stream = model.stream(len(seen), height, width, lambda share: None)
    maps = [map_ for one in seen for map_ in stream.push(one)] + stream.finish()
    return maps[-1]


def as_answer(answer: Map | tuple[Map, Map] | Answer) -> Answer:
    """What a model of single moments gave, however little it says."""
    if isinstance(answer, Answer):
        return answer
    return Answer(*answer) if isinstance(answer, tuple) else Answer(answer)


def _pack(seen: Observation) -> dict[str, Any]:
    import torch

    packed: dict[str, Any] = {"color": torch.from_numpy(seen.color.copy()), "sensor_m": None}
    if seen.depth_m is not None:
        packed["sensor_m"] = torch.from_numpy(seen.depth_m.copy())
    if seen.intrinsics is not None:
        packed["intrinsics"] = vars(seen.intrinsics)
    if seen.table is not None:
        packed |= {"normal": seen.table.normal.tolist(), "offset_m": seen.table.offset_m}
    return packed


def _unpack(packed: dict[str, Any]) -> Observation:
    return Observation(
        packed["color"].numpy(),
        None if packed["sensor_m"] is None else packed["sensor_m"].numpy(),
        Intrinsics(**packed["intrinsics"]) if "intrinsics" in packed else None,
        Plane(np.array(packed["normal"]), packed["offset_m"]) if "normal" in packed else None,
    )
