"""`python main.py normals SOURCE --out DIR`: the surface normals of a clip."""

from dataclasses import replace
from typing import Any

from app.clips.clip_run import (
    check_source,
    demand_depth,
    earlier_result,
    estimate_maps,
    hold_work,
    identity_of,
    say_where,
)
from app.clips.options import NormalsOptions
from app.clips.previews import SHEET, VIDEO, save_previews
from app.console import Console
from core.work import Work
from perception.estimators.registry import find_estimator, open_estimator

NORMALS = "normals.npy"


def estimate_normals(options: NormalsOptions, console: Console) -> dict[str, Any]:
    """Writes normals.npy (F, H, W, 3: unit vectors in camera axes), pictures and summary.json; the summary.

    Raises: as `estimate_depth`.
    """
    from perception.estimators.running import pick_device

    source, specification = options.source, find_estimator(options.estimator, "normals")
    settings = replace(options.settings, device=str(pick_device(options.device)))
    check_source(source, options.out)
    work = Work(options.out, "normals", identity_of(source, specification.identity, settings), (NORMALS, SHEET, VIDEO))
    if summary := earlier_result(work, options.fresh, console):
        return summary
    demand_depth(specification, source, "as asked")
    with console.stage("load") as line:
        estimator = open_estimator(specification, settings)
        line.detail = f"estimator {estimator.name}"
    with hold_work(work, options.fresh, console):
        maps = estimate_maps(source, estimator, work, console)
        save_previews(maps, "normals", work.folder, console)
        files = {NORMALS: maps.path} | {picture: work.folder / picture for picture in (SHEET, VIDEO)}
        request = {"source": str(source), "chosen": "as asked", "settings": settings}
        axes = {"kind": "normals", "axes": "camera: x right, y down, z forward; facing the camera z < 0"}
        summary = work.publish(files, {**request, **maps.facts, **axes})
    say_where(summary, NORMALS, options.out, console)
    return summary
