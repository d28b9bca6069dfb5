"""Whether cuRobo V2 (github NVlabs/curobo) can plan on this machine, and if not, what is in its way.

What is called of it is declared here, once: an installed version that lacks a part of it is refused by its name.
"""

import inspect
from importlib import import_module
from importlib.util import find_spec
from operator import attrgetter

INSTALL = "Clone github.com/NVlabs/curobo and run pip install '.[cu12-torch]' (or .[cu13-torch]) in it."

#: Module, what of it is called, and the parameters that it is given by name.
CALLED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("curobo.motion_planner", "MotionPlannerCfg.create", ("robot", "collision_cache", "max_goalset", "random_seed")),
    ("curobo.motion_planner", "MotionPlanner", ("config",)),
    ("curobo.motion_planner", "MotionPlanner.warmup", ("enable_graph",)),
    ("curobo.motion_planner", "MotionPlanner.update_world", ("scene_cfg",)),
    ("curobo.motion_planner", "MotionPlanner.reset_seed", ()),
    ("curobo.motion_planner", "MotionPlanner.plan_pose", ("goal_tool_poses", "current_state")),
    ("curobo.motion_planner", "MotionPlanner.plan_cspace", ("goal_state", "current_state")),
    ("curobo.motion_planner", "MotionPlanner.attachment_manager", ()),
    ("curobo.scene", "Scene", ("cuboid", "voxel")),
    ("curobo.scene", "Cuboid", ("name", "pose", "dims")),
    ("curobo.scene", "VoxelGrid", ("name", "pose", "dims", "voxel_size", "feature_tensor")),
    ("curobo.types", "GoalToolPose", ("tool_frames", "position", "quaternion")),
    ("curobo.types", "JointState.from_position", ("position", "joint_names")),
)


def why_not_curobo() -> str:
    """The first thing that keeps cuRobo from planning here, '' if nothing does.

    Its package alone says nothing, CUDA does.
    """
    import torch

    if not torch.cuda.is_available():
        return "The planner curobo needs an NVIDIA GPU: torch finds no CUDA device."
    return why_not_installed()


def why_not_installed() -> str:
    """The same but for the device: the package that is missing, empty, too old or unlike what is called of it."""
    if find_spec("curobo") is None:
        return f"The planner curobo is not installed; its PyPI packages are empty. {INSTALL}"
    if find_spec("curobo.wrap") is not None:
        return f"The installed cuRobo is version 1 (0.7.x), whose interface differs: version 2 is needed. {INSTALL}"
    if find_spec("curobo.motion_planner") is None:
        return f"The installed package curobo is an empty placeholder, as PyPI has it. {INSTALL}"
    try:
        lacking = [name for name in map(_lack, *zip(*CALLED, strict=True)) if name]
    except Exception as error:  # a package that does not load raises what it likes
        return f"The installed cuRobo cannot be loaded ({type(error).__name__}: {error}). {INSTALL}"
    if lacking:
        return f"The installed cuRobo {version()} is not the one that Vitro knows: it has no {', no '.join(lacking)}."
    return ""


def version() -> str:
    """The installed cuRobo's, as it tells it."""
    return str(getattr(import_module("curobo"), "__version__", "of an unknown version"))


def _lack(module: str, name: str, parameters: tuple[str, ...]) -> str:
    """What is missing of one call, '' if nothing."""
    try:
        found = attrgetter(name)(import_module(module))
    except (ModuleNotFoundError, AttributeError):
        return f"{module}.{name}"
    known = inspect.signature(found).parameters if parameters else {}
    missing = [parameter for parameter in parameters if parameter not in known]
    return f"{name}({', '.join(missing)})" if missing else ""
