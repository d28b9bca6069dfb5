"""What the planner makes of one scene: in the time that a trial gives it, and, where that fails, in much more."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.bench.drawn_cell import DetectedScene, DrawnCell
from app.bench.gate.picks import GateInput, gate_input
from core.cell import Cell
from core.errors import PerceptionError, PlanningError
from core.surfaces import SURFACES
from grasping.detection.detector import Detector
from grasping.planning.grasp_plan import GraspPlan, Merits
from grasping.planning.motion_planner import NoPlanError
from grasping.planning.planner import plan_grasp
from grasping.success import load_success_model

#: A scene holds 1 to this many objects.
MOST_OBJECTS = 5
#: A plan counts that is there within this.
WITHIN_S = 2.0


@dataclass(frozen=True)
class SceneOutcome:
    """One scene. seconds: until the plan was there, or was given up; motion_s: of all its motions, NaN without a plan;
    is_feasible: some grasp can be carried out, however long it takes to find; reason: why not; merits: of the
    grasp that was chosen."""

    seed: int
    objects: int
    grasps: int
    seconds: float
    is_feasible: bool
    motion_s: float = float("nan")
    reason: str = ""
    rejections: Mapping[str, int] = field(default_factory=dict)
    pick: GateInput | None = None
    merits: Merits | None = None

    @property
    def is_planned(self) -> bool:
        return self.pick is not None and self.seconds <= WITHIN_S


def plan_scenes(
    cell: Cell, detector: Detector, seeds: Iterable[int], planner: str, patience_s: float
) -> Iterator[SceneOutcome]:
    """Scenes of 1 to 5 objects, both arms parked, depth the truth; grasps ranked as a trial ranks them.

    patience_s: how long a search through all candidates may take where the planner found nothing.
    """
    with closing(DrawnCell(cell, 0)) as world:
        for seed in seeds:
            objects = int(np.random.default_rng(seed).integers(1, MOST_OBJECTS + 1))
            try:
                scene = world.detect(detector, SURFACES[seed % len(SURFACES)], seed, objects)
            except PerceptionError as error:
                yield SceneOutcome(seed, objects, 0, 0.0, False, reason=error.cause)
                continue
            yield _outcome(cell, scene, seed, objects, planner, patience_s)


def _outcome(
    cell: Cell, scene: DetectedScene, seed: int, objects: int, planner: str, patience_s: float
) -> SceneOutcome:
    grasps = load_success_model().rank(scene.grasps)

    def plan(**budget: Any) -> GraspPlan:
        return plan_grasp(grasps, scene.view, cell, scene.joints_rad, planner=planner, seed=seed, **budget)

    started_s = time.perf_counter()
    try:
        found = plan()
    except PlanningError as error:
        seconds = time.perf_counter() - started_s
        rejections = error.rejections if isinstance(error, NoPlanError) else {}
        is_feasible = False
        if "time ran out" in rejections:
            with suppress(PlanningError):
                is_feasible = plan(budget_s=patience_s).gate.passed
        return SceneOutcome(seed, objects, len(grasps), seconds, is_feasible, float("nan"), error.cause, rejections)
    seconds = time.perf_counter() - started_s
    motion_s = found.duration_s
    pick = gate_input(found, grasps, scene.view, cell)
    return SceneOutcome(seed, objects, len(grasps), seconds, True, motion_s, "", found.rejections, pick, found.merits)
