"""Everything sent to an arm has passed the gate: the source knows no other way to the bus.

Each door that leads nearer to the bus has the places that may use it, so that a new one fails here until it is on the
list; and those that set an arm in motion refuse, before they do, what is not sealed by the gate.
"""

import ast
import inspect
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache

import pytest
from piper_sdk import C_PiperInterface_V2

from tests.test_architecture import modules

BUS, ARM, MOTION = "hardware.arms.piper_bus:PiperBus", "hardware.arms.piper_arm:PiperArm", "hardware.arms.motion"
TOGETHER, SHAKE = "hardware.arms.together", "hardware.arms.handshake"

#: What moves without a motion of its own that the gate passed, how far, and why it may.
UNGATED = {
    f"{ARM}._prove": "0.4 degrees a joint and back, slowly, from beyond a stop up to a degree to it first: "
    "nothing else tells a true pose from a false one",
    f"{ARM}.hold": "where it was last told to be, again",
    f"{MOTION}:lead_back": "back over what it was just told, to where it is: a blocked arm presses on nothing",
    f"{MOTION}:Follower._brake": "two ticks on along the motion that the gate passed",
    f"{ARM}.grip_part": "the fingers alone, at a force that thin glass bears",
    f"{SHAKE}:keep_grip": "the fingers alone, where they are",
}
#: Which places set an arm in motion, and what refuses there, before, what the gate has not passed: the seal itself, or
#: a method of the same class that looks at it.
GATED = {
    "grasping.execution:Execution._follow": "_may_send",
    "grasping.execution:Execution._grip": "_may_send",
    "grasping.execution:Execution.lift": "_may_send",
    "grasping.overlapped_execution:OverlappedExecution.run": "is_sealed",
    "app.arm_look.arm_proof:ArmProof._send": "is_sealed",
    "app.arm_look.gated_drive:drive": "is_sealed",
}
#: The fingers alone: opened into a person's hand, to tell arms apart, to hold the board, or before a scene is laid.
FINGERS_ALONE = {
    "app.bringup.steps:_is_it",
    "app.calibrate.command:_sample",
    "app.calibrate.sampling:Sampling.grip",
    "app.calibrate.steps.fingers:touch_table",
    "app.calibrate.steps.gripper:check_gripper",
    "app.calibrate.steps.hands:_empty_hands",
    "app.campaign.runner:_show_alike",
    "app.run.held_object:_release",
}
#: An arm in a bench that passes on what it is told, and tells of it.
TELLS = "app.bench.faults.cell:_TellingArm"
#: By door: who may use it. Names that other things have too are listed with those.
DOORS: Mapping[str, set[str]] = {
    "C_PiperInterface_V2": {f"{BUS}.open"},
    "SendCanMessage": {f"{BUS}._note_unsent"},
    "JointCtrl": {f"{BUS}.send_joints"},
    "MotionCtrl_2": {f"{BUS}.send_joint_mode"},
    "GripperCtrl": {f"{BUS}.send_gripper"},
    "EnableArm": {f"{BUS}.send_enable"},
    "EmergencyStop": {f"{BUS}.send_stop", f"{BUS}.send_resume"},
    "GripperTeachingPendantParamConfig": {f"{BUS}.send_stroke"},
    "ArmParamEnquiryAndConfig": {f"{BUS}.enquire_stroke"},
    "_speak": {f"{BUS}._send", f"{BUS}.send_stop", f"{BUS}.send_resume"},
    "send_joints": {f"{ARM}.command"},
    "_commanded": {f"{ARM}.{method}" for method in ("__init__", "connect", "hold", "command", "_latching")},
    "send_gripper": {f"{ARM}.grip_part", f"{SHAKE}:keep_grip"},
    "send_joint_mode": {f"{ARM}._begin", f"{ARM}.enable", f"{ARM}.hold", f"{SHAKE}:take_control"},
    "send_resume": {f"{ARM}.cut_power"},
    "cut_power": {"app.recover:let_down"},
    "command": {
        f"{ARM}.command",  # the guard's, which is told
        f"{ARM}.hold",
        f"{MOTION}:FollowedPart.send",
        f"{MOTION}:Follower._brake",
        f"{MOTION}:Follower._tick",
        f"{MOTION}:lead_back",
        "hardware.arms.feedback.proving:_stream",
        "app.bringup.steps:check_machine",  # from here on: of the shell, a browser or a piece of work
        "app.doctor.command:examine",
        "app.options:add_command",
        *(f"app.bench.page.browser:Tab.{name}" for name in ("_click", "open", "picture", "reload", "resize", "run")),
        "app.bench.page.browser:Tab.write",
        "app.bench.page.browser:Browser.tab",
        *(f"core.work:Work.{name}" for name in ("folder", "publish", "refuse_foreign", "result")),
    },
    "prove_feedback": {f"{ARM}._prove"},
    "lead_back": {
        f"{MOTION}:Follower.run",
        f"{MOTION}:FollowedPart.lead_back",
        f"{TOGETHER}:_Part.lead_back",
        f"{TOGETHER}:_Ensemble.run",
    },
    "keep_grip": {f"{ARM}.enable"},
    "Follower": {f"{ARM}.follow"},
    "FollowedPart": {f"{ARM}.followed_part"},
    "follow": {"grasping.execution:Execution._follow", "app.arm_look.gated_drive:drive", f"{TELLS}.follow"},
    "followed_part": {f"{TOGETHER}:_Part.send"},
    "move_together": {"grasping.overlapped_execution:OverlappedExecution.run", "app.arm_look.arm_proof:ArmProof._send"},
    "grip_part": {"grasping.execution:Execution.lift", f"{TOGETHER}:_Part.send", f"{ARM}.grip"},
    "grip": FINGERS_ALONE
    | {
        "grasping.execution:Execution._grip",
        f"{TELLS}.grip",
        "grasping.execution:Verification.held",  # from here on: what became of a grasp, and a time line's
        "app.run.live_trial:LiveTrial._judge",
        *(f"grasping.planning.overlap.time_line:{name}_steps" for name in ("carry", "reach")),
    },
}
#: Functions of these names elsewhere are called by their bare name, and move nothing.
METHODS = {"follow", "grip", "command"}
#: Who may open a CAN bus beside the SDK: listeners, the emulated arm, and a bench's other program on an emulated bus.
OTHER_BUSES = {
    "hardware.arms.can_interfaces",
    "hardware.arms.emulator",
    "app.doctor.devices",
    "app.bench.faults.arm_faults",
}


