"""Streams clips through a tiny DKT, shorter ones first, and prints the most memory that the process had taken by then
[kB], a line each: FOLDER FRAMES..."""

import resource
import sys
from pathlib import Path

import numpy as np

from hardware.cameras.clips.clip import ClipFrame
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import open_estimator


def main(folder: Path, count: int) -> None:
    options = EstimatorOptions(weights=folder, size=(48, 32), window=6, stride=5, mode="fast", device="cpu")
    rng = np.random.default_rng(0)
    stream = open_estimator("dkt", options).stream(count, 480, 720)
    given = 0
    for _ in range(count):
        given += len(stream.push(ClipFrame(rng.integers(0, 256, (480, 720, 3), np.uint8))))
    given += len(stream.finish())
    assert given == count
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}\n")


if __name__ == "__main__":
    for frames in map(int, sys.argv[2:]):
        main(Path(sys.argv[1]), frames)
