"""Clips small enough to train on in a test: a ball before a slanted plane, seen from a camera that moves."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.image import Intrinsics
from perception.learning.datasets.base import Dataset, DatasetFrame
from perception.learning.synthesis.clips.clip_files import encode_frame
from perception.learning.training.base import find_base, load_base, write_tiny_base
from perception.learning.training.checkpoint import model_identity
from perception.learning.training.draws import Sampler
from perception.learning.training.settings import TrainingSettings
from perception.learning.training.trainer import LEVELS, Trainer, make_accelerator

SIZE = (32, 32)


@dataclass(frozen=True)
class BallClip:
    """`count` frames of 40x24 pixels; has_holes: truth is missing in a corner of each."""

    name: str
    count: int
    is_video: bool = True
    has_holes: bool = False
    seed: int = 0

    def __len__(self) -> int:
        return self.count

    def stamp(self) -> str:
        return f"{self.name} {self.count}"

    def frame(self, i: int) -> DatasetFrame:
        y, x = np.mgrid[:24, :40].astype(np.float32)
        depth_m = 1.0 + 0.01 * y
        ball = (x - 12 - self.seed - i) ** 2 + (y - 12) ** 2 < 36
        depth_m[ball] = 0.6
        color = np.stack([np.where(ball, 230, 60), 2 * x, 5 * y], -1).astype(np.uint8)
        if self.has_holes:
            depth_m[:8, :8] = np.nan
        return DatasetFrame(color, depth_m.astype(np.float32), Intrinsics(40, 24, 40.0, 40.0, 20.0, 12.0))


class BlindClip(BallClip):
    """The same without any truth."""

    def frame(self, i: int) -> DatasetFrame:
        frame = super().frame(i)
        return replace(frame, depth_m=np.full_like(frame.depth_m, np.nan))


def ball_data(videos: int = 4, length: int = 5, images: int = 0) -> list[Dataset]:
    """A video set and, where asked for, an image set of one folder."""
    sets = [Dataset("balls", tuple(BallClip(f"ball-{k}", length, seed=k) for k in range(videos)))]
    return sets + ([Dataset("pictures", (BallClip("folder", images, is_video=False),))] if images else [])


def tiny_settings(folder: Path, **changes: object) -> TrainingSettings:
    """A run of a tiny base, which is written to `folder` where it is not there yet."""
    if not folder.exists():
        write_tiny_base(folder)
    told = {
        "data": ("transphy3d=nowhere",),
        "weights": folder,
        "steps": 4,
        "batch": 2,
        "size": SIZE,
        "longest": 5,
        "learning_rate": 1e-3,
        "rank": 2,
        "device": "cpu",
        "workers": 0,
    }
    return TrainingSettings.model_validate(told | changes)


def tiny_trainer(folder: Path, data: list[Dataset] | None = None, **changes: object) -> tuple[Trainer, dict[str, Any]]:
    """A trainer of a tiny base on balls, and its model's identity."""
    settings = tiny_settings(folder, **changes)
    accelerator = make_accelerator(settings)
    base = find_base(folder)
    loaded = load_base(base, torch.float32, accelerator.device)
    data = data or ball_data()
    sampler = Sampler(data, settings.longest, settings.seed, LEVELS)
    trainer = Trainer(accelerator, loaded, data, sampler, settings)
    return trainer, model_identity(base.identity(), trainer)


def write_balls(root: Path, clips: int = 4, frames: int = 5) -> Path:
    """The balls as a TransPhy3D data set on disk, the ball being of glass."""
    root.mkdir(parents=True)
    (root / "dataset.json").write_text(json.dumps({"format": "vitro-transphy3d", "version": 1}))
    for number in range(clips):
        folder = root / "clips" / f"{number:06d}"
        folder.mkdir(parents=True)
        clip = BallClip(folder.name, frames, seed=number)
        for i in range(frames):
            frame = clip.frame(i)
            ids = (frame.depth_m < 0.7).astype(np.int32)
            facing = np.full((*ids.shape, 3), (0.0, 0.0, -1.0), np.float32)
            for name, content in encode_frame(i, frame.color, frame.depth_m, facing, ids, None).items():
                (folder / name).write_bytes(content)
        (folder / "intrinsics.json").write_text(
            json.dumps({"fx": 40.0, "fy": 40.0, "cx": 20.0, "cy": 12.0, "width": 40, "height": 24})
        )
        told = {
            "objects": [{"id": 1, "family": "ball", "material": "glass", "optics": "transparent"}],
            "T_world_camera": [np.diag([1.0, -1.0, -1.0, 1.0]).tolist()] * frames,
            "table": {"normal": [0.0, 0.0, 1.0], "offset_m": -1.3},
        }
        (folder / "clip.json").write_text(json.dumps(told))
    return root
