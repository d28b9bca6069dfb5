"""`python main.py record --out x.db3`: any camera to a recording that plays back anywhere."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from shlex import quote

from app.calibrate.cell import load_calibrated
from app.console import Console
from app.run.options import RecordOptions
from core.errors import CameraError, ConfigurationError
from core.report.words import counted
from hardware.cameras.attached import find_cameras
from hardware.cameras.camera import Camera, EndOfRecording
from hardware.cameras.frame import RgbdFrame
from hardware.cameras.frame_folder import write_frame_folder
from hardware.cameras.live import LiveCamera
from hardware.cameras.realsense import RealSenseConfig
from hardware.cameras.recorded import open_recording
from hardware.cameras.recorder import Recorder
from hardware.worlds import open_world


def record_camera(options: RecordOptions) -> int:
    """Records `frames` frames (a recording may end earlier) to a .db3 file or a frame folder."""
    console = Console(options.as_json)
    if options.out.exists():
        raise ConfigurationError(f"{options.out} exists already.", "Name another --out: no recording is overwritten.")
    if options.out.suffix not in (".db3", ""):
        raise ConfigurationError(
            f"{options.out.name} cannot be recorded.", "Name the recording .db3, or give a folder."
        )
    with ExitStack() as opened:
        with console.stage("open") as line:
            camera = open_camera(options, opened)
            line.detail = camera.name
        frames = console.progress(_read(camera, options.frames), "recording", options.frames)
        if options.out.suffix == ".db3":
            recorder = opened.enter_context(Recorder(options.out))
            for frame in frames:
                recorder.write(frame)
            count = recorder.count
        else:
            count = write_frame_folder(options.out, frames)
    if count == 0:
        raise CameraError(f"{camera.name} gave no frame.", "Check it with: python main.py doctor")
    console.say(
        f"{counted(count, 'frame')} of {camera.name} in [bold]{options.out}[/]; "
        f"next: python main.py dry-run {quote(str(options.out))}"
    )
    console.result({"recording": str(options.out), "frames": count, "camera": camera.name})
    return 0


def open_camera(options: RecordOptions, opened: ExitStack) -> Camera:
    """The camera that was asked for; the digital cell lays a scene for its own."""
    kind, _, serial = options.camera.partition(":")
    if kind == "auto":
        kind = "d435" if find_cameras() else "sim"
    if kind == "d435":
        cell = load_calibrated(options.cell or "lab")
        mount = cell.camera
        config = RealSenseConfig(serial or None, mount.width, mount.height, mount.fps)
        return opened.enter_context(LiveCamera(config))
    if kind == "sim":
        world = opened.enter_context(closing(open_world(load_calibrated(options.cell or "sim"), "sim", options.seed)))
        world.stage(options.surface, options.seed, options.objects)
        return world.camera
    if not Path(options.camera).exists():
        raise ConfigurationError(
            f"There is no camera or recording {options.camera!r}.",
            "Choose auto, sim, d435, d435:SERIAL, or an existing recording to convert.",
        )
    return opened.enter_context(open_recording(Path(options.camera)))


def _read(camera: Camera, count: int) -> Iterator[RgbdFrame]:
    with suppress(EndOfRecording):
        for _ in range(count):
            yield camera.read()
