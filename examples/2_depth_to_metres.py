"""2. An estimator's answer, made metric by the table's tags.

.venv/bin/python -m examples.2_depth_to_metres scene           # a picture as of example 1
.venv/bin/python -m examples.2_depth_to_metres scene raw       # what the depth sensor saw
"""

from contextlib import closing
from pathlib import Path

import numpy as np

from app.paths import cell_file
from core.cell import load_cell
from examples.command_line import run_example
from hardware.cameras.recorded import open_recording
from perception.estimators.registry import open_estimator
from perception.table.locate import locate_table
from perception.table.metric_scale import fit_metric


def main(recording: str, name: str = "vitro-s") -> None:
    cell = load_cell(cell_file("sim"))
    with closing(open_recording(Path(recording))) as camera:
        frame = camera.read()
    view = locate_table(frame, cell)

    relative = open_estimator(name).estimate([frame], view.plane)  # or path/to/file.py: own_estimator.py
    metric = fit_metric(relative, view, frame)  # scale and shift at the tags, then what bends over the table

    table_m = view.plane.depth(frame.intrinsics.rays())
    above_mm = 1000 * (table_m - metric.depth_m)  # along the ray: positive where something stands on the table
    print(f"{relative.estimator} gives {relative.kind}; {np.isfinite(metric.depth_m).mean():.0%} of pixels have depth")
    print(f"median error at the table's anchors: {metric.residual_mm:.1f} mm")
    print(f"{(above_mm > 15).mean():.1%} of the picture stands more than 15 mm before the table")


if __name__ == "__main__":
    run_example(main)
