"""The parts of a cell as its YAML describes them, each sound by itself: table, camera, tags, arms, bin, fixtures,
workspace, motion."""

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from core.transforms import Matrix, apply, invert, look_at, rotation_vector, rotation_z, transform

Vector2 = tuple[float, float]
Vector3 = tuple[float, float, float]
Positive = Annotated[float, Field(gt=0)]


def _within_a_turn(value: float) -> float:
    if abs(value) > 2 * np.pi:
        raise ValueError(f"{value:g} radians; if these are degrees, write {np.deg2rad(value):.4g}")
    return value


Turn = Annotated[float, AfterValidator(_within_a_turn)]
#: A tag's paper over its black square: one of the eight modules of white all round.
PAPER_RATIO = 1.25
#: Nothing in a cell is longer or farther off [m].
_LONGEST_M = 10.0
#: Arms are driven with this share of what is planned with at least.
_LEAST_SHARE = 0.05
#: A base leans by less than this: more is a camera or an arm that was taken for another [rad].
_MOST_TILT_RAD = 0.35
#: A joint's zero is off by a slipped coupling or a careless setting at most [rad]: 10 degrees.
_MOST_OFFSET_RAD = 0.1746


def _rising(span: Vector2) -> Vector2:
    if span[0] >= span[1]:
        raise ValueError("the first number must be smaller than the second")
    return span


def _slight(tilt_rad: Vector2) -> Vector2:
    if np.hypot(*tilt_rad) > _MOST_TILT_RAD:
        raise ValueError(f"a base that leans by more than {np.rad2deg(_MOST_TILT_RAD):.0f} degrees")
    return tilt_rad


def _at_most_all(share: float) -> float:
    if share > 1.0:
        per_cent = f"; if this is per cent, write {share / 100:g}" if share >= 100 * _LEAST_SHARE else ""
        raise ValueError(f"{share:g} is more than arms are driven with, 1{per_cent}")
    return share


