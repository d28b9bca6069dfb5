"""A clip's result as JSON, so that a bench goes on where it was killed."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from perception.estimators.specification import EstimatorSpecification
from perception.learning.evaluation.measure import ClipResult
from perception.learning.evaluation.showing import Showing
from perception.learning.evaluation.tally import pack, unpack

#: Changes with what is measured: results of another version are measured anew.
VERSION = 6


def key_of(showing: Showing, estimator: EstimatorSpecification, weights: Path | None, cell: str) -> str:
    """What tells this measurement from all others: the clip's files, the frames, the estimator's, the cell's digest.

    weights: a file or folder; None: where the estimator's are.
    """
    clip = showing.clip
    files = _files(estimator, weights)
    told = (VERSION, showing.kind, clip.name, clip.stamp(), showing.numbers, estimator.name, files, cell)
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _files(estimator: EstimatorSpecification, weights: Path | None) -> list[tuple[str, int, int]]:
    """Names, sizes and times of change of an estimator's files, a lab's own code among them."""
    own = weights or estimator.weights_folder()
    files = [] if estimator.file is None else [estimator.file]
    if own is not None:
        files += [own] if own.is_file() else sorted(p for p in own.rglob("*") if p.is_file() and p.suffix != ".pyc")
    return [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files]


def to_json(result: ClipResult, key: str) -> str:
    """The text of a result's file."""
    fields: dict[str, Any] = asdict(result)
    fields["tallies"] = {
        protocol: {region: pack(tally) for region, tally in regions.items()}
        for protocol, regions in result.tallies.items()
    }
    return json.dumps({"key": key, **fields})


def from_json(text: str, key: str) -> ClipResult | None:
    """The result, None where the text is damaged or of another measurement."""
    try:
        fields = json.loads(text)
        if fields.pop("key") != key:
            return None
        fields["tallies"] = {
            protocol: {region: unpack(packed) for region, packed in regions.items()}
            for protocol, regions in fields["tallies"].items()
        }
        for name in ("misses", "unused"):
            fields[name] = tuple((int(number), str(why)) for number, why in fields[name])
        return ClipResult(**fields)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None
