"""`python main.py normals SOURCE --out DIR`: the surface normals of a clip."""

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
from app.clips.map_file import MapFile
from app.clips.previews import SHEET, VIDEO, save_previews
from app.console import Console
from core.work import Work
from perception.estimators.registry import find_estimator, open_estimator

NORMALS = "normals.npy"


def estimate_normals(request: ClipRequest, as_json: bool) -> int:
    """Writes normals.npy (F, H, W, 3: unit vectors in camera axes), pictures and summary.json; 0 when all is there.

    Raises:
        ConfigurationError: a wrong option.
        StorageError: a folder that takes no file.
        CameraError: a damaged or empty clip, found before anything else is done.
        PerceptionError: weights that cannot be used, or a model that fails on this clip.
    """
    console, request = Console(as_json), on_device(request)
    specification = find_estimator(request.estimator, "normals")
    work = Work(request.out, "normals", identity_of(request, specification.identity), (NORMALS, SHEET, VIDEO))
    if done := done_before(work, request, console):
        console.result(done)
        return 0
    demand_source(specification, request.source, "as asked")
    with console.stage("load") as line:
        estimator = open_estimator(specification, request.settings)
        line.detail = f"estimator {estimator.name}"
    with begun(work, request, console):
        clip = checked_clip(request.source, console)
        maps = MapFile(work.folder / f"{NORMALS}.part", (clip.count, clip.height, clip.width, 3))
        worked = work_through(clip, estimator, maps, work, console)
        maps.close()
        save_previews(clip, maps, "normals", work.folder, console)
        files = {NORMALS: maps.path} | {picture: work.folder / picture for picture in (SHEET, VIDEO)}
        axes = {"kind": "normals", "axes": "camera: x right, y down, z forward; facing the camera z < 0"}
        summary = work.publish(files, facts_of(request, clip, worked, "as asked") | axes)
    say_done(summary, NORMALS, request.out, console)
    console.result(summary)
    return 0
