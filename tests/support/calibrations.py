"""A calibration as the wizard leaves one, without a wizard: where a cell's file says, or a little beside it."""

import numpy as np
from scipy.spatial.transform import Rotation

from calibration.result import ArmCalibration, CellCalibration
from core.cell import Cell
from core.transforms import invert, transform
from hardware.simulation.sim_camera import cell_intrinsics

DATE = "2026-11-20T08:30:05+00:00"


def calibration_of(cell: Cell, seed: int = 0, **changes) -> CellCalibration:
    """Arms and camera up to a centimetre and a degree from where the file has them."""
    rng = np.random.default_rng(seed)

    def nudge() -> np.ndarray:
        return transform(Rotation.from_rotvec(rng.uniform(-0.01, 0.01, 3)).as_matrix(), rng.uniform(-0.01, 0.01, 3))

    T_world_camera = cell.camera.T_world_camera @ nudge()
    arms = {}
    for name, mount in cell.arms.items():
        T_world_base = mount.T_world_base @ nudge()
        arms[name] = ArmCalibration(
            T_camera_base=invert(T_world_camera) @ T_world_base,
            T_world_base=T_world_base,
            T_tcp_board=nudge(),
            offsets_rad=np.array([0.0, *rng.uniform(-0.01, 0.01, 4), 0.0]),
            sigma_mm=rng.uniform(0.1, 1.0, 3),
            sigma_deg=rng.uniform(0.01, 0.1, 3),
            offsets_sigma_deg=np.array([np.nan, 0.1, 0.1, 0.1, 0.1, np.nan]),
            unseen=("joint 1's zero", "joint 6's zero"),
            board_scale=1.001,
            holdout_px=0.3,
            holdout_mm=float("nan"),
            views=20,
            dropped=(3,),
            disagreement={"park": (1.5, 0.2)},
        )
    known = {
        "date": DATE,
        "cell": cell.name,
        "camera_serial": cell.camera.serial,
        "intrinsics": cell_intrinsics(cell),
        "T_world_camera": T_world_camera,
        "arms": arms,
        "firmware": {name: mount.firmware for name, mount in cell.arms.items()},
        "stroke_m": {name: mount.gripper_stroke_m for name, mount in cell.arms.items()},
        "board": {"tag_m": 0.034},
        "software": {"vitro": "0.1.0"},
        "touch_mm": (1.2, 0.8),
        "samples": {"left/0/joints_rad": rng.normal(size=6), "left/0/corners_px": rng.normal(size=(24, 2))},
    }
    return CellCalibration(**(known | changes))
