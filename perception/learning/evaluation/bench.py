"""Estimators on clips of a data set: each pair is evaluated once and kept, and all are compared on the same clips."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from core.cell import load_cell
from core.errors import DatasetError, VitroError
from core.files import writing
from core.image_file import png_bytes
from core.work import digest_of, write_whole
from perception.estimators.estimator import Estimator
from perception.estimators.specification import EstimatorSpecification
from perception.learning.datasets.base import Dataset
from perception.learning.evaluation.evaluate import ClipResult, Progress, evaluate
from perception.learning.evaluation.figures import frame_picture, profile_picture
from perception.learning.evaluation.report import Results
from perception.learning.evaluation.samples import ClipSamples
from perception.learning.evaluation.store import PairStore, key_of, slug
from perception.learning.evaluation.tables import ResultTable, as_csv, latex, markdown

#: Of so many clips there are pictures.
_PICTURED = 4


class DepthBench:
    """A bench's clips, and its results so far. not_loaded, not_read: why an estimator or a clip is left out."""

    def __init__(
        self, dataset: Dataset, kind: str, cell: Path, store: PairStore, report: Callable[[VitroError], None]
    ) -> None:
        """report: is given what goes wrong with one estimator or clip alone."""
        self._dataset, self._kind, self._cell, self._store, self._report = dataset, kind, cell, store, report
        self.samples: dict[str, ClipSamples] = {}
        self.not_loaded: dict[str, str] = {}
        self.not_read: dict[str, str] = {}
        self._results: dict[str, dict[str, ClipResult]] = {}
        self._pictured: Sequence[str] = ()

    def choose(self, clips: int | None, frames: int | None, seed: int) -> None:
        """Draws clips and takes the first frames of each, None: all; one that does not say its length is left out."""
        cell, every = load_cell(self._cell), self._dataset.clips
        drawn = np.random.default_rng(seed).permutation(len(every))[:clips]
        for clip in (every[i] for i in sorted(drawn)):
            try:
                self.samples[clip.name] = ClipSamples(clip, range(len(clip))[:frames], self._kind, cell)
            except DatasetError as error:
                self._leave_out(clip.name, error)
        # Evenly spread over all.
        names = list(self.samples)
        places = np.linspace(0, len(names) - 1, min(_PICTURED, len(names))).round().astype(int)
        self._pictured = [names[i] for i in places]

    def leave_out_estimator(self, name: str, error: VitroError) -> None:
        self.not_loaded[name] = f"{name}: {error.cause}"
        self._report(error)

    def pending(self, estimator: EstimatorSpecification, weights: Path | None) -> dict[str, str]:
        """The clips of which it has no result yet, and the key under which that will be kept."""
        digest, kept = digest_of(self._cell), self._results.setdefault(estimator.name, {})
        keys = {clip: key_of(samples, estimator, weights, digest) for clip, samples in self.samples.items()}
        for clip, key in keys.items():
            result = self._store.load(clip, estimator.name, key, clip in self._pictured)
            if result is not None:
                kept[clip] = result
        return {clip: key for clip, key in keys.items() if clip not in kept and clip not in self.not_read}

    def kept(self, estimator: str) -> int:
        return len(self._results[estimator])

    def evaluate(self, clip: str, key: str, estimator: Estimator, progress: Progress) -> ClipResult | None:
        """Evaluates a pair and keeps its result; None where the clip cannot be read.

        Raises:
            StorageError: the disk takes no more.
        """
        samples = self.samples[clip]
        try:
            with writing(self._store.out):
                result, figure = evaluate(samples, estimator, self._store.scratch, clip in self._pictured, progress)
        except DatasetError as error:
            self._leave_out(clip, error)
            return None
        finally:
            samples.release()
        self._store.save(result, figure, key)
        self._results[result.estimator][clip] = result
        return result

    def results(self) -> Results:
        """By estimator, of the clips that every one was evaluated on, as only those can be compared.

        Raises:
            DatasetError: there are none.
        """
        loaded = {name: own for name, own in self._results.items() if name not in self.not_loaded}
        common = [clip for clip in self.clips if all(clip in own for own in loaded.values())]
        if not (common and loaded):
            raise DatasetError(
                "Nothing could be measured: " + "; ".join({**self.not_loaded, **self.not_read}.values()),
                "Mend what is named, or choose other estimators or clips.",
            )
        return {name: [own[clip] for clip in common] for name, own in loaded.items()}

    @property
    def clips(self) -> list[str]:
        return [clip for clip in self.samples if clip not in self.not_read]

    def write(self, tables: Sequence[ResultTable], results: Results, seed: int) -> list[Path]:
        """Tables as Markdown, CSV and LaTeX; and pictures of some clips, for films one of a column over time too.

        Raises:
            StorageError: the disk takes no more.
        """
        frames = sum(len(self.samples[clip]) for clip in self.clips)
        head = (
            f"# {self._dataset.name}: {len(self.clips)} clips, {frames} frames, seed {seed}\n\n"
            "Intervals: 95 %, bootstrap over clips. REL, RMSE and median over pixels with an answer (coverage); a hole "
            "is a miss for δ.\n\n"
        )
        texts = {"table.md": head + markdown(tables), "table.csv": as_csv(tables), "table.tex": latex(tables)}
        files = {self._store.out / name: text for name, text in texts.items()}
        for path, text in files.items():
            write_whole(path, text.encode())
        return [*files, *self._draw(results)]

    def _draw(self, results: Results) -> list[Path]:
        files = []
        for clip in self._pictured:
            found = {name: self._store.figure(clip, name) for name in results if clip not in self.not_read}
            figures = {name: figure for name, figure in found.items() if figure is not None}
            if not figures:
                continue
            pictures = {"frame": frame_picture(figures)}
            if self.samples[clip].clip.is_video and len(self.samples[clip]) > 1:
                pictures["profile"] = profile_picture(figures)
            for what, picture in pictures.items():
                files.append(self._store.out / f"{what}-{slug(clip)}.png")
                write_whole(files[-1], png_bytes(picture))
        return files

    def _leave_out(self, clip: str, error: DatasetError) -> None:
        self.not_read[clip] = f"clip {clip}: {error.cause}"
        self._report(error)
