"""Logged trials looked at again by a larger model: refined depth beside each, and where it disagrees.

Beside a trial's frames/ and estimate/ (app/run/trial_files.py):
refined/       the larger model's depth: depth_m.npy, its relative map, depth.png, summary.json
against/       the same of the model named with --against, where one was
disagreement/  disagreement_mm.npy, disagreement.png, summary.json
"""

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.clips.clip_run import ClipRequest, identity_of
from app.clips.map_file import FILES
from app.paths import cell_file
from app.refine.disagreements import COMMAND, DELTA, DISAGREEMENT, PICTURE, compare_on, facts_of_comparison, short
from app.run.trial_files import ESTIMATE, FRAMES, StoredDepth, read_depth, read_frames, write_maps
from core.cell import Cell, load_cell
from core.errors import TrialError
from core.files import writing
from core.image_file import write_image
from core.work import Work, digest_of
from perception.disagreement_pictures import disagreement_picture
from perception.estimators.estimator import Estimator
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import find_estimator, open_estimator
from perception.pictures import depth_picture
from perception.table.locate import locate_table
from perception.table.metric_scale import fit_metric

REFINED, AGAINST = "refined", "against"
_DEPTH_PICTURE = "depth.png"


@dataclass(frozen=True)
class LoggedTrial:
    """A trial's folder and the cell that it was made in."""

    id: int
    folder: Path
    cell_name: str

    @property
    def has_frames(self) -> bool:
        return (self.folder / FRAMES).is_dir()

    @property
    def cell(self) -> Cell:
        return load_cell(cell_file(self.cell_name))

    @property
    def cell_digest(self) -> str:
        return digest_of(cell_file(self.cell_name))


class Refiner:
    """One model over many trials."""

    def __init__(self, estimator: str, settings: EstimatorOptions, into: str, fresh: bool) -> None:
        """into: the folder, in each trial's, that takes its answer."""
        self._specification = find_estimator(estimator)
        self._settings, self._into, self._fresh = settings, into, fresh
        self._estimator: Estimator | None = None

    def is_due(self, trial: LoggedTrial) -> bool:
        """Whether the trial lacks this model's depth, or it is to be made anew."""
        return self._fresh or self._work(trial).finished() is None

    def load(self) -> Estimator:
        """Loads the model, which no trial need wait for, unless it is loaded.

        Raises:
            ConfigurationError: no such model, or options that it does not know.
            PerceptionError: weights that are missing, damaged or of another model.
        """
        self._estimator = self._estimator or open_estimator(self._specification, self._settings)
        return self._estimator

    def unload(self) -> None:
        """Lets go of the model, so that the next one has the device for itself."""
        self._estimator = None
        gc.collect()

    def refine(self, trial: LoggedTrial) -> None:
        """Puts the model's metric depth beside a trial that lacks it, whole or not at all.

        Raises:
            CameraError: the trial's frames are damaged.
            PerceptionError, CalibrationError: the model, or the scale, fails on them.
            ConfigurationError: another process refines the trial.
            StorageError: the disk takes no file.
        """
        work = self._work(trial)
        with work.opened(self._fresh):
            self._answer(trial, work)

    def stored(self, trial: LoggedTrial) -> StoredDepth:
        """The model's depth that lies beside a trial.

        Raises:
            TrialError: there is none, or it cannot be read.
        """
        stored = read_depth(trial.folder / self._into)
        if stored is None:
            by = self._specification.name
            raise TrialError(f"Trial {trial.id} has no depth by {by}.", "Run the same command again.")
        return stored

    def _work(self, trial: LoggedTrial) -> Work:
        out = trial.folder / self._into
        request = ClipRequest(trial.folder / FRAMES, out, self._specification.name, self._settings, self._fresh)
        identity = identity_of(request, self._specification.identity, cell=trial.cell_digest)
        return Work(out, COMMAND, identity, (*FILES.values(), _DEPTH_PICTURE))

    def _answer(self, trial: LoggedTrial, work: Work) -> None:
        estimator = self.load()
        frames = read_frames(trial.folder)
        frame = frames[-1]
        view = locate_table(frame, trial.cell)
        relative = estimator.estimate(frames, view.plane)
        metric = fit_metric(relative, view, frame)
        with writing(work.folder):
            facts = write_maps(work.folder, relative, metric)
            titles = [f"{self._specification.name}, metric", "the sensor's depth"]
            picture = depth_picture([metric.depth_m, frame.depth_m], titles)
            write_image(work.folder / _DEPTH_PICTURE, np.hstack([frame.color, picture]))
        names = [name for name in work.results if (work.folder / name).exists()]
        work.publish({name: work.folder / name for name in names}, facts | {"identity": dict(work.identity)})


def logged_depth(trial: LoggedTrial) -> StoredDepth | None:
    """What the trial's own estimator said when it ran, None where the trial ended before.

    Raises:
        TrialError: it is there and cannot be read.
    """
    return read_depth(trial.folder / ESTIMATE)


def compare_trial(trial: LoggedTrial, first: StoredDepth, refined: StoredDepth, fresh: bool) -> dict[str, Any]:
    """Where two depths of a trial disagree, as JSON; the picture and the map of it go beside the trial.

    Raises:
        StorageError: the disk takes no file.
    """
    made_from = {"first": first.version, "refined": refined.version, "cell": trial.cell_digest}
    work = Work(trial.folder / DISAGREEMENT, COMMAND, made_from, (DELTA, PICTURE))
    done = work.finished()
    if done is not None and not fresh:
        return done
    frame = read_frames(trial.folder)[-1]
    comparison = compare_on(frame, trial.cell, first.depth_m, refined.depth_m)
    names = (str(first.facts["estimator"]), str(refined.facts["estimator"]))
    with work.opened(fresh):
        with writing(work.folder):
            np.save(work.folder / DELTA, comparison.delta_mm)
            titles = (short(names[0]), short(names[1]))
            picture = disagreement_picture(frame.color, first.depth_m, refined.depth_m, comparison, titles)
            write_image(work.folder / PICTURE, picture)
        facts = {"first": names[0], "refined": names[1]} | facts_of_comparison(comparison)
        return work.publish({name: work.folder / name for name in (DELTA, PICTURE)}, facts)
