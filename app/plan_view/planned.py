"""A scene as its planner saw it, and what became of each grasp: what page and picture draw."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from app.run.trial import Trial
from core.cell import Cell
from core.errors import VitroError
from core.report.words import counted
from core.transforms import apply, invert
from grasping.grasp_set import WIDTH, T_camera_tcp
from grasping.planning.arm_model import ArmModel, oriented_boxes
from grasping.planning.candidates import CHOSEN, NOT_LOOKED_AT, NOT_TRIED
from grasping.planning.obstacles import VOXEL_M, DistanceField, bin_boxes, fixture_boxes
from grasping.planning.scene_fields import ASSUMED_WIDTH_M
from grasping.scene_cloud import SceneCloud

Rgb = tuple[int, int, int]
#: What becomes of a grasp that is not given to the search.
UNLIKELY = "less likely than --boldness asks"
FATE_COLORS: dict[str, Rgb] = {
    CHOSEN: (0, 160, 60),
    NOT_TRIED: (40, 110, 235),
    "out of reach": (205, 30, 30),
    "collision at the grasp": (235, 60, 160),
    "palm against the object": (240, 140, 0),
    "wider than the gripper": (135, 60, 175),
    "outside the workspace": (120, 80, 40),
    NOT_LOOKED_AT: (140, 140, 140),
    UNLIKELY: (200, 200, 200),
}
#: Of the reasons why no path was found, which are the planner's own.
_PATH_COLORS: tuple[Rgb, ...] = ((0, 175, 190), (150, 150, 0), (90, 30, 90), (0, 95, 95), (60, 60, 0))
HIDDEN, OBJECTS, BIN, STANDING_ARMS = "hidden behind objects", "objects", "bin", "arms that stand still"
FIXTURES = "fixtures and pedestals"
VOXEL_COLORS: dict[str, Rgb] = {
    HIDDEN: (215, 205, 225),
    OBJECTS: (225, 175, 80),
    BIN: (90, 100, 130),
    STANDING_ARMS: (160, 160, 175),
    FIXTURES: (105, 105, 110),
}
#: A drawn gripper's fingers and stem [m].
_FINGER_M, _STEM_M = 0.035, 0.025
_NONE_M: NDArray[np.float64] = np.zeros((0, 3))


@dataclass(frozen=True)
class PlanScene:
    """trial: as far as its stages came; joints_rad (6,) of every arm; fates: of each of its grasps; stopped: what ended
    it without a plan."""

    name: str
    estimator: str
    cell: Cell
    trial: Trial
    joints_rad: Mapping[str, NDArray[np.float64]]
    fates: tuple[str, ...]
    stopped: VitroError | None

    @property
    def colors(self) -> dict[str, Rgb]:
        """Of every fate that some grasp has, the commonest last, so that the few are drawn over the many."""
        counts = Counter(self.fates)
        own = iter(_PATH_COLORS * len(counts))
        return {fate: FATE_COLORS.get(fate) or next(own) for fate, _ in reversed(counts.most_common())}

    def grippers_m(self, fate: str) -> NDArray[np.float64]:
        """Segments (N, 2, 3), world, of small grippers on all grasps of a fate."""
        grasps, view = self.trial.grasps, self.trial.view
        if grasps is None or view is None:
            return np.zeros((0, 2, 3))
        T_world_camera = invert(view.T_camera_world)
        rows = grasps.rows[np.array(self.fates) == fate]
        drawn = [
            apply(T_world_camera @ T_camera_tcp(row), _gripper_m(row[WIDTH])) for row in rows if np.isfinite(row).all()
        ]
        return np.array(drawn).reshape(-1, 2, 3)

    @cached_property
    def voxels_m(self) -> dict[str, NDArray[np.float64]]:
        """Centres (N, 3), world, of the distance field's occupied voxels, by what they are of.

        What an object hides is in the way of all grasps but its own. Fixtures: where the cell has any.
        """
        nothing, cloud = DistanceField.empty(self.cell), self._cloud
        # The bin's walls, and a thin fixture, are thinner than a voxel: of few does the centre lie within.
        still = [name for name in self.cell.arms if self.trial.plan is None or name != self.trial.plan.arm]
        boxes = [
            box
            for name in still
            for box in oriented_boxes(ArmModel(name, self.cell.arms[name]), self.joints_rad[name], ASSUMED_WIDTH_M)
        ]
        fixed = fixture_boxes(self.cell)
        fixtures = {FIXTURES: nothing.with_boxes(fixed).voxels_within(VOXEL_M / 2)} if fixed else {}
        return {
            HIDDEN: nothing.with_points(np.concatenate([_NONE_M, *cloud.hidden_m.values()])).voxels_within(0.0),
            OBJECTS: nothing.with_points(cloud.points_m).voxels_within(0.0),
            BIN: nothing.with_boxes(bin_boxes(self.cell.bin)).voxels_within(VOXEL_M / 2),
            STANDING_ARMS: nothing.with_boxes(boxes).voxels_within(0.0),
            **fixtures,
        }

    @property
    def will_be_binned_m(self) -> NDArray[np.float64]:
        """(N, 3) where the plan lets its object stand in the bin, world."""
        return np.zeros((0, 3)) if self.trial.plan is None else self.trial.plan.binned_m

    @property
    def _cloud(self) -> SceneCloud:
        """What the planner keeps clear of, hidden space too where the cell counts that as occupied."""
        grasps, view = self.trial.grasps, self.trial.view
        if grasps is None or view is None:
            return SceneCloud(_NONE_M, np.zeros(0, np.int32))
        return SceneCloud.from_grasps(grasps, view, self.cell)

    @property
    def words(self) -> str:
        """What came of it."""
        plan = self.trial.plan
        if plan is None:
            return "no plan" if self.stopped is None else f"no plan: {self.stopped.cause}"
        tried, seconds = counted(plan.candidates_tried, "candidate"), f"{plan.duration_s:.1f} s of motion"
        return f"{plan.arm} arm, {tried} tried, {seconds}, {plan.merits}"


def _gripper_m(width_m: float) -> NDArray[np.float64]:
    """(8, 3) ends of four segments in the tool's frame: both fingers, what joins them, the stem."""
    half = width_m / 2
    left, right = (0.0, -half, -_FINGER_M), (0.0, half, -_FINGER_M)
    middle = (0.0, 0.0, -_FINGER_M)
    ends = [left, (0.0, -half, 0.0), right, (0.0, half, 0.0), left, right, middle, (0.0, 0.0, -_FINGER_M - _STEM_M)]
    return np.array(ends)
