"""The MuJoCo model of a cell: table, bin, fixtures, two PiPERs from their URDF, and the objects of one trial."""

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from core.cell import Cell
from core.cell_parts import ArmMount
from core.surfaces import Surface
from core.transforms import Matrix, transform
from hardware.robot.description import ARM_JOINTS, JOINT_EFFORT_NM, urdf
from hardware.robot.fixtures import fixtures_of
from hardware.simulation.scene.meshes import mass_properties
from hardware.simulation.scene.scene import SceneObject

#: Collision classes: an arm never meets itself (the safety gate sees to that before motion).
WORLD_BIT, OBJECT_BIT, FIRST_ARM_BIT = 1, 2, 4
#: Contacts this stiff hold a smooth cylinder through lift and shake with under a millimetre of slip.
SOLREF, SOLIMP = (0.004, 1.0), (0.95, 0.99, 0.001, 0.5, 2.0)
#: Sliding friction; that of a gripper's pads is lower, and the larger of a pair rules.
TABLE_FRICTION = {Surface.REFLECTIVE: 0.30, Surface.TRANSLUCENT: 0.40, Surface.DIFFUSE: 0.55}
#: Torsional and rolling friction [m]: rubber pads resist twisting; a ball on a table comes to rest.
TORSIONAL_M, ROLLING_M = 0.005, 0.0003

#: Joint servos: stiffness [N m/rad] (0.05 deg under 3 N m), velocity gain as a time constant [s],
#: reflected rotor inertia [kg m²] and gear friction [N m s/rad] that is left when power is off.
#: Targets pass a low-pass first, as firmware smooths a stream of them; raw steps shake objects loose.
STIFFNESS_NM_RAD = np.array([4000.0, 4000.0, 4000.0, 1500.0, 1500.0, 1500.0])
SERVO_LAG_S, ARMATURE_KGM2, GEAR_DAMPING_NMS = 0.030, 0.05, 1.5
TARGET_FILTER_S = 0.020
FINGER_STIFFNESS_N_M, FINGER_ARMATURE_KG = 20000.0, 0.2


def build_model(
    cell: Cell, objects: Sequence[tuple[SceneObject, Matrix]], surface: str, timestep_s: float
) -> mujoco.MjModel:
    """Compiles the cell with its objects. Bodies are named `<arm>_<link>` and `object<k>`."""
    spec = mujoco.MjSpec()
    spec.option.timestep = timestep_s
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10.0
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    # An endless plane: an object beyond the table's edge counts as fallen off without falling.
    plane = spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[1.0, 1.0, 0.1])
    _make_ground(plane, TABLE_FRICTION[Surface(surface)])
    for center, half in cell.bin.slabs:
        _make_ground(spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, pos=center, size=half), 0.5)
    for one in fixtures_of(cell):
        pose = {"pos": one.T_world_box[:3, 3], "quat": quaternion(one.T_world_box)}
        _make_ground(spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=one.half_m, **pose), 0.5)
    for number, (name, mount) in enumerate(cell.arms.items()):
        _add_arm(spec, name, mount, FIRST_ARM_BIT << number)
    for number, (item, T) in enumerate(objects):
        _add_object(spec, f"object{number}", item, T)
    for geom in spec.geoms:
        geom.solref, geom.solimp = SOLREF, SOLIMP
    return spec.compile()


def _make_ground(geom: mujoco.MjsGeom, friction: float) -> None:
    """Static; of its friction and an object's, the larger one rules."""
    geom.contype, geom.conaffinity = WORLD_BIT, 0
    geom.condim, geom.friction = 4, (friction, TORSIONAL_M, ROLLING_M)


