"""What a bench keeps in its folder, so that it goes on where it was killed."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from core.files import replace_file, writing
from core.json_values import plain
from core.text_file import read_json
from core.work import hold_folder
from perception.estimators.specification import EstimatorSpecification
from perception.learning.evaluation.evaluate import ClipResult
from perception.learning.evaluation.figures import Figure, pack_figure, read_figure
from perception.learning.evaluation.metrics import (
    ConfidenceMetrics,
    DepthMetrics,
    JitterMetrics,
    Metrics,
    NormalMetrics,
)
from perception.learning.evaluation.samples import ClipSamples

#: Changes with what is measured: results of another version are measured anew.
VERSION = 6
_BY_LENGTH = {kind.length: kind for kind in (DepthMetrics, NormalMetrics, JitterMetrics, ConfidenceMetrics)}


class PairStore:
    """OUT/pairs/<estimator>/<clip>.json, a result; and .npz, a figure's data, where there are pictures of the clip."""

    def __init__(self, out: Path) -> None:
        self.out, self.scratch = out, out / ".scratch"

    @contextmanager
    def opened(self) -> Iterator["PairStore"]:
        """Keeps other runs away, and clears up after those that were killed.

        Raises:
            ConfigurationError: another run works there.
            StorageError: nothing can be written.
        """
        with hold_folder(self.out):
            shutil.rmtree(self.scratch, ignore_errors=True)
            with writing(self.out):
                self.scratch.mkdir()
            try:
                yield self
            finally:
                shutil.rmtree(self.scratch, ignore_errors=True)

    def load(self, clip: str, estimator: str, key: str, with_figure: bool) -> ClipResult | None:
        """The result that is kept, None where there is none of this key, or no figure and one is wanted."""
        try:
            fields: dict[str, Any] = read_json(self._file(clip, estimator))
            if fields.pop("key") != key:
                return None
            metrics = {
                protocol: {region: unpack(packed) for region, packed in regions.items()}
                for protocol, regions in fields.pop("tallies").items()
            }
            for name in ("misses", "unused"):
                fields[name] = tuple((int(number), str(why)) for number, why in fields[name])
            result = ClipResult(estimator=fields.pop("subject"), metrics=metrics, **fields)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError):
            return None
        lacks_figure = with_figure and result.kind != "normals" and self.figure(clip, estimator) is None
        return None if lacks_figure else result

    def save(self, result: ClipResult, figure: Figure | None, key: str) -> None:
        """The figure first: the result says that all is there."""
        fields, file = dict(vars(result)), self._file(result.clip, result.estimator)
        metrics = {
            protocol: {region: pack(one) for region, one in regions.items()}
            for protocol, regions in fields.pop("metrics").items()
        }
        content = {"key": key, "subject": fields.pop("estimator"), **fields, "tallies": metrics}
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            if figure is not None:
                replace_file(file.with_suffix(".npz"), pack_figure(figure))
            replace_file(file, json.dumps(plain(content)).encode())

    def figure(self, clip: str, estimator: str) -> Figure | None:
        try:
            return read_figure(self._file(clip, estimator).with_suffix(".npz"))
        except (ValueError, TypeError):
            return None

    def _file(self, clip: str, estimator: str) -> Path:
        return self.out / "pairs" / estimator / f"{slug(clip)}.json"


def slug(clip: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", clip).lstrip(".") or "clip"


def key_of(samples: ClipSamples, estimator: EstimatorSpecification, weights: Path | None, cell: str) -> str:
    """What tells this measurement from all others: the clip's files, the frames, the estimator's, the cell's digest.

    Args:
        weights: a file or folder; None: where the estimator's are.
    """
    clip, own = samples.clip, weights or estimator.weights_folder()
    # A lab's own code is among the files of its estimator.
    files = [] if estimator.file is None else [estimator.file]
    if own is not None:
        files += [own] if own.is_file() else sorted(p for p in own.rglob("*") if p.is_file() and p.suffix != ".pyc")
    stamps = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    facts = (VERSION, samples.kind, clip.name, clip.stamp(), samples.numbers, estimator.name, stamps, cell)
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def pack(metrics: Metrics) -> list[list[float]]:
    """As JSON: the length, and the sums that are not 0 with their places."""
    places = np.flatnonzero(metrics.values)
    return [[float(metrics.length)], places.tolist(), metrics.values[places].tolist()]


def unpack(packed: list[list[float]]) -> Metrics:
    (length,), places, sums = packed
    kind = _BY_LENGTH[int(length)]
    values = np.zeros(kind.length)
    values[np.asarray(places, int)] = sums
    return kind(values)
