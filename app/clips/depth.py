"""`python main.py depth SOURCE --out DIR`, metric where the clip can be scaled, and `normals`."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.clips.clip_run import ClipMaps, estimate_maps
from app.clips.map_file import FILES, METRIC, MapFile
from app.clips.options import DepthOptions, NormalsOptions
from app.clips.previews import SHEET, VIDEO, Samples, save_previews
from app.console import Console
from app.estimator_choice import choose_estimator
from app.paths import cell_file
from core.cell import load_cell
from core.errors import CalibrationError, CameraError, ConfigurationError, ContradictionError, PerceptionError
from core.files import writing
from core.image import RgbdImage
from core.report.words import counted
from core.work import Work, digest_of
from hardware.cameras.clips.files import may_have_depth
from hardware.cameras.frame_folder import refuse_empty
from hardware.cameras.recorded import open_recording
from perception.depth_types import Kind, RelativeDepth, TableView
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import find_estimator, open_estimator
from perception.estimators.running import pick_device
from perception.estimators.specification import EstimatorSpecification
from perception.table.clip_scale import ClipScale, fit_clip
from perception.table.locate import locate_table
from perception.table.metric_scale import to_metres

NORMALS = "normals.npy"
Locate = Callable[[RgbdImage], TableView]
#: Of maps and the frames on their contact sheet: further files, and what the summary says of them.
Finish = Callable[[ClipMaps, Samples], tuple[dict[str, Path], dict[str, Any]]]


def run_depth(options: DepthOptions) -> int:
    """Writes the maps, depth_m.npy where the clip can be scaled, pictures and summary.json."""
    console = Console(options.as_json)
    console.result(estimate_depth(options, console))
    return 0


def run_normals(options: NormalsOptions) -> int:
    """Writes normals.npy (F, H, W, 3: unit vectors in camera axes), pictures and summary.json."""
    console, specification = Console(options.as_json), find_estimator(options.estimator, "normals")
    facts = {"kind": "normals", "axes": "camera: x right, y down, z forward; facing the camera z < 0"}
    console.result(_work_through(options, specification, "as asked", NORMALS, lambda *_: ({}, facts), console))
    return 0


def estimate_depth(options: DepthOptions, console: Console) -> dict[str, Any]:
    """The summary of `depth`, whose results are on disk then.

    Raises:
        ConfigurationError: a wrong option.
        StorageError: a folder that takes no file.
        CameraError: a damaged or empty clip, found before anything else is done.
        PerceptionError: weights that cannot be used, or a model that fails on this clip.
    """
    name, why = choose_estimator(options.estimator, options.weights)
    specification, cell_path = find_estimator(name), cell_file(options.cell)
    locate, kind = partial(locate_table, cell=load_cell(cell_path)), specification.gives
    assert kind != "normals"

    def finish(maps: ClipMaps, samples: Samples) -> tuple[dict[str, Path], dict[str, Any]]:
        scale, why_not = _fit(maps, samples, kind, locate)
        if scale is None:
            console.say(f"  {'not checked' if kind == 'metric' else 'not scaled to metres'}: {why_not}")
            return {}, {"kind": kind, "scale": None, "not_scaled": why_not}
        residual_mm = max(frame.residual_mm for frame in scale.frames)
        drift_mm = max(frame.drift_mm for frame in scale.frames)
        console.say(
            f"  metric by {scale.anchor_source} on {counted(len(scale.frames), 'frame')}: within {residual_mm:.1f} mm "
            f"at the table, drift {drift_mm:.1f} mm"
        )
        if kind == "metric" and scale.scale != 1:
            console.say(f"  multiplied by {scale.scale:.4f}, as the tags ask for")
        line = {"scale": scale.scale, "shift": scale.shift, "by": scale.anchor_source}
        facts = {"kind": kind, "scale": {**line, "frames": scale.frames, "refused": scale.refused}}
        if kind == "metric" and scale.scale == 1:
            return {}, facts
        return {METRIC: _write_metric(maps.values, kind, scale, maps.path.with_name(f"{METRIC}.part"), console)}, facts

    return _work_through(options, specification, why, FILES[kind], finish, console, locate, cell=digest_of(cell_path))


def _work_through(
    options: DepthOptions | NormalsOptions,
    specification: EstimatorSpecification,
    why: str,
    file: str,
    finish: Finish,
    console: Console,
    locate: Locate | None = None,
    **inputs: str,
) -> dict[str, Any]:
    """What lies in --out already, or is worked out now; its summary.

    Args:
        why: this estimator.
        file: what the maps are called there.
        locate: finds the table in a frame, for estimators that need it.
        inputs: what the results depend on besides clip and estimator.
    """
    source, out = options.source, options.out
    settings = replace(options.settings, device=str(pick_device(options.device)))
    _demand_apart(source, out)
    command, names = "normals" if file == NORMALS else "depth", (NORMALS,) if file == NORMALS else FILES.values()
    identity = identity_of(source, specification.identity, settings) | inputs
    work = Work(out, command, identity, (*names, SHEET, VIDEO))
    summary = work.result()
    if summary is not None and not options.fresh:
        console.say(f"{out!s} holds this already; --fresh works it out anew.")
        return summary
    _demand_depth(specification, source, why)
    if locate is not None and may_have_depth(source):
        _demand_agreement(source, locate, console)
    with console.stage("load") as line:
        estimator = open_estimator(specification, settings, locate=locate)
        line.detail = f"estimator {estimator.name} ({why})"
    work.refuse_foreign()
    with _hold_work(work, options.fresh, console):
        maps = estimate_maps(source, estimator, work, console)
        samples = save_previews(maps.clip, maps.values, specification.gives, work.folder, console)
        more, facts = finish(maps, samples)
        files = {file: maps.path} | {picture: work.folder / picture for picture in (SHEET, VIDEO)} | more
        request = {"source": str(source), "chosen": why, "settings": settings}
        summary = work.publish(files, {**request, **maps.facts, **facts})
    console.say(
        f"{counted(summary['frames'], 'frame')} in {summary['seconds']:.1f} s ({summary['ms_per_frame']:.0f} ms a "
        f"frame), {file} in [bold]{out!s}[/]"
    )
    return summary


def _demand_apart(source: Path, out: Path) -> None:
    """Raises a CameraError where there is no clip, or nothing in it, a ConfigurationError where its results would lie
    in it."""
    if not source.exists():
        raise CameraError(f"There is no clip {source}.", "Name a video file, a .bag, a .db3 or a folder of frames.")
    if source.is_dir():
        refuse_empty(source)
    if out.exists() and out.samefile(source):
        raise ConfigurationError(f"--out {out} is the source itself.", "Name another folder for the results.")


@contextmanager
def _hold_work(work: Work, fresh: bool, console: Console) -> Iterator[None]:
    """The work's folder, earlier results removed; says what is not gone on with. Raises as `Work.hold`."""
    with work.hold(fresh) as why_anew:
        if why_anew:
            console.say(f"  starting anew: {why_anew}")
        if work.forget():
            console.say(f"  earlier results in {work.out!s} are removed")
        yield


