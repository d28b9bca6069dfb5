"""A cell's calibration out of the views of both arms: solved with the camera's lens as it states it, then as it is."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from app.calibrate.rig import Rig
from app.calibrate.samples import Samples
from app.console import Console
from calibration.board_view import mean_tags
from calibration.hand_eye import NUMBERS, HandEye
from calibration.result import ArmCalibration, CellCalibration, LensFit
from calibration.sample_arrays import cell_arrays
from calibration.solve import solve_arm
from calibration.steps.lens import ArmViews, fit_lens, lens_findings, with_lens_doubt
from core.cell import Cell
from core.cell_parts import ArmMount
from core.image import Intrinsics
from core.transforms import Matrix, invert
from perception.depth_types import SeenTag
from perception.table.locate import solve_table


def solve_cell(
    cell: Cell, rig: Rig, samples: Samples, pictures: Sequence[tuple[SeenTag, ...]], console: Console
) -> CellCalibration:
    """pictures: the table's tags in those of the empty table.

    Raises:
        CalibrationError: too few views, views that contradict each other, or tags that contradict the cell.
    """
    tags, k = mean_tags([*pictures, *samples.tags]), rig.world.camera.intrinsics
    with console.stage("solve"):
        T_world_camera, arms = _solve_arms(cell, rig, samples, tags, k)
    lens = None
    if not any(finding.fatal for arm in arms.values() for finding in arm.findings):
        with console.stage("lens"):
            lens = fit_lens([_views(samples, name, arm, cell.arms[name]) for name, arm in arms.items()], k)
            if lens.kind != "factory":
                T_world_camera, arms = _solve_arms(cell, rig, samples, tags, lens.intrinsics)
                arms = {
                    name: with_lens_doubt(arm, _views(samples, name, arm, cell.arms[name]), lens)
                    for name, arm in arms.items()
                }
        console.say(_line(lens, k))
    return CellCalibration(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        cell=cell.name,
        camera_serial=cell.camera.serial,
        intrinsics=lens.intrinsics if lens else k,
        T_world_camera=T_world_camera,
        arms={name: _from_the_report(cell.arms[name], arm) for name, arm in arms.items()},
        firmware={name: mount.firmware for name, mount in cell.arms.items()},
        stroke_m={name: mount.gripper_stroke_m for name, mount in cell.arms.items()},
        board={"tag_m": rig.board.tag_m, "printed_m": rig.board.printed_m},
        software={"python": platform.python_version(), "numpy": np.__version__},
        findings=tuple(lens_findings(lens, k)) if lens else (),
        samples={**samples.arrays(), **cell_arrays(cell, tags)},
        lens=lens,
    )


def _solve_arms(
    cell: Cell, rig: Rig, samples: Samples, tags: tuple[SeenTag, ...], k: Intrinsics
) -> tuple[Matrix, Mapping[str, ArmCalibration]]:
    """T_world_camera, and each arm."""
    T_world_camera = invert(solve_table(tags, k, cell).T_camera_world)
    return T_world_camera, {
        name: solve_arm(samples.views[name], k, mount.firmware, rig.board, T_world_camera)
        for name, mount in cell.arms.items()
    }


def _views(samples: Samples, name: str, arm: ArmCalibration, mount: ArmMount) -> ArmViews:
    """An arm's views that belong, with its solution."""
    views = [view for number, view in enumerate(samples.views[name]) if number not in arm.dropped]
    nothing = np.zeros((NUMBERS, NUMBERS))
    fit = HandEye(arm.T_camera_base, arm.T_tcp_board, arm.offsets_rad, arm.board_scale, nothing, arm.inset_px)
    return ArmViews(views, fit, mount.firmware)


def _from_the_report(mount: ArmMount, arm: ArmCalibration) -> ArmCalibration:
    """Its zeros counted from what the arm reports: its joints were read with the offsets that the cell's file has."""
    return replace(arm, offsets_rad=arm.offsets_rad + mount.zero_offset_rad)


def _line(lens: LensFit, factory: Intrinsics) -> str:
    if lens.kind == "factory":
        return f"  [green]✓[/] the lens is as the camera states it: views left out {lens.holdout_px:.2f} px"
    share = lens.intrinsics.fx / factory.fx
    return (
        f"  [yellow]![/] the lens refined ({lens.kind}): focal length times {share:.4f} ± {1.96 * lens.sigma[0]:.4f}; "
        f"views left out {lens.factory_px:.2f} → {lens.holdout_px:.2f} px"
    )
