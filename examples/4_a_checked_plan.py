"""4. From grasps to motions that an independent gate has passed; nothing moves.

.venv/bin/python -m examples.4_a_checked_plan scene         # a picture as of example 1
"""

from contextlib import closing
from pathlib import Path

from app.paths import cell_file
from core.cell import load_cell
from examples.command_line import run_example
from grasping.detection.detector import DetectorInput
from grasping.detection.registry import create_detector
from grasping.planning.planner import plan_grasp
from hardware.cameras.recorded import open_recording
from hardware.robot.description import PARK_JOINTS
from perception.objects.masks import object_region
from perception.table.locate import locate_table


def main(recording: str) -> None:
    cell = load_cell(cell_file("sim"))
    with closing(open_recording(Path(recording))) as camera:
        frame = camera.read()
    view = locate_table(frame, cell)
    joints = {name: PARK_JOINTS for name in cell.arms}  # on a real cell: arm.state().joints_rad of each
    region = object_region(view, cell, frame.intrinsics, joints, frame.depth_m)
    grasps = create_detector("antipodal").detect(DetectorInput(frame.depth_m, frame.intrinsics, view.plane, region))

    plan = plan_grasp(grasps, view, cell, joints, seed=0)  # raises a PlanningError that tells why each grasp fell out

    for phase, motion in plan.motions.items():
        print(f"{phase}: {motion.duration_s:.1f} s, ends at {motion.positions_rad[-1].round(2)} rad")
    print(f"{plan.arm} arm, opens to {1000 * plan.pre_open_m:.0f} mm, tool at {plan.T_world_tcp[:3, 3].round(3)} m")
    print(f"gate passed: {plan.gate.passed}, {plan.gate.configurations_checked} configurations")


if __name__ == "__main__":
    run_example(main)
