"""Whether an arm stands where its joints say: its outline there is compared with the picture's edges, and with that of
an arm of which one joint is turned.

A joint that was forced leaves feedback equal to the command; only a picture can tell.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.image import Intrinsics
from core.transforms import Matrix
from hardware.robot.description import JointLimits, joint_limits
from perception.arms.comparison import OutlineComparison
from perception.arms.edges import PictureEdges
from perception.arms.outline import ArmView

#: Turns that are tried of each joint in a picture of a quarter of the size.
_COARSE, _TURNS_RAD = 0.25, np.deg2rad([*range(-24, -3, 3), *range(6, 25, 3)])
#: So many of the best, of different joints or ways, are looked at in half the size, then fewer in the whole picture:
#: each beside these turns more and less.
_FINER = ((0.5, 5, np.deg2rad([-3.0, -1.5, 0.0, 1.5, 3.0])), (1.0, 3, np.deg2rad([-0.75, 0.0, 0.75])))
#: What a joint that counts as seen would have shown.
SHOWN_RAD = np.deg2rad(10.0)
#: Behind its limit a joint stands so far at most.
_BEHIND_STOPS_RAD = np.deg2rad(2.0)
#: A turn explains the picture better where it gains so many edges' worth, and this much an edge that it moves.
_GAIN, _GAIN_EACH = 15.0, 0.15
#: To count as seen, a joint's turns must each lose so many edges' worth. Where one of them gains instead, and nothing
#: explains the picture better, this much an edge that it moves will do: of arms that stand as they say, all lose.
_LOSS, _GAIN_LEAST = 25.0, 0.03
#: Turns that gain this share of the most: which joint it is cannot be told.
_AS_GOOD = 0.8
#: An outline of so many edges of which less than this is found, while the base's is, is not there: whatever turned.
_MISSING, _PRESENT, _LONG_EDGES = 0.6, 0.7, 400
#: An arm of whose base less than this is found, or none is in view, is not judged unless the rest of it is there, as
#: measured or with a joint turned: it is dark or covered; or, where as much of it as of one that is there is found near
#: by, camera or base stand elsewhere than the cell has them. Bases of fewer edges are not looked for.
_BASE_FOUND, _BASE_EDGES = 0.5, 100
#: Where less than this is found the arm cannot be made out.
_UNLIKE = 0.4


@dataclass(frozen=True)
class ArmCheck:
    """What a picture says of an arm; joints are counted from 0.

    seen: those that would have shown if they were 10 degrees off. match: how much of the outline beyond the base is
    found where it must be, NaN where none is in view. turned: the joints of which a turn explains the picture better,
    the likeliest first; off_rad: how far that one stands from what it reports. is_off: it stands elsewhere, even where
    no turn of a single joint explains it. base_off_m: how far from its place the base is seen, 0 where it is in its
    place or nowhere.
    """

    arm: str
    seen: tuple[int, ...]
    match: float
    is_off: bool = False
    turned: tuple[int, ...] = ()
    off_rad: float = 0.0
    base_off_m: float = 0.0

    @property
    def is_misplaced(self) -> bool:
        """Whether the base is seen, and elsewhere than the cell has it."""
        return self.base_off_m > 0.0

    @property
    def is_unlike(self) -> bool:
        """Whether the picture has an outline in it neither here nor there: another camera, darkness, a cloth."""
        return self.match < _UNLIKE

    def __str__(self) -> str:
        if self.is_misplaced:
            about = f"about {self.base_off_m * 1000:.0f} mm, across the view,"
            return f"the base of the {self.arm} arm is seen {about} from where the calibration has it"
        if self.is_off and not self.turned:
            return f"the {self.arm} arm is not where its joints say, and no single joint explains it"
        if self.is_off:
            others = "".join(f" or {joint + 1}" for joint in self.turned[1:])
            about = f"about {np.rad2deg(self.off_rad):+.0f}°"
            return f"the {self.arm} arm looks off: joint {self.turned[0] + 1}{others}, {about}"
        if not self.seen:
            return f"the {self.arm} arm cannot be seen well enough"
        joints = ", ".join(str(joint + 1) for joint in self.seen)
        return f"the {self.arm} arm stands as it says (joints seen: {joints})"


def check_arms(
    color: NDArray[np.uint8],
    intrinsics: Intrinsics,
    T_camera_world: Matrix,
    cell: Cell,
    joints_rad: Mapping[str, NDArray[np.float64]],
    widths_m: Mapping[str, float],
) -> tuple[ArmCheck, ...]:
    """What a picture (H, W, 3) says of every arm whose measured joints (6,) are given.

    Args:
        T_camera_world: as the tags have it.
        widths_m: between each arm's fingers.
    """
    edges, checks = _edges(color), []
    for name, measured_rad in joints_rad.items():
        view = ArmView.of(cell.arms[name], intrinsics, T_camera_world, widths_m[name])
        limits = joint_limits(np.array(cell.arms[name].zero_offset_rad))
        sizes = {share: OutlineComparison(one, view.at_scale(share), measured_rad) for share, one in edges.items()}
        checks.append(_check(name, sizes, np.asarray(measured_rad, float), limits))
    return tuple(checks)


def _edges(color: NDArray[np.uint8]) -> dict[float, PictureEdges]:
    """Of a picture in all the sizes in which it is looked at."""
    import cv2

    color = np.ascontiguousarray(color)
    return {
        share: PictureEdges.of(np.asarray(cv2.resize(color, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)))
        for share in (_COARSE, *(share for share, _, _ in _FINER))
    }


def _check(
    name: str, sizes: Mapping[float, OutlineComparison], measured_rad: NDArray[np.float64], limits: JointLimits
) -> ArmCheck:
    lower, upper = limits[0] - _BEHIND_STOPS_RAD, limits[1] + _BEHIND_STOPS_RAD

    def possible(turns_rad: NDArray[np.float64]) -> Iterator[tuple[int, float]]:
        for joint in range(6):
            for turn_rad in turns_rad:
                if lower[joint] <= measured_rad[joint] + turn_rad <= upper[joint]:
                    yield joint, float(turn_rad)

    whole = sizes[1.0]
    is_pale = not whole.base_match >= _BASE_FOUND
    if is_pale:
        share, off_m = whole.base_elsewhere() if whole.base_length >= _BASE_EDGES else (0.0, 0.0)
        if share > _PRESENT:
            return ArmCheck(name, (), whole.match, base_off_m=off_m)
    lost: dict[int, list[bool]] = {joint: [] for joint in range(6)}
    for joint, turn_rad in possible(np.array([-SHOWN_RAD, SHOWN_RAD])):
        lost[joint].append(whole.gain(joint, turn_rad) < -_LOSS)
    seen = tuple(joint for joint, each in lost.items() if each and all(each))
    found = sorted(_likely(sizes, list(possible(_TURNS_RAD))), reverse=True)
    found = found or sorted(_suspect(whole, possible(np.array([-SHOWN_RAD, SHOWN_RAD]))), reverse=True)
    if is_pale:
        found = [one for one in found if whole.turned_match(*one[1:]) > _PRESENT]
        if not found and not whole.match > _MISSING:
            return ArmCheck(name, (), whole.match)
    turned = tuple(joint for gain, joint, _ in found if gain >= _AS_GOOD * found[0][0])
    is_gone = whole.length >= _LONG_EDGES and whole.match < _MISSING and whole.base_match > _PRESENT
    return ArmCheck(name, seen, whole.match, bool(found) or is_gone, turned, found[0][2] if found else 0.0)


def _suspect(whole: OutlineComparison, turns: Iterator[tuple[int, float]]) -> Iterator[tuple[float, int, float]]:
    """As `_likely`, of turns by which a joint must show: a hand that points at the camera moves few edges."""
    for joint, turn_rad in turns:
        gain = whole.gain(joint, turn_rad)
        if gain > max(_GAIN, _GAIN_LEAST * whole.moved(joint, turn_rad)):
            yield gain, joint, turn_rad


def _likely(
    sizes: Mapping[float, OutlineComparison], turns: list[tuple[int, float]]
) -> Iterator[tuple[float, int, float]]:
    """Gain, joint and turn [rad] of those that explain the picture better, the best of each joint."""
    ranked = sorted(turns, key=lambda turn: sizes[_COARSE].gain(*turn), reverse=True)
    ways = {(joint, turn_rad > 0): (joint, turn_rad) for joint, turn_rad in reversed(ranked)}
    best = sorted(ways.values(), key=ranked.index)
    for share, count, beside_rad in _FINER:
        size = sizes[share]
        best = [
            max(((joint, turn_rad + more) for more in beside_rad), key=lambda turn: size.gain(*turn))
            for joint, turn_rad in best[:count]
        ]
        best.sort(key=lambda turn: size.gain(*turn), reverse=True)
    joints = set()
    for joint, turn_rad in best:
        gain = sizes[1.0].gain(joint, turn_rad)
        if joint not in joints and gain > max(_GAIN, _GAIN_EACH * sizes[1.0].moved(joint, turn_rad)):
            joints.add(joint)
            yield gain, joint, turn_rad
