"""The digital cell's D435: renders what lies before it whenever a frame is read."""

from collections import deque
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.clock import Clock
from core.errors import CameraError
from core.image import Intrinsics, RgbdImage
from hardware.cameras.camera import Camera
from hardware.cameras.frame import RgbdFrame
from hardware.simulation.catalogue.cell_scene import CellState, cell_scene
from hardware.simulation.rendering.renderer import Renderer, Rendering
from hardware.simulation.stereo import disparities, sense_depth

#: Noise-free renderings that are kept, some 30 MB each.
RENDERINGS = 6
#: Frames whose truth is remembered.
REMEMBERED = 8
#: Grey levels (of 255) of noise in colour.
COLOR_NOISE = 1.2
#: Poses closer than this [m, or unitless rotation] give the same picture.
STILL = 1e-5


class SimCamera(Camera):
    """A camera that exposes a snapshot of the cell one frame period after it is asked.

    Every exposure has sensor noise of its own; only noise-free renderings are used again, when the cell looks as it did
    in one of the newest: while nothing moved, or when a scene was laid anew for another estimator.
    """

    name = "sim"
    is_live = True

    def __init__(
        self,
        cell: Cell,
        snapshot: Callable[[], CellState],
        clock: Clock,
        spp: int = 16,
        seed: int = 0,
        has_depth: bool = True,
    ) -> None:
        """snapshot: the cell as it is now; spp: samples a pixel; seed: of the sensors' noise; has_depth: else its
        depth is all holes, at half the cost."""
        self._has_depth = has_depth
        self._cell = cell
        self._snapshot = snapshot
        self._clock = clock
        self.intrinsics = cell_intrinsics(cell)
        self._spp = spp
        self._rng = np.random.default_rng(seed)
        self._number = 0
        self._closed = False
        self._renderings: deque[tuple[CellState, Rendering]] = deque(maxlen=RENDERINGS)
        self._truths: dict[int, NDArray[np.float32]] = {}

    def read(self, timeout_s: float = 1.0) -> RgbdFrame:
        """The next frame, one period of this camera's clock from now.

        Raises:
            CameraError: the camera is closed, or `timeout_s` is shorter than its period.
        """
        period_s = 1.0 / self._cell.camera.fps
        if self._closed:
            raise CameraError("The simulated camera is closed.", "Open the cell again.")
        if timeout_s < period_s:
            raise CameraError(
                f"No frame within {timeout_s:.3f} s: the camera gives one every {period_s:.3f} s.",
                "Wait for at least one period.",
            )
        self._clock.sleep(period_s)
        rendering = self._render(self._snapshot())
        infrared = None if rendering.infrared is None else rendering.infrared.expose(self._rng)
        holes = np.full(rendering.color.shape[:2], np.nan, np.float32)
        self._number += 1
        self._truths[self._number] = rendering.truth.depth_m
        self._truths.pop(self._number - REMEMBERED, None)
        return RgbdFrame(
            color=noisy_color(rendering.color, self._rng),
            depth_m=holes if infrared is None else sense_depth(*infrared, self.intrinsics),
            intrinsics=self.intrinsics,
            serial=self._cell.camera.serial,
            number=self._number,
            stamp_s=self._clock.now_s(),
            source="sim",
            infrared=infrared and (infrared[0], np.ascontiguousarray(infrared[1][:, disparities(self.intrinsics) :])),
        )

    def _render(self, state: CellState) -> Rendering:
        for place, (known, rendering) in enumerate(self._renderings):
            if _looks_the_same(known, state):
                del self._renderings[place]
                self._renderings.append((known, rendering))  # the one used longest ago goes first
                return rendering
        renderer = Renderer(cell_scene(self._cell, state))
        rendering = renderer.render(self.intrinsics, state.T_world_camera, self._spp, self._has_depth)
        self._renderings.append((state, rendering))
        return rendering

    def truth(self, image: RgbdImage) -> NDArray[np.float32]:
        """Depth (H, W) [m] of the first surfaces in one of its last frames: for evaluation only.

        Raises:
            CameraError: a frame never read, or no longer remembered.
        """
        number = image.number if isinstance(image, RgbdFrame) else -1
        if number not in self._truths:
            raise CameraError(
                f"The truth of frame {number} is not kept; frames {list(self._truths)} are.",
                "Ask for it right after reading the frame.",
            )
        return self._truths[number]

    def close(self) -> None:
        self._closed = True
        self._renderings.clear()


def cell_intrinsics(cell: Cell) -> Intrinsics:
    """Intrinsics of the simulated camera: as calibrated, else its principal point is the image's centre."""
    width, height, focal_px = cell.camera.width, cell.camera.height, cell.camera.focal_px
    if cell.camera.lens_px is not None:
        return Intrinsics(width, height, *cell.camera.lens_px)
    return Intrinsics(width, height, focal_px, focal_px, (width - 1) / 2, (height - 1) / 2)


def noisy_color(color: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """One exposure of a picture (H, W, 3): with sensor noise of its own."""
    noise = rng.standard_normal(color.shape, np.float32) * np.float32(COLOR_NOISE)
    return (color + noise).round().clip(0, 255).astype(np.uint8)


def _looks_the_same(a: CellState, b: CellState) -> bool:
    """True where nothing that a camera sees differs by more than `STILL`."""
    looks, others = (
        (
            *(one.surface, one.appearance_seed, len(one.robot)),
            *([_content(placed.item) for placed in one.objects], [id(part) for part, _ in one.held]),
        )
        for one in (a, b)
    )
    return looks == others and bool(np.allclose(_poses(a), _poses(b), rtol=0.0, atol=STILL))


def _content(value: Any) -> Any:
    """What tells an object's looks from any other's, as plain values: laid anew, a scene's objects are made anew."""
    if is_dataclass(value):
        return tuple(_content(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, tuple):
        return tuple(map(_content, value))
    return (value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value


def _poses(state: CellState) -> NDArray[np.float64]:
    poses = [placed.T_world_object for placed in state.objects] + [shape.T_world_shape for shape in state.robot]
    return np.stack([state.T_world_camera, *poses, *(T_world_part for _, T_world_part in state.held)])
