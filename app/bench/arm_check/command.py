"""`python main.py bench arm-check`: whether a picture tells that a joint was forced, and cries wolf at none."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.bench.arm_check.cell import PosedCell
from app.bench.options import BenchArmCheckOptions
from app.calibrate.cell import load_calibrated
from app.console import Console
from calibration.looks.shown_pose import shown_poses
from core.cell import Cell
from core.image import Intrinsics
from core.image_file import png_bytes
from core.surfaces import SURFACES
from core.transforms import invert
from core.work import write_whole
from hardware.robot.description import JOINT_LOWER_RAD, JOINT_UPPER_RAD, PARK_JOINTS
from perception.arms.check import ArmCheck, check_arms
from perception.arms.picture import draw_arms
from perception.table.locate import locate_table

#: Arms stand so far from the pose at most [rad]; encoders' noise, one standard deviation [rad].
_ABOUT_RAD, _NOISE_RAD = np.deg2rad(1.5), np.deg2rad(0.05)
_JOINTS = 6
#: Forced in one picture by arm; None: none.
Forced = Mapping[str, tuple[int, float] | None]
#: (6,) [rad] by arm.
Joints = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class ForcedCase:
    """One arm in one picture. joint: from 0, None where none is forced; turn_rad: by how much, as planted."""

    scene: int
    surface: str
    joint: int | None
    turn_rad: float
    check: ArmCheck

    @property
    def is_right(self) -> bool:
        return self.check.is_off == (self.joint is not None)

    def __str__(self) -> str:
        planted = "none" if self.joint is None else f"joint {self.joint + 1} {np.rad2deg(self.turn_rad):+.0f}°"
        return f"scene {self.scene}, {self.surface}, forced: {planted}: {self.check}"


def bench_arm_check(options: BenchArmCheckOptions) -> int:
    """Pictures of a scene in which each joint of some arm is forced, and one in which none is; 0 whatever is found."""
    console, cell = Console(options.as_json), load_calibrated(options.cell)
    cases: list[ForcedCase] = []
    spent_s: list[float] = []
    with closing(PosedCell(cell, options.seed)) as world:
        stands_rad = _poses(cell, options.pose, world.camera.intrinsics)
        for scene in range(options.seed, options.seed + options.scenes):
            begun = len(cases)
            for found, seconds in _scene_cases(world, cell, stands_rad, options, scene):
                cases += found
                spent_s.append(seconds)
            wrong = [str(case) for case in cases[begun:] if not case.is_right]
            console.say(f"  scene {scene}: {len(wrong)} of {len(cases) - begun} wrong")
            for line in wrong:
                console.say(f"    [yellow]![/] {line}")
    facts = _count_by_joint(cases)
    rows = [(name, *map(str, count.values())) for name, count in facts.items()]
    title = f"{options.degrees:g}° forced, {options.pose}; {np.median(spent_s):.2f} s of computing a picture"
    console.table(title, ("", "found", "named first", "named", "seen", "of"), rows)
    console.result(
        {"scenes": options.scenes, "pose": options.pose, "degrees": options.degrees, "found": facts}
        | {"median_s": round(float(np.median(spent_s)), 3), "wrong": [str(case) for case in cases if not case.is_right]}
    )
    return 0


def _poses(cell: Cell, pose: str, intrinsics: Intrinsics) -> Joints:
    """Where the arms are looked at."""
    if pose == "parked":
        return dict.fromkeys(cell.arms, PARK_JOINTS)
    T_camera_world = invert(cell.camera.T_world_camera)
    return {name: shown_poses(cell, name, intrinsics, T_camera_world)[0] for name in cell.arms}


def _count_by_joint(cases: list[ForcedCase]) -> dict[str, dict[str, int]]:
    """By joint, and of arms of which none is forced."""
    return {
        "none" if joint is None else f"joint {joint + 1}": {
            "found": sum(case.check.is_off for case in of),
            "named_first": sum(case.check.turned[:1] == (joint,) for case in of),
            "named": sum(joint in case.check.turned for case in of),
            "seen": sum(joint in case.check.seen if joint is not None else bool(case.check.seen) for case in of),
            "of": len(of),
        }
        for joint in (*range(_JOINTS), None)
        if (of := [case for case in cases if case.joint == joint])
    }


def _scene_cases(
    world: PosedCell, cell: Cell, stands_rad: Joints, options: BenchArmCheckOptions, scene: int
) -> Iterator[tuple[list[ForcedCase], float]]:
    """What was found in each of a scene's pictures, and how long that took [s of the processors]."""
    rng, surface = np.random.default_rng([scene, 31]), SURFACES[scene % len(SURFACES)]
    world.stage(surface, scene, 1 + scene % 4)
    arms = rng.permutation(list(cell.arms)).tolist()
    joints = np.arange(_JOINTS).reshape(len(arms), -1).T  # a row a picture: one joint of each arm
    turns_rad = np.deg2rad(options.degrees) * rng.choice((-1.0, 1.0), joints.shape)
    plants: list[Forced] = [
        dict(zip(arms, zip(row.tolist(), turns.tolist(), strict=True), strict=True))
        for row, turns in zip(joints, turns_rad, strict=True)
    ]
    for number, forced in enumerate([*plants, dict.fromkeys(cell.arms)]):
        told_rad, planted = _stand(world, cell, stands_rad, forced, rng)
        frame = world.camera.read()
        view = locate_table(frame, cell)
        begun_s = time.process_time()
        widths = dict.fromkeys(cell.arms, 0.0)
        checks = check_arms(frame.color, frame.intrinsics, view.T_camera_world, cell, told_rad, widths)
        spent_s = time.process_time() - begun_s
        if options.out is not None:
            picture = draw_arms(frame.color, frame.intrinsics, view.T_camera_world, cell, told_rad, widths)
            write_whole(options.out / f"{scene}-{number}.png", png_bytes(picture))
        yield [ForcedCase(scene, surface, *planted[check.arm], check) for check in checks], spent_s


def _stand(
    world: PosedCell, cell: Cell, stands_rad: Joints, forced: Forced, rng: np.random.Generator
) -> tuple[dict[str, NDArray[np.float64]], dict[str, tuple[int | None, float]]]:
    """Puts the arms where they stand; what they say of their joints, and what was planted: a joint at its stop is
    forced the other way."""
    told_rad, true_rad, planted = {}, {}, dict[str, tuple[int | None, float]]()
    for name in cell.arms:
        says_rad = stands_rad[name] + rng.uniform(-_ABOUT_RAD, _ABOUT_RAD, _JOINTS)
        says_rad = np.clip(says_rad, JOINT_LOWER_RAD, JOINT_UPPER_RAD)
        joint, turn_rad = forced[name] or (None, 0.0)
        if joint is not None and not JOINT_LOWER_RAD[joint] <= says_rad[joint] + turn_rad <= JOINT_UPPER_RAD[joint]:
            turn_rad = -turn_rad
        planted[name] = joint, turn_rad
        true_rad[name] = says_rad + (0.0 if joint is None else turn_rad * np.eye(_JOINTS)[joint])
        told_rad[name] = says_rad + rng.normal(0.0, _NOISE_RAD, _JOINTS)
    world.pose(true_rad)
    return told_rad, planted
