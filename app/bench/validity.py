"""`python main.py bench validity`: proposed grasps against the true shapes, without physics, in minutes."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.bench.options import BenchValidityOptions
from app.bench.validity_captures import BEST, capture_rows, judge_captures
from app.bench.validity_sheet import Judged, draw_failure, draw_tolerance, write_page
from app.bench.validity_table import SceneResult, summarise_validity, validity_rows
from app.console import Console
from app.options import names_in
from app.paths import cell_file, home
from app.run.options import PipelineOptions
from app.run.pipeline import ArmJoints, Pipeline
from core.cell import Cell, load_cell
from core.errors import ConfigurationError, VitroError
from core.files import writing
from core.json_values import to_json
from core.surfaces import SURFACES
from core.text_file import parse_json
from core.transforms import Matrix, invert
from grasping.grasp_set import WIDTH, GraspSet, T_camera_tcp
from grasping.planning.arm_model import ArmModel
from grasping.planning.candidates import is_reachable
from grasping.validity import Cause, TrueShapes
from hardware.arms.arm import measured_joints
from hardware.cameras.frame import RgbdFrame
from hardware.simulation.digital_cell import DigitalCell
from perception.depth_types import MetricDepth, TableView
from perception.estimators.degraded import DEGRADED
from perception.estimators.registry import find_estimators
from perception.learning.datasets.base import open_dataset
from perception.table.locate import locate_table

#: Lines of JSON, one a scene and estimator: what an interrupted bench goes on from.
RESULTS = "results.jsonl"


@dataclass(frozen=True)
class _Staged:
    """A scene as every estimator gets it: rendered once."""

    surface: str
    seed: int
    objects: int
    frame: RgbdFrame
    view: TableView
    joints: ArmJoints
    shapes: TrueShapes

    @property
    def T_world_camera(self) -> Matrix:
        """As the tags tell it: where the arm would go."""
        return invert(self.view.T_camera_world)


def bench_validity(options: BenchValidityOptions) -> int:
    """Judges what its folder lacks, then prints the table and writes the sheet of failures."""
    console = Console(options.as_json)
    if options.dataset is not None or options.root is not None:
        return _bench_captures(options, console)
    surfaces, seeds = names_in(options.surfaces, SURFACES), range(options.seed, options.seed + options.trials)
    estimators = [one.choice for one in find_estimators(options.estimators)]
    estimators += list(DEGRADED) if options.degradations else []
    out = options.out or home() / "bench-validity"
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        if options.fresh:
            (out / RESULTS).unlink(missing_ok=True)
    scenes = [(surface, seed, options.objects) for seed in seeds for surface in surfaces]
    _judge_missing(scenes, estimators, out, console)
    wanted = {(*scene, _display_name(choice)) for scene in scenes for choice in estimators}
    results = [result for result in _read(out / RESULTS) if result.key in wanted]
    summaries = summarise_validity(results)
    with writing(out):
        write_page(out, summaries, results)
        if options.degradations:
            draw_tolerance(out / "tolerance.png", summaries)
    console.table(f"{len(scenes)} scenes; results and failures in {out}", *validity_rows(summaries))
    console.say(
        "  top 1, top 10: valid against the true shapes, of scenes and of grasps; reach: an arm's joints, no obstacle."
    )
    console.result({"out": str(out), "summary": summaries})
    return 0


def _bench_captures(options: BenchValidityOptions, console: Console) -> int:
    if options.dataset is None or options.root is None:
        raise ConfigurationError("--dataset and --root belong together.", "Give both, or neither.")
    summaries = judge_captures(open_dataset(options.dataset, options.root), options.estimators, console)
    console.table(f"Grasps on {options.root}, the best {BEST} of an object", *capture_rows(summaries))
    console.result({"summary": summaries})
    return 0


def _judge_missing(
    scenes: Sequence[tuple[str, int, int]], estimators: Sequence[str], out: Path, console: Console
) -> None:
    done = {result.key for result in _read(out / RESULTS)}
    missing = {
        scene: [choice for choice in estimators if (*scene, _display_name(choice)) not in done] for scene in scenes
    }
    todo = [scene for scene, choices in missing.items() if choices]
    if not todo:
        return
    cell = load_cell(cell_file("sim"))
    with ExitStack() as opened:
        world = opened.enter_context(closing(DigitalCell(cell, scenes[0][1])))
        pipelines = {
            choice: opened.enter_context(closing(Pipeline(cell, PipelineOptions(estimator=choice), world.truth)))
            for choice in estimators
        }
        for scene in console.progress(todo, "scenes", len(todo)):
            staged = _stage(world, cell, *scene)
            for choice in missing[scene]:
                result, judged = _judge(staged, pipelines[choice], _display_name(choice))
                with writing(out):
                    if result.cause is not Cause.VALID:
                        draw_failure(out / result.picture, judged)
                    with (out / RESULTS).open("a") as file:
                        # The break comes first: a line that a crash cut off spoils no other.
                        file.write("\n" + to_json(result))
            if not console.is_terminal:
                console.say(f"  {scene[0]} {scene[1]}")


def _stage(world: DigitalCell, cell: Cell, surface: str, seed: int, objects: int) -> _Staged:
    """Lays a scene as `bench grasp` does, and takes its picture."""
    world.stage(surface, seed, objects)
    frame = world.camera.read()
    joints = measured_joints(world.arms)
    shapes = TrueShapes(
        [np.concatenate([part.triangles.corners_m for part in one.parts()]) for one in world.true_objects()]
    )
    return _Staged(surface, seed, objects, frame, locate_table(frame, cell), joints, shapes)


def _judge(staged: _Staged, pipeline: Pipeline, estimator: str) -> tuple[SceneResult, Judged]:
    """One estimator's grasps in one scene: the causes of those that an arm reaches, best first."""
    frame, view = staged.frame, staged.view
    rows: NDArray[np.float64] = np.zeros((0, 17))
    metric: MetricDepth | None = None
    note = ""
    try:
        relative = pipeline.estimate((frame,), view, staged.joints).relative
        metric = pipeline.measure(frame, view, relative, staged.joints)
        grasps = pipeline.detect(frame, view, metric, staged.joints)
        if len(grasps):
            grasps = pipeline.success.bold_enough(grasps, pipeline.options.boldness)
        causes, rows, note = _causes(staged, pipeline, metric, grasps)
    except VitroError as error:
        causes, note = (Cause.REFUSED,), error.cause
    result = SceneResult(staged.surface, staged.seed, staged.objects, estimator, causes, note)
    shown_m = None if metric is None else metric.depth_m
    true_m = staged.shapes.depth(frame.intrinsics.rays(), staged.T_world_camera)
    return result, Judged(frame, view.plane, rows[:1], shown_m, true_m, result)


