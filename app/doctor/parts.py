"""Models, their weights, and the parts that a lab brings itself."""

import importlib.util
import json
import os
from datetime import datetime
from pathlib import Path

from app.doctor.finding import Finding
from core.errors import PerceptionError

#: Where AnyGrasp's SDK looks for it: beside what is run.
LICENCE_FOLDER = "license"


def cuda() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("CUDA", "pass", torch.cuda.get_device_name())
    return Finding("CUDA", "warn", "none: AnyGrasp and cuRobo need it, DKT takes minutes a frame without")


def models() -> Finding:
    """What is bundled is read through with its checksum; what was fetched is compared in size."""
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
        return Finding("models", "pass", what, "With a GPU: fetch DKT.", f"python main.py weights fetch {MODEL}")
    return Finding("models", "pass", f"{what} ({why})", "Their hashes: python main.py weights verify")


def anygrasp() -> Finding:
    from grasping.detection.anygrasp import CHECKPOINT_VARIABLE

    if importlib.util.find_spec("gsnet") is None:
        return Finding("AnyGrasp", "warn", "not installed (optional)", "See docs/add-ons.md")
    if not Path(os.environ.get(CHECKPOINT_VARIABLE) or "none").is_file():
        remedy = f"Set {CHECKPOINT_VARIABLE} to the .tar file that came with the licence."
        return Finding("AnyGrasp", "fail", "installed, without its checkpoint", remedy)
    is_good, told = anygrasp_licence(Path(LICENCE_FOLDER), datetime.now())
    remedy = "" if is_good else "Put the folder that came by mail there; its feature id must be this machine's."
    return Finding("AnyGrasp", "pass" if is_good else "fail", f"installed, with its checkpoint; {told}", remedy)


def anygrasp_licence(folder: Path, now: datetime) -> tuple[bool, str]:
    """Whether a licence is there and runs still, and what it tells. If it is this machine's, its SDK alone knows."""
    try:
        terms = json.loads((folder / "licenseCfg.json").read_text())
        parts = [folder / str(terms[name]) for name in ("public_key", "signature", "license")]
        limits = [tool["data"] for tool in terms["toolbox"] if tool["type"] == "TIME_LIMITED"]
        ends = [datetime.strptime(data.split()[-1], "%Y-%m-%d_%H-%M-%S") for data in limits]
        lasting = any(tool["type"] == "PERMANENT" for tool in terms["toolbox"])
    except FileNotFoundError:
        return False, f"no licence in {folder.resolve()}"
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        return False, f"{folder / 'licenseCfg.json'} is no licence ({type(error).__name__}: {error})"
    if missing := [part.name for part in parts if not part.is_file()]:
        return False, f"its licence lacks {', '.join(missing)}"
    if not lasting and not any(end > now for end in ends):
        return False, f"its licence ended on {max(ends).date() if ends else 'an unknown day'}"
    return True, f"its licence is of the feature id {terms.get('feature_id', 'unknown')}"


def curobo() -> Finding:
    import torch

    from grasping.planning.curobo.installed import version, why_not_installed

    if importlib.util.find_spec("curobo") is None:
        return Finding("cuRobo", "warn", "not installed (optional)", "See docs/add-ons.md")
    if why := why_not_installed():
        return Finding("cuRobo", "fail", why, "Until then: --planner ompl.")
    if not torch.cuda.is_available():
        return Finding("cuRobo", "warn", f"{version()} is installed, but torch finds no CUDA device", "See CUDA above.")
    return Finding("cuRobo", "pass", f"{version()}, with all that is called of it")


def graspgen() -> Finding:
    from grasping.detection.graspgen_server import SERVER_VARIABLE, GraspGenServer

    address = os.environ.get(SERVER_VARIABLE, "")
    if not address:
        return Finding("GraspGen", "warn", "no server (optional)", "See docs/add-ons.md")
    if importlib.util.find_spec("zmq") is None:
        return Finding("GraspGen", "fail", "pyzmq is not installed", "Install it:", ".venv/bin/pip install pyzmq")
    told = GraspGenServer(address, patience_s=3.0).metadata()
    gripper = told.get("gripper_name") or told.get("default_gripper") or "any gripper"
    return Finding("GraspGen", "pass", f"answers at {address}, for {gripper}")
