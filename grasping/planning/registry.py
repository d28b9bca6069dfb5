"""The planners one can ask for, and whether this machine can run them."""

from importlib.util import find_spec

from core.errors import ConfigurationError

PLANNERS = ("ompl", "curobo")


def require(name: str) -> None:
    """Returns when the named planner can plan here.

    Raises:
        ConfigurationError: an unknown name, or what is missing for it.
    """
    if name not in PLANNERS:
        raise ConfigurationError(f"There is no planner {name!r}.", f"Choose from {', '.join(PLANNERS)}.")
    if name == "curobo":
        raise ConfigurationError(_why_not_curobo(), "Use --planner ompl: it plans on the CPU.")


def _why_not_curobo() -> str:
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
