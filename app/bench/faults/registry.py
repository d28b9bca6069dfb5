"""All faults there are."""

from app.bench.faults import arm_faults, camera_faults, part_faults, process_faults
from app.bench.faults.kinds import Fault


def all_faults() -> dict[str, Fault]:
    """By name, in the order of the report."""
    modules = (arm_faults, camera_faults, part_faults, process_faults)
    return {fault.name: fault for module in modules for fault in module.FAULTS}
