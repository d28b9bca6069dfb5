"""One arm in the page's 3D view: its shapes are sent once, after that only where its links are."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.cell_parts import ArmMount
from core.transforms import rotation_to_quaternion
from hardware.robot.description import SHAPES, LinkShape
from hardware.robot.kinematics import link_poses

if TYPE_CHECKING:
    from viser import FrameHandle, SceneApi

#: How finely round shapes are drawn: browsers without a GPU draw them too.
_SEGMENTS, _SUBDIVISIONS = 16, 2
#: What moves less than this [rad, m] is not sent.
_STILL = 1e-3
GHOST_RGB, _GHOST_OPACITY = (20, 150, 160), 0.45


class ArmShapes:
    """opacity, rgb: of every shape, where they are not to be the arm's own."""

    def __init__(
        self,
        scene: "SceneApi",
        path: str,
        mount: ArmMount,
        opacity: float | None = None,
        rgb: tuple[int, int, int] | None = None,
    ) -> None:
        self._mount = mount
        self._root = scene.add_frame(path, show_axes=False, visible=False)
        self._links: dict[str, FrameHandle] = {}
        self._shown: NDArray[np.float64] | None = None
        for link, shapes in SHAPES.items():
            self._links[link] = scene.add_frame(f"{path}/{link}", show_axes=False)
            for number, shape in enumerate(shapes):
                _add_shape(scene, f"{path}/{link}/{number}", shape, opacity, rgb)

    def move(self, joints_rad: ArrayLike, gripper_width_m: float) -> None:
        """Shows it with these joints (6,) and this gap between the pads."""
        posture = np.append(np.asarray(joints_rad, float), gripper_width_m)
        if self._shown is None or np.abs(posture - self._shown).max() > _STILL:
            for link, T_base_link in link_poses(posture[:6], gripper_width_m, self._mount.firmware).items():
                if link in self._links:
                    T_world_link = self._mount.T_world_base @ T_base_link
                    self._links[link].position = T_world_link[:3, 3]
                    self._links[link].wxyz = rotation_to_quaternion(T_world_link[:3, :3])
            self._shown = posture
        self._root.visible = True

    def hide(self) -> None:
        self._root.visible = False


def ghost_arm(scene: "SceneApi", path: str, mount: ArmMount) -> ArmShapes:
    """An arm as it would stand, seen through."""
    return ArmShapes(scene, path, mount, _GHOST_OPACITY, GHOST_RGB)


def _add_shape(
    scene: "SceneApi", path: str, shape: LinkShape, opacity: float | None, rgb: tuple[int, int, int] | None
) -> None:
    red, green, blue = (round(255 * share) for share in shape.rgb)
    color = rgb or (red, green, blue)
    position, wxyz = shape.T_link_shape[:3, 3], rotation_to_quaternion(shape.T_link_shape[:3, :3])
    given: Any = {"color": color, "position": position, "wxyz": wxyz, "opacity": opacity}
    if shape.kind == "box":
        scene.add_box(path, dimensions=2 * np.array(shape.size_m), **given)
    elif shape.kind == "cylinder":
        radius_m, half_m = shape.size_m
        scene.add_cylinder(path, radius_m, 2 * half_m, radial_segments=_SEGMENTS, **given)
    else:
        scene.add_icosphere(path, shape.size_m[0], subdivisions=_SUBDIVISIONS, **given)
