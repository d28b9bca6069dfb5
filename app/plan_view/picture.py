"""What the planner saw and did as one picture, for who has no browser: two views, and what the colours mean."""

from collections import Counter
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from app.page.cell_scene import PHASE_COLORS, tool_paths
from app.plan_view.planned import VOXEL_COLORS, PlanScene, Rgb
from core.files import writing
from core.report.words import counted
from core.transforms import Matrix
from grasping.planning.arm_model import COVER, ArmModel
from grasping.planning.grasp_plan import Phase

#: Elevation and azimuth [degrees] of the views: over a corner of the table, and from above.
_VIEWS = ((28.0, -35.0), (90.0, -90.0))
#: How much of its place a view fills: the numbers at its heights stand beside it.
_ZOOMS = (0.88, 1.05)
_COVER_RGB = (20, 150, 160)
_SIZE_IN, _DPI = (17.0, 9.0), 110
#: How large a metre is drawn, about [points].
_POINTS_A_METRE = 420.0
#: What is shown reaches so far beyond everything that is occupied, and so high [m].
_BEYOND_M, _HIGHEST_M = 0.06, 0.5


def draw_picture(scene: PlanScene, path: Path) -> None:
    """Writes a PNG. Raises StorageError where it cannot."""
    with writing(path):
        figure_of(scene).savefig(path)


def figure_of(scene: PlanScene) -> Any:
    """The picture as matplotlib's figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE_IN, dpi=_DPI)
    FigureCanvasAgg(figure)
    for number, ((elevation, azimuth), zoom) in enumerate(zip(_VIEWS, _ZOOMS, strict=True)):
        axes: Any = figure.add_axes((0.43 * number, 0.0, 0.42, 0.92), projection="3d", computed_zorder=False)
        axes.view_init(elevation, azimuth)
        axes.set_proj_type("ortho")
        if elevation == 90.0:
            axes.set_zticks([])
        else:
            axes.set_zlabel("z [m]")
        _draw_view(axes, scene, zoom)
    title = f"{scene.name}, {scene.estimator}: {scene.words}"
    figure.suptitle(fill(title, 130), x=0.02, y=0.98, ha="left", va="top", fontsize=12)
    figure.legend(handles=_legend(scene), loc="center left", bbox_to_anchor=(0.82, 0.5), fontsize=10, frameon=False)
    return figure


def _draw_view(axes: Any, scene: PlanScene, zoom: float) -> None:
    for what, points_m in scene.voxels_m.items():
        _dots(axes, points_m, VOXEL_COLORS[what], 9.0, 0.35, zorder=2)
    _dots(axes, scene.will_be_binned_m, (0, 120, 220), 2.0, 0.4, zorder=3)
    _draw_covers(axes, scene)
    for number, (fate, rgb) in enumerate(reversed(scene.colors.items())):
        for start, end in scene.grippers_m(fate):
            axes.plot(*np.transpose([start, end]), color=_share(rgb), linewidth=0.9, zorder=10 + number)
    if scene.trial.plan is not None:
        for phase, path_m in tool_paths(scene.trial.plan, scene.cell).items():
            axes.plot(*path_m.T, color=_share(PHASE_COLORS[phase]), linewidth=2.5, zorder=40)
    bases_m = [mount.T_world_base[:3, 3] for mount in scene.cell.arms.values()]
    shown_m = np.vstack([*scene.voxels_m.values(), *(scene.grippers_m(fate)[:, 0] for fate in scene.colors), bases_m])
    low_m, high_m = shown_m.min(axis=0) - _BEYOND_M, shown_m.max(axis=0) + _BEYOND_M
    axes.set(xlim=(low_m[0], high_m[0]), ylim=(low_m[1], high_m[1]), zlim=(0.0, _HIGHEST_M))
    axes.set(xlabel="x [m]", ylabel="y [m]")
    axes.set_box_aspect((high_m[0] - low_m[0], high_m[1] - low_m[1], _HIGHEST_M), zoom=zoom)


def _draw_covers(axes: Any, scene: PlanScene) -> None:
    """The spheres of both arms; those of the planned one as it stands at the grasp."""
    plan = scene.trial.plan
    for name, mount in scene.cell.arms.items():
        joints, width_m = scene.joints_rad[name], 0.0
        if plan is not None and plan.arm == name:
            joints, width_m = plan.motions[Phase.APPROACH].positions_rad[-1], plan.pre_open_m
        centers_m = ArmModel(name, mount).place(joints[None], width_m).centers_m[0]
        sizes = (2 * COVER.radius_m * _POINTS_A_METRE) ** 2 / 4
        axes.scatter(*centers_m.T, s=sizes, color=_share(_COVER_RGB), alpha=0.3, linewidths=0, zorder=5)


def _dots(axes: Any, points_m: Matrix, rgb: Rgb, size: float, alpha: float, zorder: int) -> None:
    if len(points_m):
        axes.scatter(*points_m.T, s=size, color=_share(rgb), alpha=alpha, linewidths=0, zorder=zorder)


def _legend(scene: PlanScene) -> list[Any]:
    from matplotlib.lines import Line2D

    def line(rgb: Rgb, words: str, **style: Any) -> Any:
        return Line2D([], [], color=_share(rgb), label=words, **style)

    counts = Counter(scene.fates)
    grasps = [line(rgb, f"{fate}: {counts[fate]}", linewidth=3) for fate, rgb in reversed(scene.colors.items())]
    dots: dict[str, Any] = {"marker": "s", "linestyle": ""}
    voxels = [line(VOXEL_COLORS[what], f"occupied: {what}", **dots) for what in scene.voxels_m]
    return [
        line((255, 255, 255), counted(len(scene.fates), "grasp"), linewidth=0),
        *grasps,
        line((255, 255, 255), "", linewidth=0),
        *voxels,
        line(_COVER_RGB, "the arms' spheres" + (", at the grasp" if scene.trial.plan else ""), marker="o", ls=""),
        *(
            line(PHASE_COLORS[phase], f"tool's path: {phase}", linewidth=3)
            for phase in (scene.trial.plan.motions if scene.trial.plan else ())
        ),
    ]


def _share(rgb: Rgb) -> tuple[float, float, float]:
    red, green, blue = rgb
    return red / 255, green / 255, blue / 255
