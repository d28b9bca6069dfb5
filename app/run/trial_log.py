"""The row, the notes, the pictures and the frames of each trial, kept true whatever happens to it."""

from pathlib import Path

from app.console import Console
from app.paths import trial_folder
from app.run.pictures import save_pictures
from app.run.pipeline import Pipeline
from app.run.trial import Trial
from app.run.trial_files import save_trial_files
from core.errors import VitroError
from core.files import free_folder, writing
from hardware.world import SceneNote, World
from trials.store import TrialStore


class TrialLog:
    """Writes the trials of one world and pipeline to a store."""

    def __init__(
        self, store: TrialStore, world: World, pipeline: Pipeline, console: Console, begun: list[int] | None = None
    ) -> None:
        """`begun` collects the ids of the trials, so that a caller can report them even after a crash."""
        self._store = store
        self._world = world
        self._pipeline = pipeline
        self._console = console
        self._begun = [] if begun is None else begun
        self._claimed: set[int] = set()

    def begin(self, trial: Trial, scene: SceneNote) -> int:
        """Commits the row before anything can move; a crash from here on leaves it `interrupted`."""
        choices = self._pipeline.choices
        id = self._store.begin(
            trial.surface,
            self._pipeline.estimator.name,
            choices.detector,
            choices.planner,
            cell=self._pipeline.cell.name,
            world=self._world.name,
            seed=trial.seed,
            scene={"objects": list(scene.objects)},
        )
        self._begun.append(id)
        return id

    def note(self, trial: Trial) -> Path:
        """Puts what is known on disk, frames and pictures too, before it moves anything; their folder.

        Raises:
            VitroError: the disk takes no more: then nothing should move either.
        """
        assert trial.id is not None
        folder = self._save_files(trial, trial.id)
        self._store.note(trial.id, **trial.notes())
        return folder

    def finish(self, trial: Trial) -> None:
        """Completes the row, then frames and pictures: their failure is said, and changes no row."""
        assert trial.id is not None and trial.outcome is not None
        trial.verdict = self._world.verdict()
        self._store.note(trial.id, **trial.notes())
        self._store.finish(
            trial.id,
            trial.outcome,
            trial.reason,
            detail=trial.message,
            verified=trial.verification.held if trial.verification else None,
            simulator_verdict=trial.verdict.success if trial.verdict else None,
            stages_s=trial.stages_s,
            metric=trial.metric_summary(),
        )
        try:
            self._save_files(trial, trial.id)
        except VitroError as error:
            self._console.error(error)

    def _save_files(self, trial: Trial, id: int) -> Path:
        folder = self._folder(id)
        save_trial_files(trial, folder)
        return save_pictures(trial, folder)

    def _folder(self, id: int) -> Path:
        """The trial's own folder: what an earlier log left under its number is moved aside, not mixed in."""
        folder = trial_folder(self._store.where, id)
        if id not in self._claimed:
            with writing(folder):
                if folder.exists():
                    folder.rename(free_folder(folder.with_name(f"{folder.name}-earlier")))
            self._claimed.add(id)
        return folder
