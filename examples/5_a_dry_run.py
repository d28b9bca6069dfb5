"""5. Everything but motion on a recording, from Python: stage by stage, with what each one made.

.venv/bin/python -m examples.5_a_dry_run scene           # a picture as of example 1
.venv/bin/python -m examples.5_a_dry_run scene vitro-s   # the bundled model instead of the sensor
"""

from contextlib import closing
from pathlib import Path

from app.console import Console
from app.paths import cell_file
from app.run.options import PipelineOptions
from app.run.pipeline import Pipeline
from app.run.stages import Stages
from app.run.trial import Trial
from core.cell import load_cell
from core.errors import VitroError
from examples.command_line import run_example
from hardware.cameras.recorded import open_recording
from hardware.robot.description import PARK_JOINTS


def main(recording: str, estimator: str = "raw") -> None:
    cell = load_cell(cell_file("sim"))
    with closing(open_recording(Path(recording))) as camera:
        frames = (camera.read(),)

    pipeline = Pipeline(cell, PipelineOptions(estimator=estimator))
    stages = Stages(Trial("", 0, frames), pipeline, Console())
    try:
        plan = stages.plan(frames, lambda: dict.fromkeys(cell.arms, PARK_JOINTS))
        print(f"{plan.arm} arm, {len(plan.motions)} motions, gate passed: {plan.gate.passed}")
    except VitroError as refusal:  # no table, no depth, no grasp or no way: it says which, and what to do
        print(f"{refusal.cause}\n→ {refusal.remedy}")

    trial = stages.trial  # what every stage made, as far as it got: view, estimate, metric, grasps, plan
    print(f"table: {trial.view and trial.view.source}, grasps: {0 if trial.grasps is None else len(trial.grasps)}")


if __name__ == "__main__":
    run_example(main)
