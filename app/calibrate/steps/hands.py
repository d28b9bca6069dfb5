"""What follows once a cell is solved: the touch test, fingers and grippers of each arm, and both arms' agreement."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from app.calibrate.samples import Samples
from app.calibrate.sampling import Sampling
from app.calibrate.steps.fingers import touch_table
from app.calibrate.steps.gripper import check_gripper
from app.calibrate.touch import touch_points
from app.events import SessionProgress
from calibration.result import CellCalibration, FingerTouch, GripperCheck, LensFit
from calibration.sample_arrays import touch_arrays
from calibration.steps.agreement import agreement_findings, agreements
from calibration.steps.fingers import finger_findings, touch_findings
from calibration.steps.gripper import gripper_findings
from core.cell import Cell
from core.json_values import plain
from grasping.execution import is_holding

TOUCH, FINGERS, GRIPPER = "touch", "fingers", "gripper"
STEPS = TOUCH, GRIPPER, FINGERS
#: A hand opens by so much [m], so firmly [N], to let go.
_WIDER_M, _FORCE_N = 0.02, 5.0


def measure_hands(sampling: Sampling, cell: Cell, calibration: CellCalibration) -> CellCalibration:
    """The calibration with what the hands told; what was told before an interruption is not asked again, unless it was
    told of another solution.

    sampling.cell: as calibrated; cell: as its file has it.

    Raises:
        ArmError: an arm met something, or does not follow; it holds.
        KeyboardInterrupt: a person stops it; what was told so far is kept.
    """
    misses, fingers, gripper = dict[str, dict[int, float]](), dict[str, tuple[FingerTouch, ...]](), {}
    for arm in cell.arms:
        touch, gripper_, finger = (step_key(sampling.samples, arm, name, calibration.lens) for name in STEPS)
        misses[arm] = _step(sampling, touch, dict[int, float], lambda name: touch_points(sampling, name))
        gripper[arm] = _step(sampling, gripper_, GripperCheck, lambda name: check_gripper(sampling, name))
        fingers[arm] = _step(sampling, finger, tuple[FingerTouch, ...], lambda name: touch_table(sampling, name))
    agreement = tuple(agreements(cell, calibration.arms, fingers))
    found = (
        *touch_findings(misses),
        *finger_findings(fingers),
        *gripper_findings(gripper, cell.arms),
        *agreement_findings(agreement),
    )
    return replace(
        calibration,
        touch_mm=tuple(mm for of_arm in misses.values() for mm in of_arm.values()),
        samples={**calibration.samples, **touch_arrays(misses)},
        findings=(*calibration.findings, *found),
        fingers=fingers,
        gripper=gripper,
        agreement=agreement,
    )


def _empty_hands(sampling: Sampling) -> None:
    """A hand that still holds its board, as after a calibration that was cut off, would sweep it over the table."""
    for arm, driven in sampling.rig.world.arms.items():
        if is_holding(state := driven.state()):
            sampling.confirm(f"  Take hold of what the {arm} hand holds, if anything: the hand opens.")
            stroke_m = sampling.cell.arms[arm].gripper_stroke_m
            sampling.grip(arm, min(state.gripper_width_m + _WIDER_M, stroke_m), _FORCE_N)


def step_key(samples: Samples, arm: str, name: str, lens: LensFit | None) -> str:
    """Under which a step of an arm is kept: with the solution that it proves; a gripper's proves none."""
    return f"{arm} {name}" if name == GRIPPER else f"{arm} {name} {samples.views_digest(arm, lens)}"


def _step(sampling: Sampling, key: str, kind: Any, take: Callable[[str], Any]) -> Any:
    """What a step of an arm came to, now or before."""
    (arm, name), console, known = key.split()[:2], sampling.operator.console, TypeAdapter(kind)
    if key in sampling.samples.steps:
        console.say(f"  [green]✓[/] {arm} arm, {name}: done before")
        return known.validate_python(sampling.samples.steps[key])
    _empty_hands(sampling)
    console.say(f"  {name} of the {arm} arm")
    done, of = len(sampling.samples.steps), len(sampling.cell.arms) * len(STEPS)
    console.events.tell(SessionProgress(f"{name} of the {arm} arm", done, of))
    result = take(arm)
    for old in [old for old in sampling.samples.steps if old.split()[:2] == [arm, name]]:
        del sampling.samples.steps[old]
    sampling.samples.keep(key, plain(result))
    return result