@cache
def uses() -> Mapping[str, dict[str, list[int]]]:
    """By name of an attribute or a variable that is used, or told to `getattr`: lines by place, which is
    `module:Class.function` of the outermost function."""
    found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))

    def walk(node: ast.AST, place: str, is_inside: bool) -> None:
        for child in ast.iter_child_nodes(node):
            name = _name(child)
            if name:
                found[name][place].append(child.lineno)  # type: ignore[attr-defined]
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            inner = place
            if not is_inside and (is_function or isinstance(child, ast.ClassDef)):
                inner = f"{place}{'' if place.endswith(':') else '.'}{child.name}"
            walk(child, inner, is_inside or is_function)

    for module, tree in modules().items():
        walk(tree, f"{module}:", False)
    return found


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name) and node.id not in METHODS:
        return node.id
    if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in _BY_NAME:
        return next((str(one.value) for one in node.args if isinstance(one, ast.Constant)), "")
    return ""


_BY_NAME = {"getattr", "methodcaller", "attrgetter"}


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Place and tree of every function of a module or of a class."""
    for module, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                yield f"{module}:{node.name}", node
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, ast.FunctionDef):
                    yield f"{module}:{node.name}.{inner.name}", inner


def refused_from(function: ast.FunctionDef, guard: str) -> int:
    """The line, of the function's own body, from which on what is not sealed has been refused."""
    for node in function.body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not):
            asked = isinstance(node.test.operand, ast.Attribute) and node.test.operand.attr == guard == "is_sealed"
            if asked and isinstance(node.body[-1], ast.Raise):
                return node.end_lineno or node.lineno
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value.func
            if isinstance(called, ast.Attribute) and called.attr == guard and ast.unparse(called.value) == "self":
                return node.lineno
    pytest.fail(f"{function.name} moves an arm without asking for {guard}")


@pytest.mark.parametrize("door", DOORS)
def test_a_door_towards_the_bus_is_used_where_it_may_be_and_nowhere_else(door: str) -> None:
    assert set(uses()[door]) == DOORS[door]


def sdk_senders() -> set[str]:
    """The SDK's methods that send, themselves or through others."""
    prefix = f"_{C_PiperInterface_V2.__name__}"
    methods = inspect.getmembers(C_PiperInterface_V2, inspect.isfunction)
    sources = {name.removeprefix(prefix): inspect.getsource(method) for name, method in methods}
    senders, found = {"SendCanMessage"}, set[str]()
    while senders != found:
        found = set(senders)
        senders |= {name for name, source in sources.items() if any(f".{sent}(" in source for sent in found)}
    return senders


def test_what_the_sdk_can_send_is_sent_by_the_bus_alone() -> None:
    senders = sdk_senders()
    assert {"JointCtrl", "EndPoseCtrl", "JointMitCtrl", "MotionCtrl_1", "MasterSlaveConfig"} <= senders
    sent = {name: set(uses()[name]) for name in senders if name in uses()}
    assert sent.keys() - DOORS.keys() <= {"ConnectPort"}, "the bus sends something new"  # that asks for the firmware
    assert all(place.startswith(BUS) for places in sent.values() for place in places)


def test_nobody_else_opens_a_bus_or_gives_a_door_another_name() -> None:
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            source = getattr(node, "module", None) or ""
            roots = {(source or alias.name).split(".")[0] for alias in node.names}
            assert "piper_sdk" not in roots or module == BUS.split(":")[0], f"{module} imports the SDK"
            assert "can" not in roots or module in OTHER_BUSES, f"{module} opens a bus of its own"
            renamed = [alias.name for alias in node.names if alias.asname and alias.name in DOORS.keys() - METHODS]
            assert not renamed, f"{module} renames {renamed}"


def test_who_sets_an_arm_in_motion_has_refused_before_what_the_gate_did_not_pass() -> None:
    known = dict(functions())
    movers = ("follow", "move_together", "grip_part")
    starts = {place for door in movers for place in DOORS[door]} - {f"{ARM}.grip", f"{TOGETHER}:_Part.send"}
    assert {place for place in starts if not place.startswith(TELLS)} <= GATED.keys()
    for place, guard in GATED.items():
        used = [line for door in (*movers, "grip") for line in uses()[door].get(place, ())]
        assert used and min(used) > refused_from(known[place], guard)
        if guard != "is_sealed":
            refused_from(known[f"{place.rpartition('.')[0]}.{guard}"], "is_sealed")


def test_what_is_not_gated_is_there_and_has_its_reason() -> None:
    known = dict(functions())
    assert all(place in known and reason for place, reason in UNGATED.items())
    aimed = DOORS["command"] | DOORS["send_gripper"]
    inner = {place for place in aimed if place.startswith("hardware.arms.") and "proving" not in place}
    along_the_path = {f"{MOTION}:FollowedPart.send", f"{MOTION}:Follower._tick", f"{ARM}.command"}
    assert inner - along_the_path <= UNGATED.keys()
