"""The signatures of cuRobo V2 that Vitro relies on, as read in its source: NVlabs/curobo at a35a708 (15 June 2026)."""

import inspect
from importlib import import_module
from operator import attrgetter
from typing import Any

#: What is called: where its source is, and its parameters in order, `=` after those with a default.
CONTRACT: dict[str, tuple[str, tuple[str, ...]]] = {
    "curobo.motion_planner:MotionPlannerCfg.create": (
        "curobo/_src/motion/motion_planner_cfg.py:37",
        (
            "robot", "ik_optimizer_configs=", "ik_transition_model=", "metrics_rollout=", "trajopt_optimizer_configs=",
            "trajopt_transition_model=", "graph_planner_config=", "graph_planner_rollout=",
            "graph_planner_transition_model=", "scene_model=", "collision_cache=", "self_collision_check=",
            "device_cfg=", "num_ik_seeds=", "num_trajopt_seeds=", "position_tolerance=", "orientation_tolerance=",
            "use_cuda_graph=", "random_seed=", "optimizer_collision_activation_distance=", "store_debug=",
            "transition_model_config_instance_type=", "cost_manager_config_instance_type=", "max_batch_size=",
            "multi_env=", "max_goalset=",
        ),
    ),
    "curobo.motion_planner:MotionPlanner": ("curobo/_src/motion/motion_planner.py:50", ("config",)),
    "curobo.motion_planner:MotionPlanner.warmup": (
        "curobo/_src/motion/motion_planner.py:135",
        ("self", "enable_graph=", "warmup_joint_index=", "warmup_joint_delta=", "num_warmup_iterations="),
    ),
    "curobo.motion_planner:MotionPlanner.plan_pose": (
        "curobo/_src/motion/motion_planner.py:207",
        (
            "self", "goal_tool_poses", "current_state", "use_implicit_goal=", "max_attempts=",
            "enable_graph_attempt=",
        ),
    ),
    "curobo.motion_planner:MotionPlanner.plan_cspace": (
        "curobo/_src/motion/motion_planner.py:325",
        ("self", "goal_state", "current_state", "max_attempts=", "enable_graph_attempt="),
    ),
    "curobo.motion_planner:MotionPlanner.update_world": (
        "curobo/_src/motion/motion_planner.py:605",
        ("self", "scene_cfg"),
    ),
    "curobo.motion_planner:MotionPlanner.reset_seed": ("curobo/_src/motion/motion_planner.py:615", ("self",)),
    "curobo.scene:Scene": (
        "curobo/_src/geom/types.py:919",
        ("sphere=", "cuboid=", "capsule=", "cylinder=", "mesh=", "voxel=", "objects="),
    ),
    "curobo.scene:Cuboid": (
        "curobo/_src/geom/types.py:255",
        (
            "name", "pose=", "scale=", "color=", "texture_id=", "texture=", "material=", "device_cfg=", "dims=",
        ),
    ),
    "curobo.scene:VoxelGrid": (
        "curobo/_src/geom/types.py:810",
        (
            "name", "pose=", "scale=", "color=", "texture_id=", "texture=", "material=", "device_cfg=", "dims=",
            "voxel_size=", "feature_tensor=", "xyzr_tensor=", "feature_dtype=",
        ),
    ),
    "curobo.types:GoalToolPose": ("curobo/_src/types/tool_pose.py:183", ("tool_frames", "position", "quaternion")),
    "curobo.types:JointState.from_position": (
        "curobo/_src/state/state_joint.py:133",
        ("position", "joint_names="),
    ),
    "curobo.types:DeviceCfg.to_device": ("curobo/_src/types/device_cfg.py:34", ("self", "data_tensor")),
    "curobo._src.collision.attachment_manager:AttachmentManager.update": (
        "curobo/_src/collision/attachment_manager.py:102",
        ("self", "sphere_tensor", "joint_states", "link_name=", "world_objects_pose_offset="),
    ),
    "curobo._src.collision.attachment_manager:AttachmentManager.detach": (
        "curobo/_src/collision/attachment_manager.py:284",
        ("self", "link_name=", "enable_obstacle_names="),
    ),
}  # fmt: skip


#: The robot's dictionary becomes these dataclasses: where their source is, and their fields.
CONFIGURATION: dict[str, tuple[str, tuple[str, ...]]] = {
    "kinematics": (
        "curobo/_src/robot/loader/kinematics_loader_cfg.py:27",
        (
            "base_link", "device_cfg", "tool_frames", "collision_link_names", "collision_spheres",
            "collision_sphere_buffer", "self_collision_buffer", "self_collision_ignore", "debug", "asset_root_path",
            "mesh_link_names", "grasp_contact_link_names", "load_tool_frames_with_mesh", "urdf_path", "lock_joints",
            "extra_links", "add_object_link", "use_external_assets", "external_asset_path",
            "external_robot_configs_path", "extra_collision_spheres", "load_collision_spheres", "num_envs", "cspace",
            "load_meshes", "use_global_cumul", "format_version",
        ),
    ),
    "extra_links": (
        "curobo/_src/robot/types/link_params.py:20",
        (
            "link_name", "joint_name", "joint_type", "fixed_transform", "parent_link_name", "child_link_name",
            "joint_limits", "joint_axis", "joint_id", "joint_velocity_limits", "joint_offset", "mimic_joint_name",
            "joint_effort_limit", "link_mass", "link_com", "link_inertia",
        ),
    ),
    "cspace": (
        "curobo/_src/robot/types/cspace_params.py:21",
        (
            "joint_names", "default_joint_position", "cspace_distance_weight", "null_space_weight",
            "null_space_maximum_distance", "device_cfg", "max_acceleration", "max_jerk", "velocity_scale",
            "acceleration_scale", "jerk_scale", "position_limit_clip",
        ),
    ),
}  # fmt: skip


def parameters_of(called: str) -> tuple[str, ...]:
    """The parameters of `module:name` as it is installed, in the contract's way of writing them."""
    module, name = called.split(":")
    found: Any = attrgetter(name)(import_module(module))
    parameters = inspect.signature(found).parameters.values()
    return tuple(one.name + ("" if one.default is inspect.Parameter.empty else "=") for one in parameters)
