"""Models, their weights, and the parts that a lab brings itself."""

import importlib.util
import os
from pathlib import Path

from app.doctor.finding import Finding
from core.errors import PerceptionError


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
    return Finding("AnyGrasp", "pass", "installed, with its checkpoint; the licence is judged when it is loaded")


def curobo() -> Finding:
    if importlib.util.find_spec("curobo") is None:
        return Finding("cuRobo", "warn", "not installed (optional)", "See docs/add-ons.md")
    return Finding("cuRobo", "pass", "installed")
