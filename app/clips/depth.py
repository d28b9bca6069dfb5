"""`python main.py depth SOURCE --out DIR`: the depth of a clip, metric where it can be scaled."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape

from app.clips.clip_run import (
    ClipRequest,
    begun,
    checked_clip,
    demand_source,
    done_before,
    facts_of,
    identity_of,
    on_device,
    say_done,
    work_through,
)
from app.clips.map_file import FILES, METRIC, MapFile
from app.clips.previews import SHEET, VIDEO, Sample, save_previews
from app.console import Console
from app.estimator_choice import choose_estimator
from app.paths import cell_file
from core.cell import Cell, load_cell
from core.errors import CalibrationError, PerceptionError
from core.files import writing
from core.work import Work, digest_of
from hardware.cameras.clips.files import may_have_depth
from perception.depth_types import Kind, RelativeDepth
from perception.estimators.registry import find_estimator, open_estimator
from perception.table.clip_scale import ClipScale, fit_clip
from perception.table.locate import locate_table
from perception.table.metric_scale import to_metres


def estimate_depth(request: ClipRequest, cell_name: str, as_json: bool) -> int:
    """Writes the maps, depth_m.npy where the clip can be scaled, pictures and summary.json; 0 when all is there."""
    console = Console(as_json)
    console.result(depth_of_clip(request, cell_name, console))
    return 0


def depth_of_clip(request: ClipRequest, cell_name: str, console: Console) -> dict[str, Any]:
    """The work of `depth`; its summary.

    Raises:
        ConfigurationError: a wrong option.
        StorageError: a folder that takes no file.
        CameraError: a damaged or empty clip, found before anything else is done.
        PerceptionError: weights that cannot be used, or a model that fails on this clip.
    """
    request = on_device(request)
    name, why = choose_estimator(request.estimator, request.settings.weights)
    specification, cell = find_estimator(name), load_cell(cell_file(cell_name))
    identity = identity_of(request, specification.identity, cell=digest_of(cell_file(cell_name)))
    work = Work(request.out, "depth", identity, (*FILES.values(), SHEET, VIDEO))
    if done := done_before(work, request, console):
        return done
    demand_source(specification, request.source, why)
    with console.stage("load") as line:
        estimator = open_estimator(
            specification, request.settings, locate=lambda image: locate_table(image, cell).plane
        )
        line.detail = f"estimator {estimator.name} ({why})"
    kind = specification.gives
    assert kind != "normals"
    with begun(work, request, console):
        clip = checked_clip(request.source, console)
        maps = MapFile(work.folder / f"{kind}.npy.part", (clip.count, clip.height, clip.width))
        copies = 2 if may_have_depth(request.source) and kind != "metric" else 1
        worked = work_through(clip, estimator, maps, work, console, copies)
        maps.close()
        files = {FILES[kind]: maps.path}
        samples = save_previews(clip, maps, kind, work.folder, console)
        files |= {picture: work.folder / picture for picture in (SHEET, VIDEO)}
        scale, why_not = _fit(samples, worked.estimator, kind, cell)
        if scale is not None:
            files[METRIC] = _write_metric(maps, kind, scale, work.folder / f"{METRIC}.part", console)
        summary = facts_of(request, clip, worked, why) | {"kind": kind} | _scale_facts(scale, why_not)
        summary = work.publish(files, summary)
    _tell(console, summary, request.out)
    return summary


def _fit(samples: list[Sample], estimator: str, kind: Kind, cell: Cell) -> tuple[ClipScale | None, str]:
    """The clip's scale, or why there is none."""
    if kind == "metric":
        return None, "it is metric as it is"
    seen = [s for s in samples if s.frame.rgbd is not None]
    if not seen:
        return None, "the source has neither depth nor intrinsics: give a .bag, a .db3 or a frame folder"
    frames = [s.frame.rgbd for s in seen if s.frame.rgbd is not None]
    maps = [RelativeDepth(s.values, kind, estimator) for s in seen]
    try:
        return fit_clip([s.number for s in seen], frames, maps, cell), ""
    except (PerceptionError, CalibrationError) as error:
        return None, str(error)


def _write_metric(maps: MapFile, kind: Kind, scale: ClipScale, path: Path, console: Console) -> Path:
    metric = MapFile(path, maps.shape)
    with writing(path), console.frames_bar("metric") as show:
        metric.start()
        for number, values in enumerate(maps.read(), 1):
            metric.append([to_metres(values, kind, scale.scale, scale.shift)])
            show(number, maps.written)
        metric.close()
    return path


def _scale_facts(scale: ClipScale | None, why_not: str) -> dict[str, Any]:
    if scale is None:
        return {"scale": None, "not_scaled": why_not}
    frames = [asdict(frame) for frame in scale.frames]
    return {
        "scale": {
            "scale": scale.scale,
            "shift": scale.shift,
            "by": scale.anchor_source,
            "frames": frames,
            "refused": {str(number): cause for number, cause in scale.refused.items()},
        }
    }


def _tell(console: Console, summary: dict[str, Any], out: Path) -> None:
    if scale := summary["scale"]:
        drift_mm = max(frame["drift_mm"] for frame in scale["frames"])
        residual_mm = max(frame["residual_mm"] for frame in scale["frames"])
        console.say(
            f"  metric by {scale['by']} on {len(scale['frames'])} frame(s): within {residual_mm:.1f} mm at the table, "
            f"drift {drift_mm:.1f} mm"
        )
    elif summary["kind"] != "metric":
        console.say(f"  not scaled to metres: {escape(summary['not_scaled'])}")
    say_done(summary, FILES[summary["kind"]], out, console)
