"""The page of a replay: both arms as measured beside as planned, the cloud, colour and depth, and what was said."""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.page.arm_shapes import ArmShapes, ghost_arm
from app.page.cell_scene import add_fixtures
from app.page.images import fit_width, placeholder
from app.page.playing_page import PlayingPage
from app.replay.timeline import Timeline, cloud_points, newest
from app.replay.transport import Transport
from core.cell import Cell
from core.transforms import apply
from hardware.robot.description import PARK_JOINTS
from perception.pictures import colour_depth, depth_range

_TABLE_RGB, _BIN_RGB = (200, 190, 175), (90, 100, 130)
_NOTES_SHOWN = 40


class ReplayPage(PlayingPage):
    """Shows the time at which its keys are until it is closed. heading: HTML above everything."""

    def __init__(self, timeline: Timeline, cell: Cell, heading: str, host: str) -> None:
        super().__init__(host)
        self._timeline, self._cell = timeline, cell
        server, gui = self._server.viser, self._server.viser.gui
        gui.add_html(f'<div class="vitro">{heading}</div>')
        self._transport = Transport(server, timeline.duration_s, timeline.steps_s, timeline.seen_s)
        self._planned: Any = gui.add_checkbox("arm as planned (teal)", True)
        self._cloud: Any = gui.add_checkbox("cloud", True)
        tabs = gui.add_tab_group()
        with tabs.add_tab("Pictures"):
            self._images = {
                name: gui.add_image(placeholder(f"no {name} yet"), label=name)
                for name in ("colour", "sensor's depth", "estimate")
            }
        with tabs.add_tab("Stages"):
            self._notes = gui.add_html("")
        self._shown: dict[str, object] = {}
        self._lay_out(server, cell)
        self._thread.start()

    def tick(self, now_s: float) -> None:
        self._transport.tick(now_s)
        self.draw(self._transport.time_s)

    def _lay_out(self, server: Any, cell: Cell) -> None:
        scene = server.scene
        server.initial_camera.position, server.initial_camera.look_at = (0.9, -0.6, 0.7), (-0.05, 0.0, 0.08)
        width_m, depth_m = cell.table.size_m
        scene.add_box("/table", _TABLE_RGB, (width_m, depth_m, 0.02), position=(0.0, 0.0, -0.0105), cast_shadow=False)
        for number, (center_m, half_m) in enumerate(cell.bin.slabs):
            scene.add_box(f"/bin/{number}", _BIN_RGB, tuple(2 * half_m), position=center_m, opacity=0.6)
        add_fixtures(scene, cell)
        self._arms = {name: ArmShapes(scene, f"/arms/{name}", mount) for name, mount in cell.arms.items()}
        self._ghosts = {
            name: ghost_arm(scene, f"/planned/{name}", cell.arms[name])
            for name in self._timeline.planned
            if name in cell.arms
        }
        self._points: Any = None

    def draw(self, time_s: float) -> None:
        """Shows a time; sends only what is not shown already."""
        self._draw_arms(time_s)
        if self._is_new("cloud", (newest(self._timeline.clouds, time_s), self._cloud.value)):
            self._draw_cloud(time_s)
        if self._is_new("pictures", tuple(map(id, self._pictures(time_s).values()))):
            self._draw_pictures(time_s)
        said = sum(note.time_s <= time_s + 1e-6 for note in self._timeline.notes)
        if self._is_new("notes", said):
            self._notes.content = _notes_html(self._timeline, said)

    def _is_new(self, what: str, value: object) -> bool:
        if what in self._shown and self._shown[what] == value:
            return False
        self._shown[what] = value
        return True

    def _draw_arms(self, time_s: float) -> None:
        for name, shapes in self._arms.items():
            track = self._timeline.measured.get(name)
            joints_rad, width_m = (PARK_JOINTS, 0.0) if track is None else track.at(time_s)
            shapes.move(joints_rad, width_m)
        for name, ghost in self._ghosts.items():
            track = self._timeline.planned[name]
            if self._planned.value and track.times_s[0] <= time_s:
                measured = self._timeline.measured.get(name)
                ghost.move(track.at(time_s)[0], 0.0 if measured is None else measured.at(time_s)[1])
            else:
                ghost.hide()

    def _draw_cloud(self, time_s: float) -> None:
        cloud, T_world_camera = newest(self._timeline.clouds, time_s), newest(self._timeline.cameras, time_s)
        if self._points is not None:
            self._points.remove()
            self._points = None
        if cloud is not None and T_world_camera is not None and self._cloud.value:
            points_m, rgb = cloud_points(cloud)
            world_m = apply(T_world_camera, points_m).astype(np.float32)
            self._points = self._server.viser.scene.add_point_cloud("/cloud", world_m, rgb, point_size=0.002)

    def _pictures(self, time_s: float) -> Mapping[str, NDArray | None]:
        line = self._timeline
        return {
            "colour": newest(line.colors, time_s),
            "sensor's depth": newest(line.depths, time_s),
            "estimate": newest(line.estimates, time_s),
        }

    def _draw_pictures(self, time_s: float) -> None:
        pictures = self._pictures(time_s)
        depths = [pictures[name] for name in ("estimate", "sensor's depth") if pictures[name] is not None]
        span_m = depth_range(*depths[:1]) if depths else (0.0, 1.0)  # type: ignore[arg-type]
        for name, handle in self._images.items():
            image = pictures[name]
            if image is None:
                handle.image = placeholder(f"no {name} yet")
            else:
                handle.image = fit_width(image if image.ndim == 3 else colour_depth(image, *span_m))


def _notes_html(timeline: Timeline, said: int) -> str:
    """What was said by now, the newest first."""
    rows = "".join(
        f'<tr><td class="number">{note.time_s:.2f}</td><td>{escape(note.name)}</td>'
        f'<td class="{"failure" if note.is_error else ""}"><small>{escape(note.words)}</small></td></tr>'
        for note in reversed(timeline.notes[max(0, said - _NOTES_SHOWN) : said])
    )
    return f'<div class="vitro"><table id="vitro-notes">{rows}</table></div>'
