"""Scenes of the digital cell with exact depth, and estimators whose answers are the truth bent in known ways.

    python -m tests.support.scenes.biased [SCENES]     the table of docs/lab/metric-depth.md

Depth is ray cast and the tags are drawn, so that a scene costs a third of a second; objects are drawn, dropped
and settled as in any trial.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import PerceptionError
from core.transforms import look_at
from hardware.cameras.frame import RgbdFrame
from hardware.simulation.catalogue.cell_scene import CellState, cell_scene
from hardware.simulation.catalogue.layout import stage
from hardware.simulation.physics.physics import CellPhysics
from hardware.simulation.rendering.raycast import RayCaster
from perception.depth_types import RelativeDepth, TableView
from perception.table.locate import locate_table
from perception.table.metric_scale import fit_metric, to_metres
from tests.support.drawn_cell import CELL, draw_frame

Disparity = NDArray[np.float64]
#: Noise of the estimators here, as a share of the disparity, bending over some eight pixels.
NOISE = 0.004


@dataclass(frozen=True)
class Scene:
    """What a camera sees, where the tags say the table is, and the truth: depth (H, W) [m], object ids (H, W)."""

    frame: RgbdFrame
    view: TableView
    truth_m: NDArray[np.float32]
    ids: NDArray[np.int32]

    @property
    def disparity(self) -> Disparity:
        """(H, W) [1/m]; what is farther than everything counts as 3 m away."""
        return 1 / np.nan_to_num(self.truth_m.astype(float), nan=3.0)

    def error_mm(self, depth_m: NDArray[np.float32]) -> float:
        """Median |error| on the objects' pixels [mm]; holes count as misses."""
        return _median_mm(depth_m - self.truth_m, self.ids > 0)

    def table_error_mm(self, depth_m: NDArray[np.float32]) -> float:
        """Median |error| on the bare table [mm]."""
        table_m = self.view.plane.depth(self.frame.intrinsics.rays())
        return _median_mm(depth_m - table_m, np.abs(self.truth_m - table_m) < 0.003)


#: What an estimator takes for the disparity of a scene.
Disturbance = Callable[[Scene, np.random.Generator], Disparity]


def draw_scenes(seeds: range) -> list[Scene]:
    """One to five settled objects each, seen by a camera that is centimetres off its place."""
    physics, scenes = CellPhysics(CELL), []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        mount = CELL.camera
        T = look_at(mount.position_m + rng.normal(0, 0.02, 3), mount.target_m + rng.normal(0, 0.01, 3))
        stage(physics, rng, 1 + seed % 5, "diffuse")
        state = CellState("diffuse", physics.object_poses(), physics.robot_shapes(), T, seed)
        frame = draw_frame(CELL, T, seed=seed)
        truth = RayCaster(cell_scene(CELL, state).parts()).truth(frame.intrinsics, T)
        scenes.append(Scene(frame, locate_table(frame, CELL), truth.depth_m, truth.instance_ids))
    return scenes


