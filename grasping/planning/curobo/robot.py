"""One PiPER as cuRobo's robot configuration, from the same file, spheres, allowed pairs and limits as all else here."""

from pathlib import Path
from typing import Any

from core.cell_parts import ArmMount
from grasping.planning.arm_model import COVER, may_touch
from grasping.planning.paths import ACCELERATION_SHARE, RAMP_S, SPEED_SHARE
from hardware.robot.description import ARM_JOINTS, MAX_ACCELERATION_RAD_S2, PARK_JOINTS, TCP_OFFSET_M, urdf

TOOL, HELD = "tcp", "held"
#: Spheres that what is held may be made of.
MOST_HELD = 48
#: By the number that `COVER` gives a frame; what rides on link 6 is of it.
LINKS = ("base_link", "link1", "link2", "link3", "link4", "link5", "link6")
#: Frames whose parts never meet, while the spheres that stand out of them always do.
_SWOLLEN = {(0, 2), (3, 5)}


def robot_configuration(mount: ArmMount, folder: Path) -> dict[str, Any]:
    """What `MotionPlannerCfg.create` takes as its robot: one arm alone, in the frame of its own base.

    folder: where its URDF is written. Fingers do not move: their spheres, on link 6, fill all openings up to the
    stroke, so that one planner serves every grasp.
    """
    file = folder / "piper.urdf"
    file.write_text(urdf(mount.firmware, mount.gripper_stroke_m))
    links = [*LINKS, HELD]
    kinematics = {
        "format_version": 2.0,
        "urdf_path": str(file),
        "asset_root_path": str(folder),
        "base_link": LINKS[0],
        "tool_frames": [TOOL],
        "extra_links": {name: _at_tip(name) for name in (TOOL, HELD)},
        "extra_collision_spheres": {HELD: MOST_HELD},
        "collision_link_names": links,
        "collision_spheres": link_spheres(mount.gripper_stroke_m),
        "collision_sphere_buffer": 0.0,
        "self_collision_buffer": dict.fromkeys(links, 0.0),
        "self_collision_ignore": allowed_pairs(),
        "cspace": _joint_space(),
    }
    return {"robot_cfg": {"kinematics": kinematics, "load_dynamics": False}}


def link_spheres(gripper_stroke_m: float) -> dict[str, list[dict[str, Any]]]:
    """Spheres by link: centres in its frame and radii [m]."""
    spheres: dict[str, list[dict[str, Any]]] = {link: [] for link in LINKS}
    for frame, center, slide, radius in zip(COVER.frame, COVER.center_m, COVER.slide, COVER.radius_m, strict=True):
        shares = (0.0, 0.5, 1.0) if slide.any() else (0.0,)
        spheres[LINKS[frame]] += [
            {"center": (center + share * gripper_stroke_m * slide).tolist(), "radius": float(radius)}
            for share in shares
        ]
    return spheres


def allowed_pairs() -> dict[str, list[str]]:
    """By link those that come after it and may touch it; the hand's own may, and what is held meets the hand."""
    pairs = {
        link: [other for b, other in enumerate(LINKS) if b > a and (may_touch(a, b) or (a, b) in _SWOLLEN)]
        for a, link in enumerate(LINKS)
    }
    pairs[LINKS[-1]] = [HELD]
    return {link: others for link, others in pairs.items() if others}


def _at_tip(name: str) -> dict[str, Any]:
    """A frame that is fixed between the fingertips: position and quaternion wxyz in link 6."""
    return {
        "link_name": name,
        "joint_name": f"{name}_joint",
        "joint_type": "FIXED",
        "parent_link_name": LINKS[-1],
        "fixed_transform": [0.0, 0.0, TCP_OFFSET_M, 1.0, 0.0, 0.0, 0.0],
    }


def _joint_space() -> dict[str, Any]:
    ones = [1.0] * len(ARM_JOINTS)
    return {
        "joint_names": list(ARM_JOINTS),
        "default_joint_position": PARK_JOINTS.tolist(),
        "cspace_distance_weight": ones,
        "null_space_weight": ones,
        "max_acceleration": [MAX_ACCELERATION_RAD_S2] * len(ARM_JOINTS),
        "max_jerk": [MAX_ACCELERATION_RAD_S2 / RAMP_S] * len(ARM_JOINTS),
        "velocity_scale": [max(SPEED_SHARE.values())] * len(ARM_JOINTS),
        "acceleration_scale": [max(ACCELERATION_SHARE.values())] * len(ARM_JOINTS),
    }
