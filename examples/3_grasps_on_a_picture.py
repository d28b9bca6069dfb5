"""3. Grasps on what stands on the table, as GraspNet rows and drawn into the picture.

.venv/bin/python -m examples.3_grasps_on_a_picture scene grasps.png     # a picture as of example 1
"""

from contextlib import closing
from pathlib import Path

from app.paths import cell_file
from core.cell import load_cell
from core.image_file import write_image
from examples.command_line import run_example
from grasping.detection.detector import DetectorInput
from grasping.detection.registry import create_detector
from grasping.grasp_set import SCORE, WIDTH, T_camera_tcp
from grasping.pictures import draw_grasps
from hardware.cameras.recorded import open_recording
from hardware.robot.description import PARK_JOINTS
from perception.objects.masks import object_region
from perception.table.locate import locate_table


def main(recording: str, picture: str = "grasps.png") -> None:
    cell = load_cell(cell_file("sim"))
    with closing(open_recording(Path(recording))) as camera:
        frame = camera.read()
    view = locate_table(frame, cell)
    parked = {name: PARK_JOINTS for name in cell.arms}

    region = object_region(view, cell, frame.intrinsics, parked, frame.depth_m)  # not the bin, the tags or the arms
    detector = create_detector("antipodal")  # or path/to/file.py: own_detector.py
    grasps = detector.detect(DetectorInput(frame.depth_m, frame.intrinsics, view.plane, region))

    print(f"{len(grasps)} grasps {grasps.note}")
    for row in grasps.rows[:3]:
        print(f"score {row[SCORE]:.2f}, {1000 * row[WIDTH]:.0f} mm wide, tool at {T_camera_tcp(row)[:3, 3].round(3)} m")
    write_image(Path(picture), draw_grasps(frame.color, grasps.rows[:8], frame.intrinsics))


if __name__ == "__main__":
    run_example(main)
