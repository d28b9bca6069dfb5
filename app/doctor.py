"""`python main.py doctor`: what this machine can run, and the command that mends what it cannot."""

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import typer

from app.console import Console
from app.options import JsonOption, add_command
from app.paths import home
from core.errors import PerceptionError, VitroError

room = typer.Typer()

MARKS = {"pass": "[green]✓[/]", "warn": "[yellow]![/]", "fail": "[red]✗[/]"}
#: Room for an evening's trials with pictures and a long recording.
DISK_NEEDED_GB = 2.0


@dataclass(frozen=True)
class Finding:
    """One line of the examination: state is `pass`, `warn` (works without) or `fail`."""

    subject: str
    state: str
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class DoctorOptions(JsonOption):
    """What this machine can run, and the command that mends what it cannot."""


def examine(options: DoctorOptions) -> int:
    """Prints every finding; 1 if something that the digital cell needs is missing."""
    console = Console(options.as_json)
    findings = [run_check(subject, check) for subject, check in CHECKS.items()]
    for finding in findings:
        remedy = f"\n      → {finding.remedy}" if finding.remedy else ""
        console.say(f"  {MARKS[finding.state]} {finding.subject:<16} {finding.found}{remedy}")
    console.result({"findings": findings})
    return 1 if any(finding.state == "fail" for finding in findings) else 0


add_command(room, "doctor", examine, DoctorOptions)


def run_check(subject: str, check: Callable[[], Finding]) -> Finding:
    """A check that breaks is a finding too: the doctor never falls ill."""
    try:
        return check()
    except VitroError as error:
        return Finding(subject, "fail", error.cause, error.remedy)
    except Exception as error:  # a broken library can raise anything
        return Finding(subject, "fail", f"{type(error).__name__}: {error}", "Run ./setup.sh again.")


def _camera() -> Finding:
    from hardware.cameras.attached import describe_cameras

    cameras = describe_cameras()
    if not cameras:
        return Finding("camera", "warn", "no RealSense: the digital cell is used", "Plug a D435 into a USB 3 port.")
    return Finding("camera", "pass", ", ".join(map(str, cameras)))


def _arms() -> Finding:
    from hardware.arms.can_interfaces import find_can_interfaces

    interfaces = find_can_interfaces()
    if not interfaces:
        remedy = "With an adapter: ip link set can0 up type can bitrate 1000000"
        return Finding("arms", "warn", "no CAN interface is up: the digital cell is used", remedy)
    return Finding("arms", "pass", ", ".join(interfaces))


def _renderer() -> Finding:
    from hardware.simulation.rendering.backend import mitsuba

    variant = mitsuba().variant()
    if variant.startswith("scalar"):
        return Finding("renderer", "warn", f"{variant}: four times slower", "apt-get install libllvm19, or ./setup.sh")
    return Finding("renderer", "pass", variant)


def _cuda() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("CUDA", "pass", torch.cuda.get_device_name())
    return Finding("CUDA", "warn", "none: AnyGrasp and cuRobo need it, DKT takes minutes a frame without")


def _models() -> Finding:
    from app.estimator_choice import BUNDLED, MODEL, SENSOR, choose_estimator
    from perception.estimators.vitro_s.model import load_vitro_s
    from perception.weights.models import MODELS, is_complete

    found = [name for name in MODELS if is_complete(name)]
    auto, why = choose_estimator("auto")
    if auto == SENSOR:
        return Finding("models", "warn", why, "Check out perception/estimators/vitro_s/vitro-s.safetensors again.")
    try:
        load_vitro_s()
    except PerceptionError as error:
        return Finding("models", "warn", error.cause, error.remedy)
    what = f"{', '.join([BUNDLED, *found])}; --estimator auto is {auto}"
    if MODEL not in found:
        return Finding("models", "pass", what, f"With a GPU: python main.py weights fetch {MODEL}")
    return Finding("models", "pass", f"{what} ({why})")


def _add_on(name: str, module: str) -> Finding:
    if importlib.util.find_spec(module) is None:
        return Finding(name, "warn", "not installed (optional)", "See docs/add-ons.md")
    return Finding(name, "pass", "installed")


def _disk() -> Finding:
    folder = home()
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < DISK_NEEDED_GB:
        return Finding("disk", "fail", f"{free_gb:.1f} GB free at {folder}", "Free some, or set VITRO_HOME elsewhere.")
    return Finding("disk", "pass", f"{free_gb:.0f} GB free at {folder}")


def _log() -> Finding:
    from trials.store import TrialStore

    path = home() / "trials.db"
    with TrialStore(path) as store:
        return Finding("trial log", "pass", f"{len(store.list())} trials in {path}")


CHECKS: dict[str, Callable[[], Finding]] = {
    "camera": _camera,
    "arms": _arms,
    "renderer": _renderer,
    "CUDA": _cuda,
    "models": _models,
    "AnyGrasp": partial(_add_on, "AnyGrasp", "gsnet"),
    "cuRobo": partial(_add_on, "cuRobo", "curobo"),
    "disk": _disk,
    "trial log": _log,
}
