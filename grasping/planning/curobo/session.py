"""cuRobo's motion planner for one kind of arm, built and warmed up once a process, and what is asked of it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.errors import PlanningError, VitroError
from core.transforms import Matrix, rotation_to_quaternion
from grasping.planning.arm_model import ArmModel
from grasping.planning.collision import HELD_RADIUS_M, Held
from grasping.planning.curobo.installed import version
from grasping.planning.curobo.robot import HELD, MOST_HELD, TOOL, robot_configuration
from grasping.planning.curobo.scene import CUBOIDS, grid_of, scene_around
from grasping.planning.motion_planner import NoPathError
from grasping.planning.obstacles import VOXEL_M, DistanceField
from hardware.robot.description import ARM_JOINTS

_log = logging.getLogger(__name__)
#: Poses of one goal set: memory is laid out for so many.
MOST_GOALS = 16


@dataclass(frozen=True)
class Track:
    """A path as cuRobo timed it: joints (N, 6) [rad], step_s apart."""

    joints_rad: NDArray[np.float64]
    step_s: float


class CuroboSession:
    """One arm's planner. Everything is asked in the frame of the arm's base."""

    def __init__(self, arm: ArmModel, cell: Cell) -> None:
        """Builds and warms up: half a minute or more."""
        from curobo.motion_planner import MotionPlanner, MotionPlannerCfg

        self._arm = arm
        self._folder = TemporaryDirectory(prefix="vitro-curobo-")
        nothing = DistanceField.empty(cell)
        grid = {"layers": 1, "dims": grid_of(nothing)[0], "voxel_size": VOXEL_M}
        with _failures_named():
            settings = MotionPlannerCfg.create(
                robot=robot_configuration(arm.mount, Path(self._folder.name)),
                collision_cache={"cuboid": CUBOIDS, "voxel": grid},
                max_goalset=MOST_GOALS,
                random_seed=0,
            )
            self._planner = MotionPlanner(settings)
            if list(self._planner.joint_names) != list(ARM_JOINTS):
                raise RuntimeError(f"its joints are {self._planner.joint_names}")
            self.see(nothing)
            self._planner.warmup(enable_graph=True)

    def see(self, field: DistanceField) -> None:
        """What is around from now on."""
        with _failures_named():
            self._planner.update_world(scene_around(field, self._arm, self._tensor))

    @contextmanager
    def holding(self, held: Held, joints_rad: NDArray) -> Iterator[None]:
        """What is held belongs to the arm meanwhile."""
        points = held.points_tcp_m[:MOST_HELD]
        spheres = np.column_stack([points, np.full(len(points), HELD_RADIUS_M)])
        attachments = self._planner.attachment_manager
        with _failures_named():
            attachments.update(self._tensor(spheres), self._state(joints_rad), HELD)
        try:
            yield
        finally:
            attachments.detach(HELD)

    def to_joints(self, start_rad: NDArray, goal_rad: NDArray) -> Track | None:
        """A free path between joints (6,), None where none was found."""
        with _failures_named():
            self._planner.reset_seed()
            return self._track(self._planner.plan_cspace(self._state(goal_rad), self._state(start_rad)))

    def to_poses(self, start_rad: NDArray, T_base_tcp: Matrix) -> tuple[int, Track] | None:
        """A free path from joints (6,) to one of tool poses (K, 4, 4), K at most MOST_GOALS, and which; None where none
        was found. The tool ends near the pose, not at it."""
        from curobo.types import GoalToolPose

        quaternions = np.array([rotation_to_quaternion(T[:3, :3]) for T in T_base_tcp])
        with _failures_named():
            self._planner.reset_seed()
            goal = GoalToolPose(
                tool_frames=[TOOL],
                position=self._tensor(T_base_tcp[None, None, None, :, :3, 3]),
                quaternion=self._tensor(quaternions[None, None, None]),
            )
            result = self._planner.plan_pose(goal, self._state(start_rad))
            track = self._track(result)
            return None if track is None else (int(result.goalset_index.reshape(-1)[0]), track)

    def _track(self, result: Any) -> Track | None:
        """What was planned, without the copies of its end that fill its buffer."""
        if result is None or not bool(result.success.any()):
            return None
        path, steps = result.interpolated_trajectory, int(result.interpolated_last_tstep.reshape(-1)[0])
        positions = path.position.reshape(-1, *path.position.shape[-2:])[0][:steps]
        step_s = float(self._planner.trajopt_solver.config.interpolation_dt)
        return Track(np.asarray(positions.cpu().numpy(), float), step_s)

    def _state(self, joints_rad: NDArray) -> Any:
        from curobo.types import JointState

        return JointState.from_position(self._tensor(np.atleast_2d(joints_rad)), joint_names=list(ARM_JOINTS))

    def _tensor(self, values: NDArray) -> Any:
        return self._planner.device_cfg.to_device(np.ascontiguousarray(values, np.float32))


@cache
def _sessions() -> dict[tuple[Any, ...], CuroboSession]:
    return {}


def session_of(arm: ArmModel, cell: Cell) -> CuroboSession:
    """The process's planner for this arm in this cell; arms of a kind that stand elsewhere have their own."""
    key = (arm.name, arm.mount, cell.workspace)
    if key not in _sessions():
        _log.info("cuRobo %s is built and warmed up for the %s arm", version(), arm.name)
        _sessions()[key] = CuroboSession(arm, cell)
    return _sessions()[key]


@contextmanager
def _failures_named() -> Iterator[None]:
    """Raises PlanningError for whatever cuRobo fails with, CUDA included."""
    try:
        yield
    except (VitroError, NoPathError):
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise PlanningError(
            f"cuRobo {version()} failed: {type(error).__name__}: {said}.",
            "Run with --planner ompl; `python main.py doctor` tells what of cuRobo is installed.",
        ) from error