def _causes(
    staged: _Staged, pipeline: Pipeline, metric: MetricDepth, grasps: GraspSet
) -> tuple[tuple[Cause, ...], NDArray[np.float64], str]:
    if not len(grasps):
        trusting = replace(metric, confidence=None)
        doubted = metric.confidence is not None and len(
            pipeline.detect(staged.frame, staged.view, trusting, staged.joints)
        )
        return (Cause.REFUSED if doubted else Cause.MISSED,), grasps.rows, grasps.note
    T = staged.T_world_camera @ np.array([T_camera_tcp(row) for row in grasps.rows])
    cell = pipeline.cell
    reached = np.any(
        [is_reachable(T, ArmModel(name, mount), cell.workspace) for name, mount in cell.arms.items()], axis=0
    )
    # As the planner does, what no arm reaches is passed over.
    best = np.flatnonzero(reached)[:10]
    if not len(best):
        return (Cause.REACH,), grasps.rows, ""
    stroke_m = min(mount.gripper_stroke_m for mount in cell.arms.values())
    causes = tuple(staged.shapes.judge(T[k], grasps.rows[k, WIDTH], stroke_m) for k in best)
    return causes, grasps.rows[best], ""


def _display_name(choice: str) -> str:
    """An estimator's name in tables; a lab's own file is called by its stem."""
    return Path(choice).stem if choice.endswith(".py") else choice


def _read(file: Path) -> Iterator[SceneResult]:
    """What was judged before; a line that a crash cut off is judged again."""
    if not file.is_file():
        return
    for line in file.read_bytes().splitlines():
        try:
            facts: dict[str, Any] = parse_json(line)
            yield SceneResult(**facts | {"causes": tuple(map(Cause, facts["causes"]))})
        except (ValueError, TypeError, KeyError):
            continue
