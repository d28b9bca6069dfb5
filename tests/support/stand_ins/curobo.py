"""A cuRobo that plans on the CPU: straight in joints, or by way of a folded arm, in the world that it is handed.

Its signatures are those of `curobo_contract`. It holds the robot's spheres against the voxels and cuboids of the
scene, as the real one does, and treats callers no better: paths end a little off, buffers are longer than the path (and
here full of NaN beyond it), `plan_pose` may return None.
"""

import sys
from dataclasses import dataclass, field
from itertools import pairwise
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from core.transforms import Matrix, apply, invert, transform
from grasping.planning.inverse_kinematics import LIMIT_MARGIN_RAD, solve
from hardware.robot.description import ARM_JOINTS, JOINT_LOWER_RAD, JOINT_UPPER_RAD
from hardware.robot.kinematics import joint_transforms

STEP_S, BUFFER, OFF_RAD = 0.025, 600, 0.002


@dataclass(frozen=True)
class DeviceCfg:
    device: Any = "cpu"
    dtype: Any = torch.float32

    def to_device(self, data_tensor: Any) -> torch.Tensor:
        return torch.as_tensor(np.array(data_tensor), dtype=self.dtype)


@dataclass
class Obstacle:
    name: str
    pose: Any = None
    scale: Any = None
    color: Any = None
    texture_id: Any = None
    texture: Any = None
    material: Any = None
    device_cfg: Any = None

    @property
    def T(self) -> Matrix:
        return transform(Rotation.from_quat(self.pose[3:], scalar_first=True).as_matrix(), self.pose[:3])


@dataclass
class Cuboid(Obstacle):
    dims: Any = None

    def distance_m(self, points: np.ndarray) -> np.ndarray:
        outside = np.abs(apply(invert(self.T), points)) - np.array(self.dims) / 2
        return np.linalg.norm(np.maximum(outside, 0), axis=-1) + np.minimum(outside.max(axis=-1), 0)


@dataclass
class VoxelGrid(Obstacle):
    dims: Any = None
    voxel_size: float = 0.02
    feature_tensor: Any = None
    xyzr_tensor: Any = None
    feature_dtype: Any = None

    def distance_m(self, points: np.ndarray) -> np.ndarray:
        shape = np.round(np.array(self.dims) / self.voxel_size).astype(int)
        values = self.feature_tensor.numpy().reshape(shape)
        index = np.floor((apply(invert(self.T), points) + np.array(self.dims) / 2) / self.voxel_size).astype(int)
        inside = ((index >= 0) & (index < shape)).all(axis=-1)
        return np.where(inside, values[tuple(np.moveaxis(np.clip(index, 0, shape - 1), -1, 0))], np.inf)


@dataclass
class Scene:
    sphere: Any = None
    cuboid: Any = None
    capsule: Any = None
    cylinder: Any = None
    mesh: Any = None
    voxel: Any = None
    objects: Any = None


@dataclass
class JointState:
    position: torch.Tensor
    joint_names: Any = None

    @staticmethod
    def from_position(position: torch.Tensor, joint_names: Any = None) -> "JointState":
        return JointState(position, joint_names)


@dataclass
class GoalToolPose:
    tool_frames: list[str]
    position: torch.Tensor
    quaternion: torch.Tensor

    def __post_init__(self) -> None:
        assert self.position.ndim == self.quaternion.ndim == 5
        assert self.position.shape[2] == len(self.tool_frames)


@dataclass
class MotionPlannerCfg:
    robot: dict
    collision_cache: dict
    max_goalset: int

    @staticmethod
    def create(
        robot, ik_optimizer_configs=(), ik_transition_model="", metrics_rollout="", trajopt_optimizer_configs=(),
        trajopt_transition_model="", graph_planner_config="", graph_planner_rollout="",
        graph_planner_transition_model="", scene_model=None, collision_cache=None, self_collision_check=True,
        device_cfg=None, num_ik_seeds=32, num_trajopt_seeds=4, position_tolerance=0.005, orientation_tolerance=0.05,
        use_cuda_graph=True, random_seed=123, optimizer_collision_activation_distance=0.01, store_debug=False,
        transition_model_config_instance_type=None, cost_manager_config_instance_type=None, max_batch_size=1,
        multi_env=False, max_goalset=1,
    ) -> "MotionPlannerCfg":  # fmt: skip
        return MotionPlannerCfg(robot["robot_cfg"]["kinematics"], collision_cache, max_goalset)


@dataclass
class AttachmentManager:
    most: int
    spheres: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))

    def update(self, sphere_tensor, joint_states, link_name="attached_object", world_objects_pose_offset=None) -> None:
        assert link_name == "held" and len(sphere_tensor) <= self.most
        assert joint_states.position.shape == (1, 6)
        self.spheres = sphere_tensor.numpy().astype(float)

    def detach(self, link_name=None, enable_obstacle_names=None) -> None:
        self.spheres = np.zeros((0, 4))


