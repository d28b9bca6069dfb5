"""cuRobo V2 (github NVlabs/curobo): what is missing for it; its adapter is not written yet."""

from importlib.util import find_spec
from typing import Any

from grasping.planning.motion_planner import NoPathError, PlannerSpecification


def _plan_motions(*_: Any) -> Any:
    raise NoPathError("no adapter for cuRobo")


def _missing() -> str:
    """The first thing that keeps cuRobo from planning here; its package alone says nothing, CUDA does."""
    import torch

    if not torch.cuda.is_available():
        return "The planner curobo needs an NVIDIA GPU: torch finds no CUDA device."
    if find_spec("curobo") is None:
        return (
            "The planner curobo is not installed: its PyPI packages are empty, so clone github.com/NVlabs/curobo "
            "and run pip install .[cu12-torch] (or .[cu13-torch]) in it."
        )
    if find_spec("curobo.wrap") is not None:
        return "The installed cuRobo is version 1 (0.7.x), whose interface differs: version 2 from git is needed."
    return "cuRobo is installed, but this version of Vitro has no adapter for it yet."


PLANNER = PlannerSpecification("curobo", "motion generation on CUDA", _plan_motions, _missing)
