"""The page's 3D view: the table, fixtures, both arms as last heard of, the depth's cloud, the plan's path and grasp."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.events import Event, TrialBegin, TrialChange
from app.page.arm_shapes import ArmShapes
from core.cell import Cell
from core.transforms import Matrix, apply, invert, rotation_to_quaternion
from grasping.planning.grasp_plan import GraspPlan, Phase
from hardware.arms.arm import Arm
from hardware.cameras.frame import RgbdFrame
from hardware.robot.description import PARK_JOINTS
from hardware.robot.fixtures import fixtures_of
from hardware.robot.kinematics import forward_kinematics
from perception.depth_types import MetricDepth
from perception.objects.clouds import organised_cloud, without_flying_pixels

if TYPE_CHECKING:
    from viser import SceneApi, ViserServer

#: Every n-th pixel of the cloud is sent: enough to see by, light enough for a laptop over SSH that has no GPU.
STRIDE = 4
#: A browser without a GPU draws one in so many: those of every second row and column, which are sent first.
CLOUD_SHARE = 4
#: How often measured joints are shown [s].
PERIOD_S = 0.2
_AMBIENT = 1.2
_FIXTURE_RGB = (105, 105, 110)
PHASE_COLORS = {
    Phase.TRANSIT: (120, 120, 120),
    Phase.APPROACH: (255, 150, 0),
    Phase.LIFT: (0, 170, 80),
    Phase.PLACE: (0, 120, 220),
    Phase.RETREAT: (120, 120, 120),
}


class CellScene:
    """Reads the arms, and tells them nothing."""

    def __init__(self, server: "ViserServer", cell: Cell) -> None:
        self._scene, self._cell = server.scene, cell
        # Both arms are in view where a tablet leaves it half as wide as high.
        server.initial_camera.position = (1.1, -0.55, 0.95)
        server.initial_camera.look_at = (-0.2, 0.0, 0.05)
        # A room that shapes mirror costs as much to draw as all of them: a browser without a GPU draws them too.
        self._scene.configure_environment_map(hdri=None)
        self._scene.configure_default_lights(cast_shadow=False)
        self._scene.add_light_ambient("/light", intensity=_AMBIENT)
        width_m, depth_m = cell.table.size_m
        size_m = (width_m, depth_m, 0.02)
        self._scene.add_box("/table", (200, 190, 175), size_m, position=(0.0, 0.0, -0.0105), cast_shadow=False)
        add_fixtures(self._scene, cell)
        self._shapes = {name: ArmShapes(self._scene, f"/arms/{name}", mount) for name, mount in cell.arms.items()}
        self.place(dict.fromkeys(cell.arms, PARK_JOINTS))
        self._arms: Mapping[str, Arm] = {}
        self._due_s = 0.0
        self._depth: MetricDepth | None = None
        self._plan: GraspPlan | None = None

    def watch(self, arms: Mapping[str, Arm]) -> None:
        """From now on the arms are shown as they report; {}: as they were last seen."""
        self._arms = arms

    def place(self, joints_rad: Mapping[str, NDArray[np.float64]]) -> None:
        """Shows arms by name with these joints (6,), fingers closed."""
        for name, joints in joints_rad.items():
            self._shapes[name].move(joints, 0.0)

    def hear(self, event: Event) -> None:
        if isinstance(event, TrialBegin):
            self._clear()
        if not isinstance(event, TrialChange):
            return
        trial = event.trial
        if trial.metric is not self._depth:
            self._depth = trial.metric
            if trial.frame is not None and trial.metric is not None and trial.view is not None:
                self._draw_cloud(trial.frame, trial.metric.depth_m, trial.view.T_camera_world)
        if trial.plan is not self._plan:
            self._plan = trial.plan
            if trial.plan is not None:
                self._draw_plan(trial.plan)

    def tick(self, now_s: float) -> None:
        if now_s < self._due_s:
            return
        self._due_s = now_s + PERIOD_S
        for name, arm in self._arms.items():
            state = arm.peek()
            if np.all(np.isfinite(state.joints_rad)):
                self._shapes[name].move(state.joints_rad, max(state.gripper_width_m, 0.0))

    def _clear(self) -> None:
        self._depth = self._plan = None
        for path in ("/cloud", "/grasp", *(f"/path/{phase}" for phase in Phase)):
            self._scene.remove_by_name(path)

    def _draw_cloud(self, frame: RgbdFrame, depth_m: NDArray[np.float32], T_camera_world: Matrix) -> None:
        points = organised_cloud(without_flying_pixels(depth_m), frame.intrinsics)[::STRIDE, ::STRIDE]
        rows, columns = _coarse_first(np.isfinite(points[..., 2]))
        self._scene.add_point_cloud(
            "/cloud",
            apply(invert(T_camera_world), points[rows, columns]).astype(np.float32),
            frame.color[::STRIDE, ::STRIDE][rows, columns],
            point_size=0.003,
            point_shading="flat",
        )

    def _draw_plan(self, plan: GraspPlan) -> None:
        for phase, path_m in tool_paths(plan, self._cell).items():
            segments = np.stack([path_m[:-1], path_m[1:]], axis=1)
            self._scene.add_line_segments(f"/path/{phase}", segments, PHASE_COLORS[phase], thickness=0.004)
        self._scene.add_frame(
            "/grasp",
            axes_length=0.05,
            axes_radius=0.003,
            position=plan.T_world_tcp[:3, 3],
            wxyz=rotation_to_quaternion(plan.T_world_tcp[:3, :3]),
        )


def add_fixtures(scene: "SceneApi", cell: Cell) -> None:
    """Shows a cell's fixtures and pedestals."""
    for number, one in enumerate(fixtures_of(cell)):
        at_m, wxyz = one.T_world_box[:3, 3], rotation_to_quaternion(one.T_world_box[:3, :3])
        scene.add_box(f"/fixtures/{number}", _FIXTURE_RGB, one.size_m, wxyz=wxyz, position=at_m, cast_shadow=False)


def _coarse_first(known: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pixels that are known; those of every second row and column first."""
    rows, columns = np.nonzero(known)
    order = np.argsort(rows % 2 + columns % 2 > 0, kind="stable")
    return rows[order], columns[order]


def tool_paths(plan: GraspPlan, cell: Cell) -> dict[Phase, NDArray[np.float64]]:
    """Where a plan leads the tool in each phase: some 60 points (N, 3), world."""
    mount = cell.arms[plan.arm]
    joints = {
        phase: motion.positions_rad[:: max(1, len(motion.positions_rad) // 60)]
        for phase, motion in plan.motions.items()
    }
    return {
        phase: (mount.T_world_base @ forward_kinematics(some, mount.firmware))[:, :3, 3]
        for phase, some in joints.items()
    }