class MotionPlanner:
    def __init__(self, config: MotionPlannerCfg) -> None:
        self.config, self.device_cfg = config, DeviceCfg()
        self.joint_names = config.robot["cspace"]["joint_names"]
        self.trajopt_solver = SimpleNamespace(config=SimpleNamespace(interpolation_dt=STEP_S))
        self.manager = AttachmentManager(config.robot["extra_collision_spheres"]["held"])
        self.scene, self.warm = Scene(), 0

    @property
    def attachment_manager(self) -> AttachmentManager:
        return self.manager

    def warmup(self, enable_graph=True, warmup_joint_index=0, warmup_joint_delta=0.2, num_warmup_iterations=10) -> bool:
        self.warm += 1
        return True

    def update_world(self, scene_cfg) -> None:
        cache = self.config.collision_cache
        assert len(scene_cfg.cuboid) <= cache["cuboid"] and len(scene_cfg.voxel) <= cache["voxel"]["layers"]
        assert np.allclose(scene_cfg.voxel[0].dims, cache["voxel"]["dims"])
        self.scene = scene_cfg

    def reset_seed(self) -> None:
        pass

    def plan_cspace(self, goal_state, current_state, max_attempts=5, enable_graph_attempt=1):
        start, goal = (state.position.numpy()[0].astype(float) for state in (current_state, goal_state))
        return self._result(self._path(start, goal), 0)

    def plan_pose(self, goal_tool_poses, current_state, use_implicit_goal=True, max_attempts=5, enable_graph_attempt=1):
        assert goal_tool_poses.tool_frames == self.config.robot["tool_frames"]
        assert goal_tool_poses.position.shape[3] <= self.config.max_goalset
        start = current_state.position.numpy()[0].astype(float)
        positions, quaternions = goal_tool_poses.position[0, 0, 0], goal_tool_poses.quaternion[0, 0, 0]
        for index, (at, turn) in enumerate(zip(positions.numpy(), quaternions.numpy(), strict=True)):
            T = transform(Rotation.from_quat(turn, scalar_first=True).as_matrix(), at)
            for goal in solve(T[None], margin_rad=LIMIT_MARGIN_RAD)[0]:
                if np.isfinite(goal).all() and (path := self._path(start, goal)) is not None:
                    return self._result(path, index)
        return None

    def least_gap_m(self, joints_rad: np.ndarray) -> float:
        """How near the robot and what is attached come to the scene at joints (6,)."""
        frames = [np.eye(4)]
        for step in joint_transforms(joints_rad):
            frames.append(frames[-1] @ step)
        by_link = dict(zip(("base_link", *(f"link{i}" for i in range(1, 7))), frames, strict=True))
        spheres = [
            np.append(apply(by_link[link], np.array(sphere["center"])), sphere["radius"])
            for link, all_of_it in self.config.robot["collision_spheres"].items()
            for sphere in all_of_it
        ]
        tip = transform(translation_m=self.config.robot["extra_links"]["held"]["fixed_transform"][:3])
        held = np.column_stack([apply(frames[-1] @ tip, self.manager.spheres[:, :3]), self.manager.spheres[:, 3]])
        points = np.concatenate([np.array(spheres), held])
        return min(
            float((thing.distance_m(points[:, :3]) - points[:, 3]).min())
            for thing in [*self.scene.cuboid, *self.scene.voxel]
        )

    def _path(self, start: np.ndarray, goal: np.ndarray) -> np.ndarray | None:
        folded = (start + goal) / 2 * [1, 0, 0, 1, 0, 1] + [0, 0.9, -1.2, 0, 0.3, 0]
        for corners in ([start, goal], [start, folded, goal]):
            steps = [np.linspace(a, b, 60)[1:] for a, b in pairwise(corners)]
            path = np.concatenate([start[None], *steps])
            if all(self.least_gap_m(joints) > 0 for joints in path[::4]):
                return path
        return None

    def _result(self, path: np.ndarray | None, index: int) -> Any:
        if path is None:
            return SimpleNamespace(success=torch.tensor([[False]]))
        assert (path >= JOINT_LOWER_RAD - 1e-6).all() and (path <= JOINT_UPPER_RAD + 1e-6).all()
        buffer = np.full((1, 1, BUFFER, 6), np.nan)
        buffer[0, 0, : len(path)] = path
        buffer[0, 0, len(path) - 1] += OFF_RAD
        return SimpleNamespace(
            success=torch.tensor([[True]]),
            goalset_index=torch.tensor([[[index]]]),
            interpolated_trajectory=SimpleNamespace(position=torch.as_tensor(buffer), joint_names=list(ARM_JOINTS)),
            interpolated_last_tstep=torch.tensor([[len(path)]]),
        )


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """For one test: a machine with a CUDA device on which cuRobo V2 is installed."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    parts = {
        "curobo": {"__version__": "0.8.0"},
        "curobo.motion_planner": {"MotionPlanner": MotionPlanner, "MotionPlannerCfg": MotionPlannerCfg},
        "curobo.scene": {"Scene": Scene, "Cuboid": Cuboid, "VoxelGrid": VoxelGrid},
        "curobo.types": {"GoalToolPose": GoalToolPose, "JointState": JointState, "DeviceCfg": DeviceCfg},
        "curobo._src": {},
        "curobo._src.collision": {},
        "curobo._src.collision.attachment_manager": {"AttachmentManager": AttachmentManager},
    }
    for name, members in parts.items():
        monkeypatch.setitem(sys.modules, name, module(name, **members))


def module(name: str, **members: Any) -> ModuleType:
    """A module that `find_spec` finds."""
    made = ModuleType(name)
    made.__spec__ = SimpleNamespace(name=name)  # type: ignore[assignment]
    made.__path__ = []
    vars(made).update(members)
    return made
