"""The page a person watches in the browser: cloud, arms, the chosen grasp and its path, in 3D."""

import socket
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from app.page.page_guard import LOOPBACK, PageGuard
from app.run.trial import Trial
from core.cell import Cell
from core.cell_parts import ArmMount
from core.transforms import Matrix, apply, invert, rotation_to_quaternion
from grasping.planning.grasp_plan import GraspPlan, Phase
from hardware.cameras.frame import RgbdFrame
from hardware.robot.description import SHAPES
from hardware.robot.kinematics import forward_kinematics, link_poses
from perception.objects.clouds import organised_cloud, without_flying_pixels

PORT = 8080
_ANY = ("0.0.0.0", "::")
#: Every n-th pixel of the cloud is sent: enough to see by, light enough for a laptop over SSH.
STRIDE = 3
PHASE_COLORS = {
    Phase.TRANSIT: (120, 120, 120),
    Phase.APPROACH: (255, 150, 0),
    Phase.LIFT: (0, 170, 80),
    Phase.PLACE: (0, 120, 220),
    Phase.RETREAT: (120, 120, 120),
}


class LivePage:
    """A viser server that shows the newest trial, to whom its guard lets in.

    host: the address that it listens at; beyond this machine's own, `address` holds the token that it asks for.
    """

    def __init__(self, cell: Cell, host: str = LOOPBACK[0]) -> None:
        import rich
        import viser

        class Server(viser.ViserServer):
            def request_share_url(self, verbose: bool = True) -> str | None:
                """Any visitor's button would open a tunnel to a server outside."""
                return None

        self._cell, self._guard, self._host = cell, PageGuard(host), host
        # viser prints by rich's own console, on its threads too; standard output may be carrying a command's JSON.
        rich.reconfigure(quiet=True)
        with self._guard.guarding():
            self._server = Server(host=host, port=PORT, label="Vitro", verbose=False)
        self._server.gui.configure_theme(show_share_button=False)
        self._text = self._server.gui.add_markdown("Waiting for the first trial.")
        self._image = self._server.gui.add_image(np.full((48, 85, 3), 40, np.uint8), label="camera")
        self._server.initial_camera.position = (0.7, -0.45, 0.55)
        self._server.initial_camera.look_at = (0.0, 0.0, 0.05)
        width_m, depth_m = cell.table.size_m
        self._server.scene.add_box(
            "/table", (200, 190, 175), (width_m, depth_m, 0.02), position=(0.0, 0.0, -0.0105), cast_shadow=False
        )

    @property
    def address(self) -> str:
        port, token = self._server.get_port(), self._guard.token
        name = "localhost" if not token else socket.gethostname() if self._host in _ANY else self._host
        return f"http://{name}:{port}{f'/?token={token}' if token else ''}"

    def show(self, trial: Trial, joints_rad: Mapping[str, NDArray[np.float64]]) -> None:
        """Draws whatever the trial has reached; called before approval and after each trial."""
        lines = [f"## {trial.surface} table, scene {trial.seed}"]
        if trial.estimate is not None:
            lines.append(f"depth by **{trial.shown_estimator}**")
        if trial.plan is not None:
            lines.append(f"**{trial.plan.arm}** arm, gate {'passed' if trial.plan.gate.passed else 'refused'}")
        if trial.outcome is not None:
            lines.append(f"**{trial.outcome}** {trial.reason}")
        lines += [f"- {stage}: {seconds:.2f} s" for stage, seconds in trial.stages_s.items()]
        self._text.content = "\n\n".join(lines[:4]) + "\n\n" + "\n".join(lines[4:])
        if trial.frame is not None:
            self._image.image = trial.frame.color
        for name, mount in self._cell.arms.items():
            if name in joints_rad:
                self._draw_arm(name, mount, joints_rad[name])
        if trial.frame is not None and trial.metric is not None and trial.view is not None:
            self._draw_cloud(trial.frame, trial.metric.depth_m, trial.view.T_camera_world)
        if trial.plan is not None:
            self._draw_plan(trial.plan)

    def close(self) -> None:
        self._server.stop()

    def _draw_cloud(self, frame: RgbdFrame, depth_m: NDArray[np.float32], T_camera_world: Matrix) -> None:
        points = organised_cloud(without_flying_pixels(depth_m), frame.intrinsics)[::STRIDE, ::STRIDE]
        known = np.isfinite(points[..., 2])
        self._server.scene.add_point_cloud(
            "/cloud",
            apply(invert(T_camera_world), points[known]).astype(np.float32),
            frame.color[::STRIDE, ::STRIDE][known],
            point_size=0.002,
        )

    def _draw_arm(self, name: str, mount: ArmMount, joints_rad: NDArray[np.float64]) -> None:
        scene, poses = self._server.scene, link_poses(joints_rad, mount.gripper_stroke_m, mount.firmware)
        for link, shapes in SHAPES.items():
            for index, shape in enumerate(shapes):
                T_world_shape = mount.T_world_base @ poses[link] @ shape.T_link_shape
                path, size_m, (red, green, blue) = f"/arms/{name}/{link}/{index}", shape.size_m, shape.rgb
                color = (round(255 * red), round(255 * green), round(255 * blue))
                position, wxyz = T_world_shape[:3, 3], rotation_to_quaternion(T_world_shape[:3, :3])
                if shape.kind == "box":
                    scene.add_box(path, color, 2 * np.array(size_m), position=position, wxyz=wxyz)
                elif shape.kind == "cylinder":
                    scene.add_cylinder(path, size_m[0], 2 * size_m[1], color, position=position, wxyz=wxyz)
                else:
                    scene.add_icosphere(path, size_m[0], color, position=position, wxyz=wxyz)

    def _draw_plan(self, plan: GraspPlan) -> None:
        mount = self._cell.arms[plan.arm]
        for phase, motion in plan.motions.items():
            path_m = [
                (mount.T_world_base @ forward_kinematics(joints, mount.firmware))[:3, 3]
                for joints in motion.positions_rad[:: max(1, len(motion.positions_rad) // 60)]
            ]
            segments = np.stack([path_m[:-1], path_m[1:]], axis=1)
            self._server.scene.add_line_segments(f"/path/{phase}", segments, PHASE_COLORS[phase], thickness=0.004)
        self._server.scene.add_frame(
            "/grasp",
            axes_length=0.05,
            axes_radius=0.003,
            position=plan.T_world_tcp[:3, 3],
            wxyz=rotation_to_quaternion(plan.T_world_tcp[:3, :3]),
        )
