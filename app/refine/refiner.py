"""A larger model's depth beside logged trials, and where it disagrees with an earlier one.

Beside a trial's frames/ and estimate/ (app/run/trial_files.py):
refined/       the larger model's depth: depth_m.npy, its relative map, depth.png, summary.json
against/       the same of the model named with --against, where one was
disagreement/  disagreement_mm.npy, disagreement.png, summary.json
"""

import gc
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.clips.depth import identity_of
from app.clips.map_file import FILES
from app.refine.options import LOGGED, NOTHING, RefineOptions
from app.refine.table import short
from app.run.trial_files import FRAMES, StoredDepth, read_depth, read_frames, write_maps
from core.cell import load_cell
from core.errors import PerceptionError, TrialError
from core.files import writing
from core.image_file import write_image
from core.work import Work, digest_of
from perception.disagreement import compare_in_cell, disagreement_picture
from perception.estimators.estimator import Estimator
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import find_estimator, open_estimator
from perception.pictures import depth_picture
from perception.table.locate import locate_table
from perception.table.metric_factor import corrected
from perception.table.metric_scale import fit_metric
from trials.record import TrialRecord

#: The folders of what a command leaves, beside a trial or in --out.
REFINED, AGAINST, DISAGREEMENT = "refined", "against", "disagreement"
PICTURE, DELTA = "disagreement.png", "disagreement_mm.npy"
_COMMAND = "refine"
_DEPTH_PICTURE = "depth.png"


@dataclass(frozen=True)
class LoggedTrial:
    """A trial that kept its frames, its folder, and the file of the cell that it was made in."""

    record: TrialRecord
    folder: Path
    cell_path: Path

    @property
    def id(self) -> int:
        return self.record.id


class Refiner:
    """One model over many trials."""

    def __init__(self, estimator: str, settings: EstimatorOptions, into: str, fresh: bool) -> None:
        """into: the folder, in each trial's, that takes its answer."""
        self._specification = find_estimator(estimator)
        self.name = self._specification.name
        self._settings, self._into, self._fresh = settings, into, fresh
        self._estimator: Estimator | None = None

    def is_due(self, trial: LoggedTrial) -> bool:
        """Whether the trial lacks this model's depth, or it is to be made anew."""
        return self._fresh or self._work(trial).result() is None

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
        with work.hold(self._fresh):
            frames = read_frames(trial.folder)
            frame = frames[-1]
            view = locate_table(frame, load_cell(trial.cell_path))
            seen = corrected(frames, view)
            frame = seen[-1]
            relative = self.load().estimate(seen, view.plane)
            metric = fit_metric(relative, view, frame)
            with writing(work.folder):
                facts = write_maps(work.folder, relative, metric)
                titles = [f"{self.name}, metric", "the sensor's depth"]
                picture = depth_picture([metric.depth_m, frame.depth_m], titles)
                write_image(work.folder / _DEPTH_PICTURE, np.hstack([frame.color, picture]))
            files = {name: path for name in work.results if (path := work.folder / name).exists()}
            work.publish(files, facts | {"identity": dict(work.identity)})

    def stored(self, trial: LoggedTrial) -> StoredDepth:
        """The model's depth that lies beside a trial.

        Raises:
            TrialError: there is none, or it cannot be read.
        """
        stored = read_depth(trial.folder / self._into)
        if stored is None:
            raise TrialError(f"Trial {trial.id} has no depth by {self.name}.", "Run the same command again.")
        return stored

    def _work(self, trial: LoggedTrial) -> Work:
        identity = identity_of(trial.folder / FRAMES, self._specification.identity, self._settings)
        identity["cell"] = digest_of(trial.cell_path)
        return Work(trial.folder / self._into, _COMMAND, identity, (*FILES.values(), _DEPTH_PICTURE))


def compare_trial(trial: LoggedTrial, first: StoredDepth, refined: StoredDepth, fresh: bool) -> dict[str, Any]:
    """Where two depths of a trial disagree, as JSON; the picture and the map of it go beside the trial.

    Raises:
        StorageError: the disk takes no file.
    """
    work = comparison_work(trial.folder, first.version, refined.version, trial.cell_path)
    summary = work.result()
    if summary is not None and not fresh:
        return summary
    frame = read_frames(trial.folder)[-1]
    comparison = compare_in_cell(frame, load_cell(trial.cell_path), first.depth_m, refined.depth_m)
    names = (str(first.facts["estimator"]), str(refined.facts["estimator"]))
    with work.hold(fresh):
        with writing(work.folder):
            np.save(work.folder / DELTA, comparison.delta_mm)
            titles = (short(names[0]), short(names[1]))
            picture = disagreement_picture(frame.color, first.depth_m, refined.depth_m, comparison, titles)
            write_image(work.folder / PICTURE, picture)
        facts = {"first": names[0], "refined": names[1]} | comparison.facts()
        return work.publish({name: work.folder / name for name in (DELTA, PICTURE)}, facts)


def comparison_work(out: Path, first: str, refined: str, cell_path: Path) -> Work:
    """The comparison in a folder of two depths, by what tells each from any other."""
    identity = {"first": first, "refined": refined, "cell": digest_of(cell_path)}
    return Work(out / DISAGREEMENT, _COMMAND, identity, (DELTA, PICTURE))


def forget_comparison(folder: Path) -> None:
    """Removes a comparison of depths that are there no more, or with nothing.

    Raises:
        StorageError: the disk is read-only.
    """
    with writing(folder):
        if (folder / DISAGREEMENT).is_dir():
            shutil.rmtree(folder / DISAGREEMENT)


def demand_models(options: RefineOptions) -> None:
    """Finds now what would else be found after hours of the other model.

    Raises:
        ConfigurationError: a name that is no model for recordings.
        PerceptionError: no folder of weights.
    """
    chosen = {"--weights": (options.estimator, options.weights)}
    if options.against not in (LOGGED, NOTHING):
        chosen["--against-weights"] = (options.against, options.against_weights)
    for option, (name, weights) in chosen.items():
        specification = find_estimator(name)
        folder = weights or specification.weights_folder()
        if folder is not None and not folder.is_dir():
            otherwise = "" if name == options.estimator else " Or compare with something else: --against raw, or none."
            fetched = specification.weights.name if specification.weights else name
            raise PerceptionError(
                f"There are no weights of {name} in {folder}.",
                f"Run python main.py weights fetch {fetched}, or name their folder with {option}.{otherwise}",
            )
