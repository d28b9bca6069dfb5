"""From a data set's frames to what is learnt from: colour and disparity in -1..1, and where truth is known."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from core.errors import DatasetError
from perception.estimators.dkt.codec import FrameShape
from perception.learning.datasets.base import DatasetClip

#: A clip whose disparities span less than this [1/m] holds one distance: nothing to learn a shape from.
_LEAST_SPAN = 1e-6


@dataclass(frozen=True)
class TrainingClip:
    """F frames at the training size. color (1, 3, F, h, w) and disparity (1, 3, F, h, w) in -1..1 float32.

    disparity: 1 / depth, the clip's smallest at -1 and largest at 1, in all three channels; unknown pixels
    hold their nearest known neighbour's. known: (1, 1, F, h, w) float32, 1 where there is truth, else 0.
    """

    color: Tensor
    disparity: Tensor
    known: Tensor


def read_clip(clip: DatasetClip, start: int, count: int, size: tuple[int, int]) -> TrainingClip:
    """Frames start .. start + count - 1 of a clip, whole and resized as inference resizes them.

    Raises:
        DatasetError: a frame that cannot be read or has another size, or a clip without any truth.
    """
    frames = [clip.frame(start + i) for i in range(count)]
    height, width = frames[0].color.shape[:2]
    shape = FrameShape(height, width, size)
    cpu = torch.device("cpu")
    for number, frame in enumerate(frames, start):
        if frame.color.shape != frames[0].color.shape or frame.depth_m.shape != frame.color.shape[:2]:
            raise DatasetError(
                f"Frame {number} of {clip.name} is {frame.color.shape} with truth {frame.depth_m.shape}; "
                f"the clip began as {frames[0].color.shape}.",
                "All frames of a clip must have one size: mend the clip, or leave it out.",
            )
    color = torch.cat([shape.to_model(frame.color, cpu, torch.float32) for frame in frames], 2)
    # Truth goes where colour goes, each pixel the nearest one's: depths do not mix over edges.
    depths_m = torch.from_numpy(np.stack([frame.depth_m for frame in frames]))[None]
    turned = torch.rot90(depths_m, dims=(2, 3)) if shape.is_turned else depths_m
    fitted = torch.nn.functional.interpolate(turned, shape.size[::-1], mode="nearest-exact")
    disparity, known = normalised_disparity(np.asarray(fitted[0].numpy()))
    if not known.any():
        raise DatasetError(
            f"{clip.name} has no true depth in frames {start} to {start + count - 1}.", "Leave this clip out."
        )
    return TrainingClip(
        color,
        torch.from_numpy(disparity)[None, None].expand(1, 3, -1, -1, -1).contiguous(),
        torch.from_numpy(known.astype(np.float32))[None, None],
    )


def normalised_disparity(depth_m: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Of depths (F, H, W) [m]: disparities in -1..1 without holes, and where they are known.

    One scale and shift for the clip. A hole takes the value of the nearest known pixel of its frame, of the
    clip's farthest where its frame knows none: what the encoder sees there is smooth, and no loss counts it.
    """
    known = np.isfinite(depth_m) & (depth_m > 0)
    if not known.any():
        return np.zeros_like(depth_m), known
    disparity = np.divide(1.0, depth_m, out=np.zeros(depth_m.shape, np.float64), where=known)
    low, high = disparity[known].min(), disparity[known].max()
    scaled = 2 * (disparity - low) / max(high - low, _LEAST_SPAN) - 1
    for values, seen in zip(scaled, known, strict=True):
        if not seen.any():
            values[:] = -1.0
        elif not seen.all():
            values[:] = values[tuple(distance_transform_edt(~seen, return_distances=False, return_indices=True))]
    return scaled.astype(np.float32), known


def known_of_latents(known: Tensor, latents: tuple[int, int, int]) -> Tensor:
    """(1, 1, T, h/8, w/8): the share of known pixels under each latent, of (1, 1, F, h, w); F = 4 (T - 1) + 1.

    latents: the shape (T, h/8, w/8).
    """
    count, height, width = latents
    first = torch.nn.functional.adaptive_avg_pool3d(known[:, :, :1], (1, height, width))
    if count == 1:
        return first
    rest = torch.nn.functional.adaptive_avg_pool3d(known[:, :, 1:], (count - 1, height, width))
    return torch.cat([first, rest], 2)
