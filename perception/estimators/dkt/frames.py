"""Between a camera's images and what the model sees: turned, resized, scaled; and the way back."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import PerceptionError

#: What the decoded channels are: their mean a disparity, or together a normal.
Target = Literal["depth", "normal"]


@dataclass(frozen=True)
class FrameShape:
    """How frames of height x width [px] meet a model that works at size (width, height) [px]."""

    height: int
    width: int
    size: tuple[int, int]

    @property
    def is_turned(self) -> bool:
        """A model that works in landscape sees portrait images turned left by 90° (released code)."""
        return self.width < self.height and self.size[0] >= self.size[1]

    def to_model(self, color: NDArray[np.uint8], device: torch.device, dtype: torch.dtype) -> Tensor:
        """(H, W, 3) uint8 RGB to (1, 3, 1, h, w) in -1..1.

        Raises:
            PerceptionError: an image of another size or kind.
        """
        self.demand(color)
        return self.scaled(torch.from_numpy(np.ascontiguousarray(color)).to(device))[:, :, None].to(dtype)

    def demand(self, color: NDArray[np.uint8]) -> None:
        """Raises a PerceptionError unless it is an 8-bit RGB image of this size."""
        if color.shape != (self.height, self.width, 3) or color.dtype != np.uint8:
            raise PerceptionError(
                f"A frame is {color.dtype} {color.shape}, the clip's first was 8-bit {(self.height, self.width, 3)}.",
                "All frames of a clip must be 8-bit RGB of one size.",
            )

    def scaled(self, color: Tensor) -> Tensor:
        """(H, W, 3) uint8 to (1, 3, h, w) float32 in -1..1, on the device that it is on."""
        turned = torch.rot90(color) if self.is_turned else color
        image = turned.permute(2, 0, 1)[None].float()
        if image.shape[-2:] != self.size[::-1]:
            # The released code resizes with 8-bit results, cut off rather than rounded.
            image = (_resized(image / 255, self.size).clamp(0, 1) * 255).floor()
        return image * (2 / 255) - 1

    def disparity(self, decoded: Tensor) -> Tensor:
        """(1, 3, F, h, w) in -1..1 to (F, H, W) in 0..1 on the same device: never through 8 bits."""
        maps = self._restored(decoded.float().mean(1) / 2 + 0.5, scale=(0, 1))
        return torch.rot90(maps, -1, (1, 2)) if self.is_turned else maps

    def normals(self, decoded: Tensor) -> Tensor:
        """(1, 3, F, h, w) in -1..1 to (F, H, W, 3), unit vectors in the axes of the camera as held."""
        x, y, z = (self._restored(channel[None], scale=(-1, 1)) for channel in decoded[0].float())
        if self.is_turned:
            # Turning the image back turns its axes too: right was down, down was left.
            x, y, z = (torch.rot90(channel, -1, (1, 2)) for channel in (-y, x, z))
        vectors = torch.stack([x, y, z], -1)
        length = vectors.norm(dim=-1, keepdim=True)
        towards_camera = vectors.new_tensor([0.0, 0.0, -1.0])
        return torch.where(length > 1e-6, vectors / length.clamp(min=1e-6), towards_camera)

    def _restored(self, maps: Tensor, scale: tuple[float, float]) -> Tensor:
        """(1, F, h, w) resized to (F, H, W), still turned."""
        height, width = (self.width, self.height) if self.is_turned else (self.height, self.width)
        if maps.shape[-2:] != (height, width):
            maps = _resized(maps, (width, height)).clamp(*scale)
        return maps[0]


def _resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    return torch.nn.functional.interpolate(image, size[::-1], mode="bicubic", align_corners=False, antialias=True)
