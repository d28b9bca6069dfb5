"""`python main.py grasps`: GraspNet rows from one RGB-D image."""

from dataclasses import dataclass
from pathlib import Path

from errors import ConfigurationError


@dataclass(frozen=True)
class GraspsOptions:
    """What was asked for on the command line."""

    rgb: Path
    depth: Path
    intrinsics: str
    out: Path
    depth_scale: float
    max_width_m: float
    detector: str


def parse_intrinsics(text: str) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy [px] from `fx,fy,cx,cy`.

    Raises:
        ConfigurationError: not four numbers, or a focal length that is not positive.
    """
    try:
        fx, fy, cx, cy = (float(part) for part in text.split(","))
    except ValueError:
        fx = fy = cx = cy = float("nan")
    if not (fx > 0 and fy > 0 and cx == cx and cy == cy):
        raise ConfigurationError(
            f"--intrinsics {text!r} is not fx,fy,cx,cy.", "For example: --intrinsics 615,615,320,240"
        )
    return fx, fy, cx, cy
