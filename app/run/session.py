"""Trials in a world, one after the other."""

from dataclasses import dataclass

from app.run.live_trial import LiveTrial
from app.run.operator import Operator
from app.run.pipeline import Pipeline
from app.run.trial import Trial
from app.run.trial_files import TrialLog
from hardware.world import World
from trials.record import TrialRecord


@dataclass(frozen=True)
class Session:
    """A world, what plans in it, where its trials are logged, and the person beside it."""

    world: World
    pipeline: Pipeline
    log: TrialLog
    operator: Operator
    most_attempts: int = 1

    def run_trial(self, surface: str, seed: int, objects: int) -> Trial:
        """Lays a scene and carries one trial from capture to its logged row.

        Raises:
            VitroError: after the row is complete, when the cell needs a person before the next trial.
            KeyboardInterrupt: after the row is complete, when a person stopped the trial.
        """
        if self.world.is_real:
            self.operator.await_scene()
        with self.operator.console.stage("stage") as line:
            scene = self.world.stage(surface, seed, objects)
            line.detail = scene.summary
        entry = self.log.begin(
            TrialRecord(
                surface=surface,
                estimator=self.pipeline.estimator.name,
                detector=self.pipeline.detector_name,
                planner=self.pipeline.planner_name,
                cell=self.pipeline.cell.name,
                world=self.world.name,
                seed=seed,
                scene={"objects": scene.objects},
            )
        )
        live = LiveTrial(Trial(surface, seed), self.world, self.pipeline, entry, self.operator, self.most_attempts)
        try:
            fatal = live.run()
        except BaseException as error:
            live.crash(error)
            raise
        finally:
            live.finish()
        if fatal is not None:
            raise fatal
        return live.trial
