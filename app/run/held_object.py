"""What a hand still holds when a trial begins, as after Ctrl-C on the way to the bin: it must not open in the air."""

from collections.abc import Sequence

from app.run.operator import Operator
from core.errors import ArmError
from grasping.execution import EMPTY_WIDTH_M, GRIP_FORCE_N, is_holding
from hardware.arms.arm import Arm
from hardware.world import World
from trials.record import Outcome, TrialRecord

#: How much wider [m] than what it holds a hand opens to let go.
LET_GO_M = 0.02


def empty_hands(world: World, operator: Operator, strokes_m: dict[str, float], last: Sequence[TrialRecord]) -> None:
    """Has a person take what a hand holds, before anything of a trial begins.

    Args:
        strokes_m: the grippers' widest openings, by arm.
        last: the trial before, whose end may tell more than a gripper does, and one that was under way beside it.

    Raises:
        ArmError: something is held, and nobody is asked (`--yes`).
        KeyboardInterrupt: the person quits; the hand stays closed.
    """
    for name, arm in world.arms.items():
        state = arm.state()
        broke_off = world.is_real and any(_broke_off(trial, name) for trial in last)
        if is_holding(state) or (broke_off and state.gripper_width_m >= EMPTY_WIDTH_M):
            _release(arm, operator, min(state.gripper_width_m + LET_GO_M, strokes_m[name]))


def _broke_off(trial: TrialRecord, arm: str) -> bool:
    """Whether a trial ended while this arm may have been carrying something. A digital cell forgets it."""
    was_clearing = trial.outcome is Outcome.SUCCESS and "clear" not in trial.stages_s
    ended_early = trial.outcome is Outcome.INTERRUPTED or was_clearing or bool(trial.notes.get("faults"))
    return ended_early and trial.notes.get("plan", {}).get("arm") == arm


def _release(arm: Arm, operator: Operator, width_m: float) -> None:
    state = arm.state()
    what = f"The {arm.name} gripper may hold something ({state.gripper_width_m * 1000:.0f} mm wide)"
    if operator.assume_yes:
        raise ArmError(
            f"{what}: opening it would drop that, and --yes leaves nobody to catch it.",
            "Start again without --yes: you are asked to support it before the gripper opens.",
        )
    operator.ask(f"{what}. Support it with your hand, then let it open.", {"o": "open", "q": "quit, keep holding"})
    with operator.motion(arm):
        state = arm.grip(width_m, GRIP_FORCE_N)
    if is_holding(state):
        raise ArmError(f"The {arm.name} gripper did not let go.", "See what is stuck between its fingers.")
