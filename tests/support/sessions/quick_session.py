"""Sessions in a quick cell, each with its log."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.console import Console
from app.interrupts import Interrupts
from app.run.live_trial import LiveTrial
from app.run.operator import Operator
from app.run.options import PipelineOptions
from app.run.pipeline import Pipeline
from app.run.session import Session
from app.run.trial import Trial
from app.run.trial_log import TrialLog
from hardware.arms.arm import measured_joints
from tests.support.quick_cell import QuickCell
from trials.record import TrialRecord
from trials.store import TrialStore

SCENE = 8  # a tinted glass bottle within both arms' reach


class QuickSession:
    """A quick cell with everything a session needs, and its log."""

    def __init__(
        self,
        folder: Path,
        console: Console | None = None,
        world: QuickCell | None = None,
        estimator: str = "oracle",
        assume_yes: bool = True,
        **session: Any,
    ) -> None:
        self.world, self.store, self.interrupts = world or QuickCell(), TrialStore(folder / "trials.db"), Interrupts()
        self.log = TrialLog(self.store)
        self.operator = Operator(console or Console(as_json=True), self.interrupts, assume_yes)
        self.operator.skips_arm_check = True  # of arms that are not drawn a picture says nothing, half a second long
        self.pipeline = Pipeline(self.world._cell, PipelineOptions(estimator=estimator), self.world.truth)
        self.session = Session(self.world, self.pipeline, self.log, self.operator, **session)

    def draw_arms(self) -> None:
        """Has pictures show the arms, and every arm compared with them."""
        self.world.drawn.draws_arms, self.operator.skips_arm_check = True, False

    @property
    def rows(self) -> list[TrialRecord]:
        return [self.store.get(number) for number in self.log.ids]

    def close(self) -> None:
        self.store.close()
        self.pipeline.close()
        self.world.close()


class Bench(QuickSession):
    """One whose trials meet something as they enter a stage. actions: by stage, before its work."""

    def __init__(self, folder: Path, **given: Any) -> None:
        super().__init__(folder, **given)
        self.ids = self.log.ids
        self.actions: dict[str, Callable[[Trial], object]] = {}

    def run(self, seed: int = SCENE, attempts: int = 1, objects: int = 1) -> Trial:
        run_stage, actions = LiveTrial.stage, self.actions

        def stage(live: LiveTrial, name: str, work, *rest, **options):
            def act_and_work():
                actions.get(name, lambda _: None)(live.trial)
                return work()

            return run_stage(live, name, act_and_work, *rest, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(LiveTrial, "stage", stage)
            object.__setattr__(self.session, "most_attempts", attempts)
            return self.session.run_scene("diffuse", seed, objects)[-1]

    def row(self) -> TrialRecord:
        return self.store.get(self.ids[-1])

    def joints(self) -> dict[str, np.ndarray]:
        self.world.clock.sleep(0.05)
        return measured_joints(self.world.arms)


def at_stage(bench: Bench, stage: str, action: Callable[[Trial], object]) -> None:
    """Runs `action` when a trial enters `stage`, before the stage itself."""
    bench.actions[stage] = action
