"""What was seen and chosen, as scenes: the table's tags and the grasps."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.trial_recording.camera_messages import CAMERA
from app.trial_recording.messages import LINE_LOOP, Fields, Rgb, entity, line, scene, text
from core.cell import Cell
from core.transforms import apply
from grasping.grasp_set import SCORE, GraspSet
from grasping.pictures import gripper_outline
from perception.depth_types import TableView

#: How many of the best grasps are drawn.
SHOWN = 8
_CHOSEN_RGB: Rgb = (0.1, 0.6, 1.0)
_TAG_RGB: Rgb = (0.0, 0.9, 0.35)
_THIN_M, _THICK_M, _LETTERS_M = 0.0015, 0.004, 0.012


def tags_scene(view: TableView, cell: Cell, time_ns: int) -> Any:
    """The tags that were seen, where the cell has them: outlines of their black squares on the table, and numbers."""
    seen, lines, texts = {tag.id for tag in view.tags}, [], []
    for tag in cell.tags:
        if tag.id in seen:
            h = tag.size_m / 2
            square = np.array([[-h, -h, 0.001], [h, -h, 0.001], [h, h, 0.001], [-h, h, 0.001]])
            lines.append(line(apply(tag.T_world_tag, square), _TAG_RGB, _THIN_M, LINE_LOOP))
            texts.append(text(str(tag.id), tag.T_world_tag[:3, 3] + [0.0, 0.0, 0.02], _LETTERS_M))
    return scene([entity("tags", "world", time_ns, lines=lines, texts=texts)], time_ns, is_new=True)


def grasps_scene(grasps: GraspSet, time_ns: int) -> Any:
    """The best grasps as grippers with their scores, red for the worst of them, green for the best."""
    rows = grasps.rows[:SHOWN]
    low, high = (float(rows[:, SCORE].min()), float(rows[:, SCORE].max())) if len(rows) else (0.0, 1.0)
    entities = []
    for rank, row in enumerate(rows, start=1):
        share = (float(row[SCORE]) - low) / (high - low) if high > low else 1.0
        rgb = (min(1.0, 2 - 2 * share), min(1.0, 2 * share), 0.15)
        entities.append(_gripper(f"grasp {rank}", row, rgb, _THIN_M, f"{rank}: {row[SCORE]:.0%}", time_ns))
    return scene(entities, time_ns, is_new=True)


def chosen_scene(row: NDArray[np.float64], time_ns: int) -> Any:
    """The grasp that was planned."""
    return scene([_gripper("chosen", row, _CHOSEN_RGB, _THICK_M, f"chosen: {row[SCORE]:.0%}", time_ns)], time_ns)


def _gripper(id: str, row: NDArray, rgb: Rgb, thickness_m: float, words: str, time_ns: int) -> Fields:
    fingers_m, wrist_m = gripper_outline(row)
    return entity(
        id,
        CAMERA,
        time_ns,
        lines=[line(fingers_m, rgb, thickness_m), line(wrist_m, rgb, thickness_m)],
        texts=[text(words, wrist_m[-1], _LETTERS_M, rgb)],
        metadata=[{"key": "score", "value": f"{row[SCORE]:.4f}"}],
    )