def identity_of(source: Path, estimator: str, settings: EstimatorOptions) -> dict[str, str]:
    """What makes two runs the same work: the frames, the model's name and the words that set it up."""
    words = {key: str(value) for key, value in asdict(settings).items()}
    if settings.weights is not None and settings.weights.exists():
        words["weights"] = digest_of(settings.weights, "**/*")
    return {"source": digest_of(source), "estimator": estimator} | words


def _demand_depth(specification: EstimatorSpecification, source: Path, why: str) -> None:
    """Raises a ConfigurationError, before anything is loaded, where what needs more has a source of colour alone."""
    if may_have_depth(source) or not (specification.needs_depth or specification.needs_table):
        return
    lacks = f"has no depth of its own, and {specification.name} is nothing else"
    if specification.needs_table:
        lacks = f"has no intrinsics.json and no depth, and {specification.name} must know the camera and its table"
    raise ConfigurationError(
        f"{source} {lacks} ({why}).",
        "Give a .bag, a .db3, or a folder of 000000.png with intrinsics.json; or fetch a model that needs colour "
        "alone (python main.py weights where) and name it with --estimator.",
    )


def _demand_agreement(source: Path, locate: Locate, console: Console) -> None:
    """Raises a ContradictionError, before anything is loaded, where the first frame's own depth is wrong."""
    with closing(open_recording(source)) as camera:
        for note in camera.notes:
            console.say(f"  {note}")
        try:
            locate(camera.read())
        except ContradictionError:
            raise
        except (PerceptionError, CalibrationError):
            pass  # told where the clip is scaled


def _fit(maps: ClipMaps, samples: Samples, kind: Kind, locate: Locate) -> tuple[ClipScale | None, str]:
    """The clip's scale by some of its frames, or why there is none.

    Raises:
        ContradictionError: what is metric, or the clip's own depth, contradicts the tags.
    """
    frames = {number: frame.rgbd for number, frame in samples.items() if frame.rgbd is not None}
    if not frames:
        return None, "the source has neither depth nor intrinsics: give a .bag, a .db3 or a frame folder"
    values = maps.values
    relative = [RelativeDepth(np.array(values[number]), kind, maps.facts["estimator"]) for number in frames]
    try:
        return fit_clip(list(frames), list(frames.values()), relative, locate), ""
    except ContradictionError:
        raise
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