#: Of what motions are planned with: never more, for that is what was measured; and no yes or no, which YAML has as 1.
Share = Annotated[float, Field(ge=_LEAST_SHARE, strict=True), AfterValidator(_at_most_all)]
Offset = Annotated[float, Field(ge=-_MOST_OFFSET_RAD, le=_MOST_OFFSET_RAD)]
Span = Annotated[Vector2, AfterValidator(_rising)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _is_of_metres(self) -> Self:
        for name in type(self).model_fields:
            value = getattr(self, name) if name.endswith("_m") else None
            longest_m = 0.0 if value is None else float(np.abs(value).max())
            if longest_m > _LONGEST_M:
                raise ValueError(
                    f"{name} has {longest_m:g} metres; if these are millimetres, write {longest_m / 1000:g}"
                )
        return self


class Table(Section):
    """A rectangle in the world's z = 0 plane, centred on the origin: size along x and y [m]."""

    size_m: tuple[Positive, Positive]


class CameraMount(Section):
    """Where the camera is (nominally: the tags say exactly) and which camera it is."""

    serial: str
    width: int = Field(gt=63)
    height: int = Field(gt=63)
    #: The rates of a D435.
    fps: Literal[6, 15, 30] = 30
    position_m: Vector3
    target_m: Vector3
    #: How far the picture is turned about the optical axis, the world's up not quite at its top.
    roll_rad: float = 0.0
    #: Nothing moves where the tags place it farther from here, or turned by more: a bumped tripod is.
    max_shift_m: Positive = 0.05
    max_turn_rad: Positive = 0.0873
    #: Used by the simulated camera; a real one reports its own.
    focal_px: Positive
    #: fx, fy, cx, cy [px] as a calibration refined them: taken for those that the camera reports.
    lens_px: tuple[Positive, Positive, Positive, Positive] | None = None

    @property
    def T_world_camera(self) -> Matrix:
        return look_at(self.position_m, self.target_m) @ transform(rotation_z(self.roll_rad))

    def placed(self, T_world_camera: Matrix) -> "CameraMount":
        """This camera, standing there and looking at what of its axis is nearest to its target."""
        eye_m, forward = T_world_camera[:3, 3], T_world_camera[:3, 2]
        target_m = eye_m + float((np.array(self.target_m) - eye_m) @ forward) * forward
        level = look_at(eye_m, target_m)[:3, :3].T @ T_world_camera[:3, :3]
        roll_rad = float(np.arctan2(level[1, 0], level[0, 0]))
        changes = {"position_m": tuple(eye_m.tolist()), "target_m": tuple(target_m.tolist()), "roll_rad": roll_rad}
        return self.model_validate(self.model_dump() | changes)


class Tag(Section):
    """A tag36h11 lying on the table. size_m is the side of the black square, as measured."""

    id: int = Field(ge=0, le=586)
    size_m: Positive
    position_m: Vector2
    yaw_rad: Turn = 0.0

    @property
    def T_world_tag(self) -> Matrix:
        """Tag frame: x right and y up as printed, z out of the table."""
        return transform(rotation_z(self.yaw_rad), (*self.position_m, 0.0))

    @property
    def paper_corners_m(self) -> NDArray[np.float64]:
        """(4, 2) corners of the tag's paper on the table, in order around it."""
        h = PAPER_RATIO * self.size_m / 2
        return apply(self.T_world_tag, np.array([[-h, -h, 0.0], [h, -h, 0.0], [h, h, 0.0], [-h, h, 0.0]]))[:, :2]


class ArmMount(Section):
    """One PiPER: where it stands, how it is reached, and what differs between units."""

    channel: str
    base_m: Vector3
    yaw_rad: Turn = 0.0
    #: How the base leans: a rotation vector (x, y, 0) in the world, after the yaw.
    tilt_rad: Annotated[Vector2, AfterValidator(_slight)] = (0.0, 0.0)
    #: To be added to what the arm reports of its joints.
    zero_offset_rad: tuple[Offset, Offset, Offset, Offset, Offset, Offset] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    #: `new`: j2, j3 zero offsets -172.22, -102.78 deg; `old`: -174.22, -100.78.
    firmware: Literal["new", "old"] = "new"
    gripper_stroke_m: float = Field(0.07, ge=0.02, le=0.12)

    @property
    def T_world_base(self) -> Matrix:
        return transform(rotation_vector((*self.tilt_rad, 0.0)) @ rotation_z(self.yaw_rad), self.base_m)

    def placed(self, T_world_base: Matrix) -> "ArmMount":
        """This arm, standing there. Raises a ValueError for a base that hangs or lies."""
        R, up = T_world_base[:3, :3], T_world_base[:3, 2]
        across = float(np.hypot(up[0], up[1]))
        axis = np.array([-up[1], up[0]]) / across if across > 0 else np.array([1.0, 0.0])
        tilt_rad = np.arctan2(across, up[2]) * axis
        flat = rotation_vector((*tilt_rad, 0.0)).T @ R
        changes = {
            "base_m": tuple(T_world_base[:3, 3].tolist()),
            "yaw_rad": float(np.arctan2(flat[1, 0], flat[0, 0])),
            "tilt_rad": tuple(tilt_rad.tolist()),
        }
        return self.model_validate(self.model_dump() | changes)


class Bin(Section):
    """An open box standing on the table: centre of its floor, outer size, thickness of walls and floor [m]."""

    center_m: Vector2
    size_m: tuple[Positive, Positive, Positive]
    wall_m: Positive = 0.004

    @property
    def corners_m(self) -> NDArray[np.float64]:
        """(4, 2) of what it covers of the table, in order around it."""
        center, half = np.array(self.center_m), np.array(self.size_m[:2]) / 2
        return _rectangle(center - half, center + half)

    @property
    def slabs(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Floor and walls as upright boxes in the world: (centre (3,), half sizes (3,)) [m]."""
        (x, y, z), w = self.size_m, self.wall_m
        slabs = [((0.0, 0.0, w / 2), (x / 2, y / 2, w / 2))]
        for side in (-1, 1):
            slabs.append(((side * (x - w) / 2, 0.0, z / 2), (w / 2, y / 2, z / 2)))
            slabs.append(((0.0, side * (y - w) / 2, z / 2), (x / 2, w / 2, z / 2)))
        return [(np.add(center, (*self.center_m, 0.0)), np.array(half)) for center, half in slabs]


class Fixture(Section):
    """What stands or hangs about and does not move (a camera's stand, a lamp), as an upright box: the middle of its
    underside, its size before it is turned about z, and how high its underside is above the table [m]."""

    name: Annotated[str, Field(min_length=1)]
    center_m: Vector2
    size_m: tuple[Positive, Positive, Positive]
    yaw_rad: Turn = 0.0
    bottom_m: float = 0.0

    @property
    def top_m(self) -> float:
        return self.bottom_m + self.size_m[2]

    @property
    def half_m(self) -> NDArray[np.float64]:
        """(3,) of the box."""
        return np.array(self.size_m) / 2

    @property
    def T_world_box(self) -> Matrix:
        """Box frame: its middle, its sides along the axes."""
        return transform(rotation_z(self.yaw_rad), (*self.center_m, self.bottom_m + self.size_m[2] / 2))

    @property
    def corners_m(self) -> NDArray[np.float64]:
        """(4, 2) of what it covers of the table, in order around it."""
        (x, y, _), around = self.half_m, np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
        return around * (x, y) @ rotation_z(self.yaw_rad)[:2, :2].T + self.center_m

    def beyond_m(self, point_m: ArrayLike) -> float:
        """How far a point (2,) of the table is from what it covers; 0 within."""
        aside_m = rotation_z(self.yaw_rad)[:2, :2].T @ np.subtract(point_m, self.center_m)
        return float(np.linalg.norm(np.maximum(np.abs(aside_m) - self.half_m[:2], 0.0)))

    def hides(self, points_m: ArrayLike, eye_m: ArrayLike) -> NDArray[np.bool_]:
        """(N,) which points (N, 3) of the world cannot be seen from an eye (3,), for it lies between."""
        eye, points = (apply(invert(self.T_world_box), np.asarray(at_m, float)) for at_m in (eye_m, points_m))
        with np.errstate(divide="ignore", invalid="ignore"):
            ways = np.stack([(side * self.half_m - eye) / (points - eye) for side in (-1, 1)])
        # As shares of the line of sight, where it is between both planes of every pair.
        enters, leaves = np.fmin(*ways).max(axis=1), np.fmax(*ways).min(axis=1)
        return np.asarray((enters < leaves) & (leaves > 0.0) & (enters < 1.0))


class Workspace(Section):
    """Where objects may lie (on the table) and the tool may go (above it), world frame [m]."""

    objects_x_m: Span
    objects_y_m: Span
    tool_x_m: Span
    tool_y_m: Span
    tool_z_m: Annotated[tuple[Annotated[float, Field(ge=0)], float], AfterValidator(_rising)]
    #: What the space that an object hides from the camera counts as, for all but the grasps on that object.
    hidden: Literal["occupied", "free"] = "occupied"

    @property
    def objects_corners_m(self) -> NDArray[np.float64]:
        """(4, 2) of where objects may lie, in order around it."""
        return _rectangle(*zip(self.objects_x_m, self.objects_y_m, strict=True))


def _rectangle(low: ArrayLike, high: ArrayLike) -> NDArray[np.float64]:
    """(4, 2) corners, in order around it, of what reaches from one (2,) to another along the axes."""
    (left, near), (right, far) = np.array(low), np.array(high)
    return np.array([[left, near], [right, near], [right, far], [left, far]])


def overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether two rectangles (4, 2) share a part of the table: where no side of either parts them."""
    sides = [one[1] - one[0], one[2] - one[1], other[1] - other[0], other[2] - other[1]]
    return all((one @ n).max() > (other @ n).min() and (other @ n).max() > (one @ n).min() for n in sides)


class Pace(Section):
    """How hard arms are driven: shares of the speed, acceleration and jerk that motions are planned with."""

    speed: Share = 1.0
    acceleration: Share = 1.0
    jerk: Share = 1.0

    def __str__(self) -> str:
        """What is less than all of it; '' where nothing is."""
        shares = {name: getattr(self, name) for name in Pace.model_fields}
        return ", ".join(f"{name} {share:g}" for name, share in shares.items() if share < 1.0)


class ArmPace(Pace):
    """The pace of all motions, and of one phase of a pick alone: the lesser counts. `transit` is that of every other
    motion through free space too."""

    transit: Pace = Pace()
    approach: Pace = Pace()
    lift: Pace = Pace()
    place: Pace = Pace()
    retreat: Pace = Pace()

    def of(self, phase: str) -> Pace:
        own: Pace = getattr(self, phase)
        return Pace(**{name: min(getattr(self, name), getattr(own, name)) for name in Pace.model_fields})

    def __str__(self) -> str:
        phases = {name: str(getattr(self, name)) for name in ArmPace.model_fields if name not in Pace.model_fields}
        own = [f"{name} at {words}" for name, words in phases.items() if words]
        return "; ".join([*filter(None, [super().__str__()]), *own])
