"""1. Where the table is, by the AprilTags in one picture.

python main.py record --surface diffuse --seed 8 --frames 1 --out scene    # once: a picture of the digital cell
.venv/bin/python -m examples.1_locate_a_table scene
"""

from contextlib import closing
from pathlib import Path

import numpy as np

from app.paths import cell_file
from core.cell import load_cell
from core.transforms import invert
from examples.command_line import run_example
from hardware.cameras.recorded import open_recording
from perception.table.camera_shift import camera_shift
from perception.table.locate import locate_table


def main(recording: str) -> None:
    cell = load_cell(cell_file("sim"))  # tags, arms, camera and workspace: app/cells/sim.yaml
    with closing(open_recording(Path(recording))) as camera:
        frame = camera.read()

    view = locate_table(frame, cell)  # raises a PerceptionError that says why, where there is no table to trust

    print(f"{len(view.tags)} tags, {view.residual_px:.2f} px: {', '.join(f'tag{tag.id}' for tag in view.tags)}")
    print(f"the camera stands {view.plane.height(np.zeros(3)):.3f} m above the table")
    T_world_camera = invert(view.T_camera_world)
    print(f"the camera is at {np.round(T_world_camera[:3, 3], 3)} m,")
    print(f"{camera_shift(view, cell)} from where the cell's file has it")


if __name__ == "__main__":
    run_example(main)
