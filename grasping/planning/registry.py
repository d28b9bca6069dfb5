"""The planners there are. A new one is a file with its specification, and a line in the list below."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from core.cell import Cell
from core.errors import ConfigurationError, PlanningError, did_you_mean
from core.plugins import is_plugin, load_plugin, naming_failures
from grasping.planning import motions
from grasping.planning.curobo import planner as curobo
from grasping.planning.grasp_plan import Phase
from grasping.planning.motion_planner import NoPathError, PlannerSpecification
from hardware.arms.trajectory import JointTrajectory

#: By name, in the order in which people are told of them.
PLANNERS = {specification.name: specification for specification in (motions.PLANNER, curobo.PLANNER)}


def find_planner(name: str) -> PlannerSpecification:
    """The planner of a name, or of a lab's own file: path/to/file.py, which defines `PLANNER`.

    Raises:
        ConfigurationError: an unknown name, or what is missing for it on this machine.
    """
    if not is_plugin(name) and name not in PLANNERS:
        raise ConfigurationError(
            f"There is no planner {name!r}.{did_you_mean(name, PLANNERS)}",
            f"Choose from {', '.join(PLANNERS)}. Or a file of your own: path/to/file.py",
        )
    if is_plugin(name):
        file = Path(name).expanduser().resolve()
        own = load_plugin(file, "PLANNER", PlannerSpecification)

        def plan_motions(*given: Any) -> dict[Phase, JointTrajectory]:
            with naming_failures(file, "run", but=(NoPathError,), kind=PlanningError):
                return own.plan_motions(*given)

        def prepare(cell: Cell) -> None:
            with naming_failures(file, "prepared", kind=PlanningError):
                assert own.prepare is not None
                own.prepare(cell)

        found = replace(own, plan_motions=plan_motions, prepare=prepare if own.prepare else None)
    else:
        found = PLANNERS[name]
    if missing := found.missing():
        raise ConfigurationError(missing, "Use --planner ompl: it plans on the CPU.")
    return found
