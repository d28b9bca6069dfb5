"""`python main.py plan-view`: a logged trial's frames, or a drawn scene, planned again and shown."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.bench.drawn_cell import DrawnCell
from app.calibrate.cell import load_parkable
from app.comparison.estimator_run import run_stages
from app.console import Console
from app.page.page_server import keep_open
from app.paths import cell_file
from app.plan_view.page import PlanPage
from app.plan_view.picture import draw_picture
from app.plan_view.planned import UNLIKELY, PlanScene
from app.replay.compare import attempt_joints, stored_attempt
from app.replay.options import PlanViewOptions
from app.replay.stored_trial import cell_of, find_trial
from app.run.options import PipelineOptions
from app.run.pipeline import ArmJoints, Pipeline
from app.run.trial import Trial
from core.cell import Cell
from core.errors import ConfigurationError, VitroError
from core.files import demand_writable
from core.image import RgbdImage
from core.report.words import counted
from grasping.grasp_set import SCORE
from grasping.planning.candidates import NOT_LOOKED_AT
from grasping.planning.motion_planner import NoPlanError
from hardware.arms.arm import measured_joints
from hardware.cameras.frame import RgbdFrame
from hardware.simulation.digital_cell import DigitalCell
from perception.estimators.registry import choice_of

Truth = Callable[[RgbdImage], NDArray[np.float32]]
_ORACLE = "oracle"


def view_plan(options: PlanViewOptions) -> int:
    """Plans, says what became of the grasps, and shows it; 0 with a plan, 1 without.

    Raises:
        TrialError: no such trial, or frames that are not what they were.
        ConfigurationError: something chosen that there is not.
        StorageError: the picture cannot be written.
    """
    console = Console(options.as_json)
    if options.out is not None:
        if options.out.suffix.lower() != ".png":
            raise ConfigurationError(f"--out {options.out} is no .png.", "Name a picture: --out plan.png")
        demand_writable(options.out)
    scene = _of_trial(options, console) if options.trial else _drawn(options, console)
    _say(scene, console)
    facts = scene_facts(scene)
    if options.out is not None:
        draw_picture(scene, options.out)
        console.say(f"  picture: [bold]{options.out}[/]")
        facts["picture"] = str(options.out)
    console.result(facts)
    if not options.headless:
        with closing(PlanPage(scene, options.page_host)) as page:
            keep_open(page.address, console)
    return int(scene.stopped is not None)


def scene_facts(scene: PlanScene) -> dict[str, Any]:
    """As JSON takes it. fates: of each grasp one; rejections: of each for both arms and both ways round."""
    plan = scene.trial.plan
    told = plan if plan is not None else scene.stopped
    return {
        "source": scene.name,
        "estimator": scene.estimator,
        "grasps": len(scene.fates),
        "fates": dict(Counter(scene.fates).most_common()),
        "rejections": dict(getattr(told, "rejections", {})),
        "plan": None
        if plan is None
        else {
            "arm": plan.arm,
            "candidates_tried": plan.candidates_tried,
            "motion_s": round(plan.duration_s, 2),
            "merits": plan.merits.rounded,
        },
        "stopped_by": None if scene.stopped is None else str(scene.stopped),
    }


def _say(scene: PlanScene, console: Console) -> None:
    if scene.stopped is not None:
        console.error(scene.stopped)
    rows = [(fate, str(count)) for fate, count in Counter(scene.fates).most_common()]
    console.table(f"{scene.name}: what became of {counted(len(scene.fates), 'grasp')}", ("", "grasps"), rows)


def _of_trial(options: PlanViewOptions, console: Console) -> PlanScene:
    trial = find_trial(options.trial)
    trial.demand_frames()
    attempt = stored_attempt(trial, options.attempt)
    cell, said = cell_of(trial, options.cell)
    for sentence in filter(None, (*trial.missing, said)):
        console.say(f"[yellow]![/] {sentence}")
    ran_with = choice_of(trial.estimator)
    chosen = _pipeline_options(options, options.estimator or ran_with)
    depth = attempt.depth
    # The truth that an oracle's trial was given is the depth that it left.
    truth = None if depth is None or ran_with != _ORACLE else lambda _: depth.depth_m
    pipeline = _load(cell, chosen, console, truth)
    joints = attempt_joints(trial, cell, attempt.number)
    name = f"{trial.name}, attempt {attempt.number}"
    return _plan(name, pipeline, attempt.frames, joints, trial.seed, console)


def _drawn(options: PlanViewOptions, console: Console) -> PlanScene:
    """A scene of the digital cell; drawn for the oracle, which needs no picture, and rendered for all others."""
    cell = load_parkable(cell_file(options.cell or "sim"))
    estimator = options.estimator or _ORACLE
    with closing((DrawnCell if estimator == _ORACLE else DigitalCell)(cell, options.seed)) as world:
        chosen = _pipeline_options(options, estimator)
        pipeline = _load(cell, chosen, console, world.camera.truth)
        world.stage(options.surface, options.seed, options.objects)
        frame = world.camera.read()
        joints = measured_joints(world.arms)
        name = f"{options.surface}, seed {options.seed}, {counted(options.objects, 'object')}"
        return _plan(name, pipeline, [frame], joints, options.seed, console)


def _pipeline_options(options: PlanViewOptions, estimator: str) -> PipelineOptions:
    return PipelineOptions(
        estimator=estimator, detector=options.detector, planner=options.planner, boldness=options.boldness
    )


def _load(cell: Cell, options: PipelineOptions, console: Console, truth: Truth | None) -> Pipeline:
    with console.stage("load"):
        return Pipeline(cell, options, truth)


def _plan(
    name: str, pipeline: Pipeline, frames: Sequence[RgbdFrame], joints: ArmJoints, seed: int, console: Console
) -> PlanScene:
    trial, stopped = run_stages(frames, pipeline, lambda: joints, seed, console)
    fates = _fates(trial, stopped, pipeline.options.boldness)
    return PlanScene(name, pipeline.estimator.name, pipeline.cell, trial, joints, fates, stopped)


def _fates(trial: Trial, stopped: VitroError | None, boldness: float) -> tuple[str, ...]:
    """What became of each of the trial's grasps; the search is given the likely ones alone, which come first."""
    told = trial.plan.fates if trial.plan else stopped.fates if isinstance(stopped, NoPlanError) else ()
    scores = () if trial.grasps is None else trial.grasps.rows[len(told) :, SCORE]
    return (*told, *(UNLIKELY if score < 1 - boldness else NOT_LOOKED_AT for score in scores))
