"""The bench of grasps: what it survives, and that it ends."""

from pathlib import Path

import pytest

from app.bench import grasp
from app.bench.options import BenchGraspOptions
from core.errors import ArmError
from tests.support.quick_cell import QuickCell
from trials.record import Outcome, Reason, TrialRecord
from trials.store import TrialStore

SCENE = 8  # a tinted glass bottle within both arms' reach


def run(log: Path, **asked: object) -> tuple[TrialRecord, ...]:
    given = {"surfaces": "diffuse", "estimators": "oracle", "trials": 1, "seed": SCENE, "as_json": True}
    assert grasp.bench_grasps(BenchGraspOptions(log=log, **(given | asked))) == 0
    with TrialStore(log) as store:
        return store.list()


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[QuickCell]:
    """The cells that were opened, in which every gripper of the first one jams."""
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    cells: list[QuickCell] = []

    def jam(width_m: float, force_n: float) -> None:
        raise ArmError("The gripper does not come to rest.", "Look at it.")

    def open_world(cell, camera, seed):
        cells.append(QuickCell(cell, seed))
        if len(cells) == 1:
            for arm in cells[0].arms.values():
                arm.grip = jam
        return cells[-1]

    monkeypatch.setattr(grasp, "open_world", open_world)
    return cells


@pytest.mark.slow
def test_an_arm_that_fails_ends_its_trial_and_not_the_bench(tmp_path: Path, opened: list[QuickCell]) -> None:
    first, second = run(tmp_path / "bench.db", trials=2)
    assert len(opened) == 2
    assert (first.outcome, first.reason) == (Outcome.INTERRUPTED, Reason.ARM)
    assert second.outcome is not None and second.reason is not Reason.ARM


def test_a_cell_that_fails_before_its_row_is_not_opened_for_ever(
    tmp_path: Path, opened: list[QuickCell], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stage(*args: object) -> None:
        raise ArmError("The arm is silent.", "Look at its bus.")

    monkeypatch.setattr(QuickCell, "stage", stage)
    with pytest.raises(ArmError, match="silent"):
        run(tmp_path / "bench.db")
    assert len(opened) == 1
