"""Arms as messages: joints as planned and as measured, the shapes of their links, frames, and the tool's path."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.trial_recording.messages import (
    Fields,
    Rgb,
    TimedMessage,
    color,
    entity,
    frame_transforms,
    line,
    message,
    pose,
    poses,
    scene,
    stamp,
)
from core.cell import Cell
from core.cell_parts import ArmMount
from core.transforms import Matrix, transform
from grasping.planning.grasp_plan import GraspPlan, Phase
from hardware.arms.arm import ArmState
from hardware.robot.description import SHAPES
from hardware.robot.fixtures import fixtures_of
from hardware.robot.kinematics import forward_kinematics, link_poses

WORLD = "world"
PHASE_RGB: dict[Phase, Rgb] = {
    Phase.TRANSIT: (0.5, 0.5, 0.5),
    Phase.APPROACH: (1.0, 0.6, 0.0),
    Phase.LIFT: (0.0, 0.67, 0.3),
    Phase.PLACE: (0.0, 0.47, 0.86),
    Phase.RETREAT: (0.5, 0.5, 0.5),
}
_PATH_POINTS, _PATH_M = 100, 0.003


def joint_names(arm: str) -> list[str]:
    return [f"{arm}_joint{number}" for number in range(1, 7)]


def measured_states(states: Mapping[str, ArmState], time_ns: int) -> Any:
    """`JointStates` [rad] of every arm; its gripper's position is the gap between the fingers [m], its effort what
    they press with [N·m]."""
    joints: list[Fields] = []
    for arm, state in states.items():
        positions = map(float, state.joints_rad)
        joints += [{"name": name, "position": q} for name, q in zip(joint_names(arm), positions, strict=True)]
        width_m, effort_nm = float(state.gripper_width_m), float(state.gripper_effort_nm)
        joints.append({"name": f"{arm}_gripper", "position": width_m, "effort": effort_nm})
    return message("JointStates", timestamp=stamp(time_ns), joints=joints)


def planned_states(plan: GraspPlan, begun_ns: Mapping[Phase, int], ready_ns: int) -> Iterator[TimedMessage]:
    """Every joint position of the plan at its time: from when its motion began, or, where that never did, following on.

    ready_ns: when the plan was made.
    """
    names, end_ns = joint_names(plan.arm), ready_ns
    for phase, motion in plan.motions.items():
        start_ns = begun_ns.get(phase, end_ns)
        end_ns = start_ns + round(motion.duration_s * 1e9)
        for time_s, joints_rad in zip(motion.times_s, motion.positions_rad, strict=True):
            time_ns = start_ns + round(float(time_s) * 1e9)
            yield TimedMessage(time_ns, "/joints/planned", lambda t=time_ns, q=joints_rad: _joints(names, q, t))  # type: ignore[misc]


def _joints(names: list[str], joints_rad: NDArray[np.float64], time_ns: int) -> Any:
    joints = [{"name": name, "position": float(q)} for name, q in zip(names, joints_rad, strict=True)]
    return message("JointStates", timestamp=stamp(time_ns), joints=joints)


def robot_scene(cell: Cell, states: Mapping[str, ArmState], time_ns: int) -> Any:
    """The arms' links as boxes, cylinders and spheres, so that no viewer needs their URDF."""
    entities = [
        entity(arm, WORLD, time_ns, **_shapes(cell.arms[arm], state))
        for arm, state in states.items()
        if arm in cell.arms
    ]
    return scene(entities, time_ns)


def _shapes(mount: ArmMount, state: ArmState) -> dict[str, list[Fields]]:
    T_base_links = link_poses(state.joints_rad, state.gripper_width_m, mount.firmware)
    shapes = [(link, shape) for link, several in SHAPES.items() for shape in several]
    Ts_world_shape = mount.T_world_base @ np.stack([T_base_links[link] @ shape.T_link_shape for link, shape in shapes])
    drawn: dict[str, list[Fields]] = {"cubes": [], "cylinders": [], "spheres": []}
    for (_, shape), where in zip(shapes, poses(Ts_world_shape), strict=True):
        size = dict(zip("xyz", map(float, 2 * shape.half_extents_m), strict=True))
        given: Fields = {"pose": where, "size": size, "color": color(shape.rgb)}
        if shape.kind == "cylinder":
            given |= {"bottom_scale": 1.0, "top_scale": 1.0}
        drawn[{"box": "cubes", "cylinder": "cylinders", "sphere": "spheres"}[shape.kind]].append(given)
    return drawn


def cell_scene(cell: Cell, time_ns: int) -> Any:
    """Table, bin, fixtures and pedestals."""
    (width_m, depth_m), grey = cell.table.size_m, color((0.78, 0.74, 0.68))
    slab = {"pose": pose(transform(translation_m=(0.0, 0.0, -0.0105))), "color": grey}
    table = slab | {"size": {"x": width_m, "y": depth_m, "z": 0.02}}
    solids = [(transform(translation_m=center_m), half_m, (0.35, 0.4, 0.5)) for center_m, half_m in cell.bin.slabs]
    solids += [(one.T_world_box, one.half_m, (0.4, 0.4, 0.42)) for one in fixtures_of(cell)]
    cubes = [
        {"pose": pose(T), "size": dict(zip("xyz", map(float, 2 * half_m), strict=True)), "color": color(rgb, 0.6)}
        for T, half_m, rgb in solids
    ]
    return scene([entity("cell", WORLD, time_ns, cubes=[table, *cubes])], time_ns)


def fixed_frames(cell: Cell, T_world_camera: Matrix, time_ns: int) -> Any:
    """Where camera and arms stand."""
    bases = [(WORLD, f"{name}_base", mount.T_world_base) for name, mount in cell.arms.items()]
    return frame_transforms([(WORLD, "camera", T_world_camera), *bases], time_ns)


def tool_frames(cell: Cell, states: Mapping[str, ArmState], time_ns: int) -> Any:
    """Where the fingertips are, from each arm's base."""
    tools = [
        (f"{name}_base", f"{name}_tcp", forward_kinematics(state.joints_rad, cell.arms[name].firmware))
        for name, state in states.items()
        if name in cell.arms
    ]
    return frame_transforms(tools, time_ns)


def path_scene(plan: GraspPlan, phase: Phase, mount: ArmMount, time_ns: int) -> Any:
    """The line along which the fingertips go in one motion."""
    joints_rad = plan.motions[phase].positions_rad
    kept = np.unique(np.linspace(0, len(joints_rad) - 1, _PATH_POINTS).astype(int))
    T_world_tcp = mount.T_world_base @ forward_kinematics(joints_rad[kept], mount.firmware)
    drawn = line(T_world_tcp[:, :3, 3], PHASE_RGB[phase], _PATH_M)
    return scene([entity(f"path {phase}", WORLD, time_ns, lines=[drawn])], time_ns, is_new=True)
