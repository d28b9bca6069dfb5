"""`python main.py depth SOURCE --out DIR`: the depth of a clip, metric where it can be scaled."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape

from app.clips.clip_run import (
    ClipRequest,
    begun,
    checked_clip,
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
from core.errors import CalibrationError, ConfigurationError, PerceptionError
from core.files import writing
from core.work import Work, digest_of
from hardware.cameras.clips.files import may_have_depth
from perception.depth_types import RelativeDepth
from perception.estimators import create_clip_estimator
from perception.estimators.base import Kind
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
    cell = load_cell(cell_file(cell_name))
    identity = identity_of(request, name, cell=digest_of(cell_file(cell_name)))
    work = Work(request.out, "depth", identity, (*FILES.values(), SHEET, VIDEO))
    if done := done_before(work, request, console):
        return done
    _demand_depth(name, why, request)
    with console.stage("load") as line:
        estimator = create_clip_estimator(name, request.settings, lambda frame: locate_table(frame, cell).plane)
        line.detail = f"estimator {estimator.name} ({why})"
    with begun(work, request, console):
        clip = checked_clip(request.source, console)
        maps = MapFile(work.folder / f"{estimator.kind}.npy.part", (clip.count, clip.height, clip.width))
        is_metric = estimator.kind == "metric"
        copies = 2 if may_have_depth(request.source) and not is_metric else 1
        worked = work_through(clip, estimator, maps, work, console, is_metric, copies)
        maps.close()
        files = {FILES[estimator.kind]: maps.path}
        samples = save_previews(clip, maps, estimator.kind, work.folder, console)
        files |= {picture: work.folder / picture for picture in (SHEET, VIDEO)}
        scale, why_not = _fit(samples, worked.estimator, estimator.kind, cell)
        if scale is not None:
            files[METRIC] = _write_metric(maps, estimator.kind, scale, work.folder / f"{METRIC}.part", console)
        summary = facts_of(request, clip, worked, why) | {"kind": estimator.kind} | _scale_facts(scale, why_not)
        summary = work.publish(files, summary)
    _tell(console, summary, request.out)
    return summary


def _demand_depth(name: str, why: str, request: ClipRequest) -> None:
    """What needs more than colour is refused before anything is loaded."""
    if may_have_depth(request.source):
        return
    needs = {
        "raw": "has no depth of its own, and raw is nothing else",
        "vitro-s": "has no intrinsics.json and no depth, and vitro-s must know the camera and where the table is",
    }
    if name in needs:
        raise ConfigurationError(
            f"{request.source} {needs[name]} ({why}).",
            "Give a .bag, a .db3, or a folder of 000000.png with intrinsics.json; or fetch a model that needs colour "
            "alone (python main.py weights where) and name it with --estimator.",
        )


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
