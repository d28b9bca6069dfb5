"""Streams a clip through a tiny DKT and prints the most memory that the process took [kB]: FOLDER FRAMES."""

import resource
import sys
from pathlib import Path

import numpy as np
import torch

from hardware.cameras.clip import ClipFrame
from perception.dkt.model import DktSettings, load_dkt


def main(folder: Path, count: int) -> None:
    torch.set_num_threads(1)
    model = load_dkt(folder, DktSettings(size=(48, 32), mode="fast"))
    rng = np.random.default_rng(0)
    stream = model.open(count, 120, 180, "depth")
    given = 0
    for _ in range(count):
        given += len(stream.push(ClipFrame(rng.integers(0, 256, (120, 180, 3), np.uint8))))
    given += len(stream.finish())
    assert given == count
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