def bend(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> Disparity:
    """(H, W) a slow field of mean 0 and deviation 1 over the image: `radial`, `tilt` or `waves`."""
    v, u = np.mgrid[: shape[0], : shape[1]]
    x, y = (2 * u - shape[1]) / shape[1], (2 * v - shape[0]) / shape[1]
    if kind == "radial":
        field = x**2 + y**2
    elif kind == "tilt":
        angle = rng.uniform(0, 2 * np.pi)
        field = np.cos(angle) * x + np.sin(angle) * y
    else:
        field = sum(_wave(x, y, rng) for _ in range(3))
    return (field - field.mean()) / field.std() * rng.choice([-1, 1])


def _wave(x: Disparity, y: Disparity, rng: np.random.Generator) -> Disparity:
    """Half a period to one and a fifth of one across the image."""
    angle, phase = rng.uniform(0, 2 * np.pi, 2)
    return rng.normal() * np.sin(rng.uniform(0.5, 1.2) * np.pi * (np.cos(angle) * x + np.sin(angle) * y) + phase)


def answer(scene: Scene, disparity: Disparity, rng: np.random.Generator, noise: float = NOISE) -> RelativeDepth:
    """An estimator's answer: some disparity with noise, in an unknown scale and shift."""
    height, width = disparity.shape
    coarse = rng.normal(size=(height // 8 + 1, width // 8 + 1))
    disparity = disparity * (1 + noise * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
    scale, shift = rng.uniform(0.3, 3.0), rng.uniform(-0.5, 0.5)
    return RelativeDepth(((disparity - shift) / scale).astype(np.float32), "disparity", "bent")


def bent(kind: str, share: float, multiplies: bool) -> Disturbance:
    """Disparity with a slow error of that deviation: a share of itself, or as much added (of 1.1 1/m)."""

    def disparity(scene: Scene, rng: np.random.Generator) -> Disparity:
        error = share * bend(kind, scene.truth_m.shape, rng)
        return scene.disparity * (1 + error) if multiplies else scene.disparity + 1.1 * error

    return disparity


def true(scene: Scene, rng: np.random.Generator) -> Disparity:
    """Nothing is wrong."""
    return scene.disparity


def littered(scene: Scene, rng: np.random.Generator) -> Disparity:
    """Half of the image between the tags is covered by boxes of 1 to 12 cm."""
    disparity, tags = scene.disparity.copy(), _on_tags(scene)
    for _ in range(25):
        top, left = rng.integers(60, 400), rng.integers(80, 700)
        box = np.zeros(tags.shape, bool)
        box[top : top + 70, left : left + 80] = True
        box &= ~tags & (scene.ids == 0)
        disparity[box] = 1 / (1 / disparity[box] - rng.uniform(0.01, 0.12))
    return disparity


def mirrored(scene: Scene, rng: np.random.Generator) -> Disparity:
    """A third of the table is taken for what it mirrors: 2 to 12 cm behind it, with a soft edge."""
    lies = np.zeros(scene.truth_m.shape)
    top, left = rng.integers(60, 260), rng.integers(100, 400)
    lies[top : top + 180, left : left + 300] = rng.uniform(0.02, 0.12)
    lies = cv2.GaussianBlur(lies, None, 12)
    lies[_on_tags(scene) | (scene.ids > 0)] = 0
    return 1 / (1 / scene.disparity + lies)


def wrong_objects(scene: Scene, rng: np.random.Generator) -> Disparity:
    """The table is right and every object is off by a centimetre or so: nothing that the table knows of."""
    disparity = scene.disparity.copy()
    for id_ in np.unique(scene.ids[scene.ids > 0]):
        disparity[scene.ids == id_] = 1 / (1 / disparity[scene.ids == id_] + rng.normal(0, 0.010))
    return disparity


def rough(scene: Scene, rng: np.random.Generator) -> Disparity:
    """Errors that bend over a tenth of the image, which no table can foretell."""
    coarse = rng.normal(size=(7, 12))
    height, width = scene.truth_m.shape
    return scene.disparity * (1 + 0.012 * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def one_sided(scene: Scene) -> Scene:
    """The same scene with the tags of one side covered."""
    seen = tuple(tag for tag in scene.view.tags if tag.id % 2 == 0)
    return replace(scene, view=replace(scene.view, tags=seen))


def _on_tags(scene: Scene) -> NDArray[np.bool_]:
    mask = np.zeros(scene.truth_m.shape, np.uint8)
    for tag in scene.view.tags:
        cv2.fillConvexPoly(mask, np.rint(tag.corners_px).astype(np.int32), 1)
    return cv2.dilate(mask, np.ones((9, 9), np.uint8)).astype(bool)


def _median_mm(error_m: NDArray, where: NDArray[np.bool_]) -> float:
    return 1000 * float(np.median(np.nan_to_num(np.abs(error_m[where]), nan=10.0)))


#: What the bench and the tests bend; the share of a slow error is a deviation: 1.5 % are 13 mm at 0.85 m.
BENT = {
    f"{kind}, {100 * share:g} %, {'multiplied' if multiplies else 'added'}": bent(kind, share, multiplies)
    for kind in ("radial", "tilt", "waves")
    for share in (0.006, 0.015, 0.03)
    for multiplies in (True, False)
}
HARMLESS = {"true": true, "littered": littered, "mirrored": mirrored, "wrong objects": wrong_objects, "rough": rough}


@dataclass(frozen=True)
class Gain:
    """Median |error| [mm] on objects and on table, with scale and shift alone and as fitted; whether corrected."""

    objects_mm: tuple[float, float]
    table_mm: tuple[float, float]
    used: bool

    @property
    def harm_mm(self) -> float:
        """How much worse the objects got."""
        return self.objects_mm[1] - self.objects_mm[0]


def gain_on(scene: Scene, disturb: Disturbance, seed: int, noise: float = NOISE) -> Gain | None:
    """What the table's correction does to an answer; None where the fit refuses it."""
    rng = np.random.default_rng((seed, 9))
    relative = answer(scene, disturb(scene, rng), rng, noise)
    try:
        metric = fit_metric(relative, scene.view, scene.frame)
    except PerceptionError:
        return None
    line_m = to_metres(relative.values, relative.kind, metric.scale, metric.shift)
    assert metric.correction is not None
    objects, table = ((error(line_m), error(metric.depth_m)) for error in (scene.error_mm, scene.table_error_mm))
    return Gain(objects, table, metric.correction.used)


def _row(name: str, each: list[Gain | None]) -> str:
    gains = [gain for gain in each if gain is not None]
    cells = [name]
    for pairs in ([g.objects_mm for g in gains], [g.table_mm for g in gains]):
        before_mm, after_mm = np.mean(pairs, axis=0)
        cells.append(f"{before_mm:.1f} → {after_mm:.1f}")
    harms = np.array([gain.harm_mm for gain in gains])
    cells += [f"{sum(g.used for g in gains)}", f"{(harms > 1).sum()}", f"{max(harms.max(), 0):.1f}"]
    return f"| {' | '.join([*cells, str(len(each) - len(gains))])} |"


def main(count: int) -> None:
    """Prints the bench's table, each answer on every scene."""
    scenes = draw_scenes(range(5000, 5000 + count))
    sys.stdout.write("| answer | objects mm | table mm | corrected | worse by > 1 mm | worst mm | refused |\n")
    sys.stdout.write("|---|---|---|---|---|---|---|\n")
    for name, disturb in (BENT | HARMLESS).items():
        sys.stdout.write(_row(name, [gain_on(scene, disturb, number) for number, scene in enumerate(scenes)]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
