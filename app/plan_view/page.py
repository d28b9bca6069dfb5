"""The page of `plan-view`: the cell in 3D, the planner's spheres and voxels, every grasp by what became of it."""

from collections import Counter
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.events import TrialChange
from app.page.cell_scene import PHASE_COLORS, CellScene
from app.page.playback import PlanPlayback
from app.page.playing_page import PlayingPage
from app.plan_view.planned import STANDING_ARMS, VOXEL_COLORS, PlanScene, Rgb
from grasping.planning.arm_model import COVER, ArmModel
from grasping.planning.obstacles import VOXEL_M

if TYPE_CHECKING:
    from viser import SceneApi

#: A voxel is drawn smaller than it is: the grasps stand among them.
_VOXEL_MARK_M = 0.3 * VOXEL_M
_COVER_RGB, _COVER_OPACITY = (20, 150, 160), 0.35


class CoverShapes:
    """An arm's spheres as the planner checks them; still_rad (6,): where they stand when nothing is planned."""

    def __init__(self, scene: "SceneApi", path: str, arm: ArmModel, still_rad: NDArray[np.float64]) -> None:
        import trimesh

        self._arm, self._still_rad = arm, still_rad
        ball, count = trimesh.creation.icosphere(subdivisions=1), len(COVER.radius_m)
        self.handle = scene.add_batched_meshes_simple(
            path,
            np.array(ball.vertices, np.float32),
            np.array(ball.faces, np.uint32),
            np.tile(np.array([1.0, 0.0, 0.0, 0.0], np.float32), (count, 1)),
            self._centers_m(still_rad, 0.0),
            batched_scales=COVER.radius_m.astype(np.float32),
            batched_colors=_COVER_RGB,
            opacity=_COVER_OPACITY,
            lod="off",
            cast_shadow=False,
        )

    def move(self, joints_rad: NDArray[np.float64], gripper_width_m: float) -> None:
        self.handle.batched_positions = self._centers_m(joints_rad, gripper_width_m)

    def hide(self) -> None:
        self.move(self._still_rad, 0.0)

    def _centers_m(self, joints_rad: NDArray[np.float64], width_m: float) -> NDArray[np.float32]:
        return self._arm.place(joints_rad[None], width_m).centers_m[0].astype(np.float32)


class PlanPage(PlayingPage):
    """Plays the planned motion until it is closed."""

    def __init__(self, scene: PlanScene, host: str) -> None:
        super().__init__(host)
        self._planned = scene
        server, gui = self._server.viser, self._server.viser.gui
        gui.add_html(_heading(scene))
        self._covers = {
            name: CoverShapes(server.scene, f"/spheres/{name}", ArmModel(name, mount), scene.joints_rad[name])
            for name, mount in scene.cell.arms.items()
        }
        self._playback = PlanPlayback(server, scene.cell, self._covers)
        cell_scene = CellScene(server, scene.cell)
        cell_scene.place(scene.joints_rad)
        gui.add_html(_legend(scene))
        with gui.add_folder("Show"):
            self._add_toggle("the arms' spheres", [cover.handle for cover in self._covers.values()], True)
            self._draw_voxels()
            self._draw_grasps()
        for part in (cell_scene, self._playback):
            part.hear(TrialChange(scene.trial))
        self._thread.start()

    def tick(self, now_s: float) -> None:
        self._playback.tick(now_s)

    def _draw_voxels(self) -> None:
        scene = self._server.viser.scene
        for what, points_m in self._planned.voxels_m.items():
            handle = _add_points(scene, f"/voxels/{what}", points_m, VOXEL_COLORS[what], _VOXEL_MARK_M)
            self._add_toggle(f"occupied: {what}", [handle], what != STANDING_ARMS)
        if len(binned_m := self._planned.will_be_binned_m):
            handle = _add_points(scene, "/binned", binned_m, (0, 120, 220), _VOXEL_MARK_M / 2)
            self._add_toggle("will stand in the bin", [handle], True)

    def _draw_grasps(self) -> None:
        counts = Counter(self._planned.fates)
        for number, (fate, rgb) in enumerate(reversed(self._planned.colors.items())):
            segments_m = self._planned.grippers_m(fate)
            handle = self._server.viser.scene.add_line_segments(f"/grasps/{number}", segments_m, rgb, thickness=0.002)
            self._add_toggle(f"{fate} ({counts[fate]})", [handle], True)

    def _add_toggle(self, words: str, handles: list[Any], shown: bool) -> None:
        box = self._server.viser.gui.add_checkbox(words, shown)

        def toggle(_: Any = None) -> None:
            for handle in handles:
                handle.visible = box.value

        box.on_update(toggle)
        toggle()


def _add_points(scene: "SceneApi", path: str, points_m: NDArray[np.float64], rgb: Rgb, size_m: float) -> Any:
    return scene.add_point_cloud(
        path, points_m.astype(np.float32), rgb, point_size=size_m, point_shape="square", point_shading="flat"
    )


def _heading(scene: PlanScene) -> str:
    kind = "word" if scene.trial.plan is not None else "fault"
    remedy = "" if scene.stopped is None else f"<br><small>{escape(scene.stopped.remedy)}</small>"
    return (
        f'<div class="vitro"><b>{escape(scene.name)}</b>, {escape(scene.estimator)}'
        f'<div class="{kind}">{escape(scene.words)}{remedy}</div></div>'
    )


def _legend(scene: PlanScene) -> str:
    """Every fate with its colour and how many grasps have it; the phases of the path."""
    counts = Counter(scene.fates)
    rows = [_row(rgb, fate, str(counts[fate])) for fate, rgb in reversed(scene.colors.items())]
    phases = scene.trial.plan.motions if scene.trial.plan is not None else ()
    paths = [_row(PHASE_COLORS[phase], f"tool's path: {phase}", "") for phase in phases]
    voxels = [_row(VOXEL_COLORS[what], f"occupied: {what}", "") for what in scene.voxels_m]
    heading = f'<tr><th></th><th>grasps</th><th class="number">{len(scene.fates)}</th></tr>'
    return f'<div class="vitro"><table id="vitro-fates">{heading}{"".join([*rows, *paths, *voxels])}</table></div>'


def _row(rgb: Rgb, words: str, count: str) -> str:
    swatch = f'<td style="color: rgb{rgb}">&#9632;</td>'
    return f'<tr>{swatch}<td>{escape(words)}</td><td class="number">{count}</td></tr>'
