"""`python main.py depth SOURCE --out DIR`: the depth of a clip, metric where it can be scaled."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.markup import escape

from app.clips.clip_run import (
    ClipMaps,
    check_source,
    demand_depth,
    earlier_result,
    estimate_maps,
    hold_work,
    identity_of,
    say_where,
)
from app.clips.map_file import FILES, METRIC, MapFile
from app.clips.options import DepthOptions
from app.clips.previews import SHEET, VIDEO, Samples, save_previews
from app.console import Console
from app.estimator_choice import choose_estimator
from app.paths import cell_file
from core.cell import load_cell
from core.errors import CalibrationError, PerceptionError
from core.files import writing
from core.image import RgbdImage
from core.work import Work, digest_of
from perception.depth_types import Kind, RelativeDepth, TableView
from perception.estimators.registry import find_estimator, open_estimator
from perception.table.clip_scale import ClipScale, fit_clip
from perception.table.locate import locate_table
from perception.table.metric_scale import to_metres

Locate = Callable[[RgbdImage], TableView]


def estimate_depth(options: DepthOptions, console: Console) -> dict[str, Any]:
    """Writes the maps, depth_m.npy where the clip can be scaled, pictures and summary.json; the summary.

    Raises:
        ConfigurationError: a wrong option.
        StorageError: a folder that takes no file.
        CameraError: a damaged or empty clip, found before anything else is done.
        PerceptionError: weights that cannot be used, or a model that fails on this clip.
    """
    from perception.estimators.running import pick_device

    source, out, fresh = options.source, options.out, options.fresh
    settings = replace(options.settings, device=str(pick_device(options.device)))
    name, why = choose_estimator(options.estimator, options.weights)
    cell_path = cell_file(options.cell)
    specification, locate = find_estimator(name), partial(locate_table, cell=load_cell(cell_path))
    check_source(source, out)
    identity = identity_of(source, specification.identity, settings) | {"cell": digest_of(cell_path)}
    work = Work(out, "depth", identity, (*FILES.values(), SHEET, VIDEO))
    if summary := earlier_result(work, fresh, console):
        return summary
    demand_depth(specification, source, why)
    with console.stage("load") as line:
        estimator = open_estimator(specification, settings, locate=lambda image: locate(image).plane)
        line.detail = f"estimator {estimator.name} ({why})"
    kind = specification.gives
    assert kind != "normals"
    with hold_work(work, fresh, console):
        maps = estimate_maps(source, estimator, work, console)
        samples = save_previews(maps, kind, work.folder, console)
        files = {FILES[kind]: maps.path} | {picture: work.folder / picture for picture in (SHEET, VIDEO)}
        scale, why_not = _fit(maps, samples, kind, locate)
        if scale is not None:
            files[METRIC] = _write_metric(maps.values, kind, scale, work.folder / f"{METRIC}.part", console)
        request = {"source": str(source), "chosen": why, "settings": settings}
        summary = work.publish(files, {**request, **maps.facts, "kind": kind, **_scale_facts(scale, why_not)})
    _say_scale(summary, console)
    say_where(summary, FILES[kind], out, console)
    return summary


def _fit(maps: ClipMaps, samples: Samples, kind: Kind, locate: Locate) -> tuple[ClipScale | None, str]:
    """The clip's scale by some of its frames, or why there is none."""
    if kind == "metric":
        return None, "it is metric as it is"
    frames = {number: frame.rgbd for number, frame in samples.items() if frame.rgbd is not None}
    if not frames:
        return None, "the source has neither depth nor intrinsics: give a .bag, a .db3 or a frame folder"
    values = maps.values
    relative = [RelativeDepth(np.array(values[number]), kind, maps.facts["estimator"]) for number in frames]
    try:
        return fit_clip(list(frames), list(frames.values()), relative, locate), ""
    except (PerceptionError, CalibrationError) as error:
        return None, str(error)


def _write_metric(maps: NDArray[np.float32], kind: Kind, scale: ClipScale, path: Path, console: Console) -> Path:
    metric = MapFile(path, maps.shape)
    with writing(path), console.frames_bar("metric") as show:
        metric.start()
        for number, values in enumerate(maps, 1):
            metric.append([to_metres(np.array(values), kind, scale.scale, scale.shift)])
            show(number, len(maps))
        metric.close()
    return path


def _scale_facts(scale: ClipScale | None, why_not: str) -> dict[str, Any]:
    if scale is None:
        return {"scale": None, "not_scaled": why_not}
    line = {"scale": scale.scale, "shift": scale.shift, "by": scale.anchor_source}
    return {"scale": {**line, "frames": scale.frames, "refused": scale.refused}}


def _say_scale(summary: dict[str, Any], console: Console) -> None:
    if scale := summary["scale"]:
        drift_mm = max(frame["drift_mm"] for frame in scale["frames"])
        residual_mm = max(frame["residual_mm"] for frame in scale["frames"])
        console.say(
            f"  metric by {scale['by']} on {len(scale['frames'])} frame(s): within {residual_mm:.1f} mm at the table, "
            f"drift {drift_mm:.1f} mm"
        )
    elif summary["kind"] != "metric":
        console.say(f"  not scaled to metres: {escape(summary['not_scaled'])}")
