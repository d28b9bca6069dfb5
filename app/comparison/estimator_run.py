"""Several estimators on the same frames: each runs every stage that moves nothing; one that fails stops no other."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from app.console import Console
from app.run.options import PipelineOptions
from app.run.pipeline import ArmJoints, Pipeline
from app.run.stages import Stages
from app.run.trial import Trial
from core.cell import Cell
from core.errors import ConfigurationError, VitroError
from core.json_values import plain
from grasping.grasp_set import SCORE
from hardware.cameras.frame import RgbdFrame
from perception.estimators.registry import find_estimators


@dataclass(frozen=True)
class EstimatorRun:
    """How far an estimator came. trial: as far as it got, None where it could not be loaded. stopped: what ended it,
    None where it planned."""

    name: str
    trial: Trial | None
    stopped: VitroError | None = None

    @property
    def would(self) -> str:
        """What it would have done, or why nothing."""
        plan = None if self.trial is None else self.trial.plan
        if plan is not None:
            return f"{plan.arm} arm, expects {plan.row[SCORE]:.0%}"
        return "nothing was planned" if self.stopped is None else self.stopped.cause

    @property
    def file_name(self) -> str:
        """Its name without what no file's name should hold: a lab's own has its path in it."""
        return re.sub(r"[^\w.+-]+", "-", self.name).strip("-.")

    def facts(self) -> dict[str, Any]:
        """As JSON takes it."""
        trial = self.trial
        if trial is None:
            return {"estimator": self.name, "stopped_by": str(self.stopped), "plan": None}
        grasps, plan, notes = trial.grasps, trial.plan, trial.notes()
        facts = {
            "estimator": self.name,
            "stages_s": trial.stages_s,
            "metric": trial.fit(),
            "objects": notes.get("objects"),
            "unsure": notes.get("unsure"),
            "grasps": None if grasps is None else len(grasps),
            "best_expected": None if not grasps else round(float(grasps.rows[0, SCORE]), 4),
            "plan": notes.get("plan"),
            "expected": trial.expected,
            "motion_s": None if plan is None else round(plan.duration_s, 2),
            "stopped_by": None if self.stopped is None else str(self.stopped),
        }
        return dict(plain(facts))


def estimator_names(text: str, options: PipelineOptions) -> tuple[str, ...]:
    """Those of a comma-separated list.

    Raises:
        ConfigurationError: one that there is not; or --weights, which are of one model, for several.
    """
    if options.weights is not None:
        raise ConfigurationError(
            "--weights are of one model, and --estimators names several.", "Run that model alone: --estimator NAME."
        )
    find_estimators(text)
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def run_stages(
    frames: Sequence[RgbdFrame], pipeline: Pipeline, joints: Callable[[], ArmJoints], seed: int, console: Console
) -> tuple[Trial, VitroError | None]:
    """Everything up to a checked plan on the newest frame; how far it came, and what stopped it."""
    stages = Stages(Trial("", seed, tuple(frames)), pipeline, console)
    try:
        stages.plan(frames, joints)
    except VitroError as error:
        return replace(stages.trial, message=str(error)), error
    return stages.trial, None


def run_estimators(
    frames: Sequence[RgbdFrame],
    names: Sequence[str],
    options: PipelineOptions,
    cell: Cell,
    joints_rad: ArmJoints,
    seed: int,
    console: Console,
    keep: Callable[[EstimatorRun, Pipeline], None] = lambda run, pipeline: None,
) -> list[EstimatorRun]:
    """One after the other, each with its models loaded anew and let go of. keep: takes each that was loaded."""
    runs = []
    for name in names:
        console.say(f"\n[bold]{name}[/]")
        try:
            with console.stage("load"):
                pipeline = Pipeline(cell, replace(options, estimator=name))
        except VitroError as error:
            console.error(error)
            runs.append(EstimatorRun(name, None, error))
            continue
        with closing(pipeline):
            trial, stopped = run_stages(frames, pipeline, lambda: joints_rad, seed, console)
            if stopped is not None:
                console.error(stopped)
            runs.append(EstimatorRun(pipeline.estimator.name, trial, stopped))
            keep(runs[-1], pipeline)
    return runs


COLUMNS = ("estimator", "estimate s", "all s", "residual mm", "unsure", "objects", "grasps", "best", "would have")


def table_row(run: EstimatorRun) -> tuple[str, ...]:
    """For people, by `COLUMNS`."""
    return cells_of(run.name, run.facts(), run.would)


def cells_of(name: str, facts: Mapping[str, Any], would: str) -> tuple[str, ...]:
    """`facts` as `EstimatorRun.facts` gives them, or a logged trial's."""
    stages_s, metric = facts.get("stages_s") or {}, facts.get("metric") or {}
    computed = [stages_s[stage] for stage in ("locate", "estimate", "scale", "detect", "plan") if stage in stages_s]
    return (
        name,
        _number(stages_s.get("estimate"), ".2f"),
        _number(sum(computed) if computed else None, ".2f"),
        _number(metric.get("residual_mm"), ".1f"),
        _number(facts.get("unsure"), ".0%"),
        _number(facts.get("objects"), "d"),
        _number(facts.get("grasps"), "d"),
        _number(facts.get("best_expected"), ".0%"),
        would,
    )


def _number(value: float | None, form: str) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{value:{form}}"