def _add_arm(spec: mujoco.MjSpec, name: str, mount: ArmMount, bit: int) -> None:
    """Attaches one PiPER with servos, gravity compensation (as its firmware has) and coupled fingers."""
    arm = mujoco.MjSpec.from_string(urdf(mount.firmware, mount.gripper_stroke_m))
    for geom in arm.geoms:
        geom.contype, geom.conaffinity = bit, 0xFF & ~bit
        geom.condim, geom.friction = 4, (0.3, TORSIONAL_M, ROLLING_M)
    for body in arm.bodies[1:]:
        body.gravcomp = 1.0
    for joint in arm.joints:
        revolute = joint.type == mujoco.mjtJoint.mjJNT_HINGE
        joint.armature = ARMATURE_KGM2 if revolute else FINGER_ARMATURE_KG
        joint.damping = [GEAR_DAMPING_NMS, 0.0, 0.0] if revolute else [100.0, 0.0, 0.0]
    frame = spec.worldbody.add_frame(pos=mount.T_world_base[:3, 3], quat=quaternion(mount.T_world_base))
    spec.attach(arm, prefix=f"{name}_", frame=frame)
    for joint, stiffness, effort in zip(ARM_JOINTS, STIFFNESS_NM_RAD, JOINT_EFFORT_NM, strict=True):
        servo = _add_servo(spec, f"{name}_{joint}", stiffness, stiffness * SERVO_LAG_S, effort)
        servo.dyntype, servo.dynprm[0] = mujoco.mjtDyn.mjDYN_FILTEREXACT, TARGET_FILTER_S
    _add_servo(spec, f"{name}_joint7", FINGER_STIFFNESS_N_M, 0.0, 20.0)
    equality = spec.add_equality(type=mujoco.mjtEq.mjEQ_JOINT, objtype=mujoco.mjtObj.mjOBJ_JOINT)
    equality.name1, equality.name2 = f"{name}_joint8", f"{name}_joint7"
    equality.data[:2] = 0.0, 1.0
    equality.solref, equality.solimp = SOLREF, SOLIMP


def _add_servo(spec: mujoco.MjSpec, joint: str, stiffness: float, damping: float, effort: float) -> mujoco.MjsActuator:
    servo = spec.add_actuator(name=joint, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    servo.gaintype, servo.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
    servo.gainprm = [stiffness, *[0.0] * 9]
    servo.biasprm = [0.0, -stiffness, -damping, *[0.0] * 7]
    servo.forcelimited, servo.forcerange = True, [-effort, effort]
    return servo


def _add_object(spec: mujoco.MjSpec, name: str, item: SceneObject, T_world_object: Matrix) -> None:
    """A free body with the mesh's own mass distribution, so that hollow things tip as they should."""
    body = spec.worldbody.add_body(name=name, pos=T_world_object[:3, 3], quat=quaternion(T_world_object))
    body.add_freejoint(name=name)
    volume, center, inertia = mass_properties(item.mesh)
    body.mass, body.ipos, body.explicitinertial = item.mass_kg, center, True
    body.fullinertia = (inertia * item.mass_kg / volume)[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    for primitive in item.collision:
        kind, T = getattr(mujoco.mjtGeom, f"mjGEOM_{primitive.kind.upper()}"), primitive.T_body_shape
        size = [*primitive.size_m, 0.0, 0.0][:3]
        geom = body.add_geom(type=kind, size=size, pos=T[:3, 3], quat=quaternion(T), mass=0.0)
        geom.contype, geom.conaffinity = OBJECT_BIT, 0xFF
        geom.condim = 4 if primitive.kind == "box" else 6  # round ones roll, and come to rest
        geom.friction = (item.material.friction, TORSIONAL_M, ROLLING_M)


def quaternion(T: Matrix) -> NDArray[np.float64]:
    """Quaternion wxyz of a transform's rotation."""
    wxyz = np.empty(4)
    mujoco.mju_mat2Quat(wxyz, np.ascontiguousarray(T[:3, :3], float).ravel())
    return wxyz


def body_pose(data: mujoco.MjData, name: str) -> Matrix:
    """T_world_body."""
    body = data.body(name)
    return transform(body.xmat.reshape(3, 3), body.xpos)


def is_at_rest(velocities: NDArray[np.float64], speed_m_s: float, turn_rad_s: float) -> bool:
    """Whether no free body is faster: velocities (6 N) are their joints'."""
    speed = velocities.reshape(-1, 6)
    return bool((np.abs(speed[:, :3]) < speed_m_s).all() and (np.abs(speed[:, 3:]) < turn_rad_s).all())
