"""The doctor tells what a machine's files show: of buses, cameras and rules, on machines that are not this one."""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import can
import pytest
import torch
from typer.testing import CliRunner

from app.cli import app
from app.doctor import devices, parts
from app.doctor.command import calibration
from app.doctor.finding import Finding, Machine
from app.doctor.parts import anygrasp_licence
from app.paths import cell_file
from core.cell import load_cell
from core.errors import CalibrationError
from hardware.arms import emulator
from hardware.robot.description import PARK_JOINTS
from tests.support.ideal_plant import IdealPlant
from tests.support.stand_ins import curobo as stand_in

LAB = load_cell(cell_file("lab"))
LEFT = LAB.arms["left"].channel


def machine(root: Path, files: dict[str, str]) -> Machine:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content + "\n")
    return Machine(root)


def bus(channel: str, changed: dict[str, str]) -> dict[str, str]:
    counted = {"statistics/rx_packets": "900", "statistics/rx_errors": "0"}
    own = {"type": "280", "flags": "0x40081", "carrier": "1"} | counted | changed
    return {f"sys/class/net/{channel}/{name}": value for name, value in own.items()}


def told(findings: list[Finding], subject: str) -> tuple[str, str]:
    (one,) = (finding for finding in findings if finding.subject == subject)
    return one.state, f"{one.found} {one.remedy} {one.command}"


@pytest.mark.parametrize(
    ("changed", "state", "said"),
    [
        ({}, "pass", "900 frames"),
        ({"flags": "0x40080"}, "fail", f"sudo ip link set {LEFT} up type can bitrate 1000000"),
        ({"carrier": "0"}, "fail", "BUS-OFF"),
        ({"statistics/rx_packets": "0"}, "fail", "master mode"),
        ({"statistics/rx_errors": "7"}, "warn", "7 errors"),
    ],
)
def test_a_bus_is_told_by_what_the_kernel_shows(tmp_path: Path, changed: dict, state: str, said: str) -> None:
    found = told(list(devices.can(machine(tmp_path, bus(LEFT, changed)), LAB)), "CAN left")
    assert found[0] == state and said in found[1]


def test_an_arm_whose_adapter_has_another_name_is_told_the_names_there_are(tmp_path: Path) -> None:
    found = list(devices.can(machine(tmp_path, bus("can7", {})), LAB))
    assert told(found, "CAN left")[0] == "fail" and "can7" in told(found, "CAN left")[1]
    assert told(found, "CAN")[0] == "warn"


@pytest.mark.parametrize(
    ("tells", "state", "said"),
    [
        (b"S-V1.6-5", "pass", "S-V1.6-5"),
        (b"S-V1.5-2", "fail", "firmware: old"),
        (b"S-V1.8-1", "warn", "slip"),
        (None, "warn", "does not tell"),
    ],
)
def test_an_arm_is_asked_for_its_firmware(
    monkeypatch: pytest.MonkeyPatch, tells: bytes | None, state: str, said: str
) -> None:
    monkeypatch.setitem(emulator._FIRMWARE_NAMES, "new", tells or b"")
    channel = f"doctor-{os.getpid()}"
    arm = emulator.PiperEmulator(channel, IdealPlant(PARK_JOINTS), "new", gripper_stroke_m=0.07)
    with closing(arm), ThreadPoolExecutor(1) as pool, can.Bus(channel=channel, interface="virtual") as bus:
        found = pool.submit(devices.arm_firmware, "left", LAB.arms["left"], bus)
        while not found.done():
            arm.update(time.monotonic())
            time.sleep(0.001)
    finding = found.result()
    assert (finding.subject, finding.state) == ("arm left", state)
    assert said in f"{finding.found} {finding.remedy}"


@pytest.mark.parametrize(("speed", "state"), [("5000", "pass"), ("10000", "pass"), ("480", "fail"), ("", "fail")])
def test_a_camera_on_usb_2_fails(tmp_path: Path, speed: str, state: str) -> None:
    device = {"idVendor": "8086", "product": "Intel(R) RealSense(TM) Depth Camera 435", "serial": "12", "speed": speed}
    files = {f"sys/bus/usb/devices/2-1/{name}": value for name, value in device.items()}
    found = list(devices.cameras(machine(tmp_path, files), LAB))
    assert [one.state for one in found] == [state] and "12" in found[0].found


def test_a_bare_machine_has_nothing_that_fails(tmp_path: Path) -> None:
    bare = Machine(tmp_path)
    found = [*devices.cameras(bare, LAB), *devices.can(bare, LAB), devices.udev(bare)]
    assert {one.state for one in found} == {"warn"} and all(one.remedy for one in found)
    assert devices.udev(machine(tmp_path, {"etc/udev/rules.d/80-vitro.rules": ""})).state == "pass"


def test_a_calibration_ages_and_must_say_its_day() -> None:
    today = date(2026, 11, 29)
    for said, state in (("2026-11-20, tape", "pass"), ("by tape on 2026-01-02", "warn"), (None, "warn")):
        assert calibration(LAB.model_copy(update={"calibrated": said}), today).state == state
    for said in ("long ago", "2027-01-01"):
        with pytest.raises(CalibrationError):
            calibration(LAB.model_copy(update={"calibrated": said}), today)


def licence(
    folder: Path, toolbox: list[dict], parts: tuple[str, ...] = ("a.public_key", "a.signature", "a.lic")
) -> Path:
    folder.mkdir(exist_ok=True)
    for part in parts:
        (folder / part).write_bytes(b"x")
    terms = {"feature_id": "123", "public_key": "a.public_key", "signature": "a.signature", "license": "a.lic"}
    (folder / "licenseCfg.json").write_text(json.dumps(terms | {"toolbox": toolbox}))
    return folder


def test_anygrasps_licence_is_told_by_what_lies_in_its_folder(tmp_path: Path) -> None:
    now = datetime(2026, 11, 29)
    forever = [{"name": "Research", "type": "PERMANENT", "data": ""}]
    ended = [{"name": "Research", "type": "TIME_LIMITED", "data": "2021-01-01_00-00-00 2021-05-31_23-59-59"}]
    running = [{"name": "Research", "type": "TIME_LIMITED", "data": "2021-01-01_00-00-00 2027-05-31_23-59-59"}]
    for toolbox, is_good, words in (
        (forever, True, "is of the feature id 123"),
        (running, True, "is of the feature id 123"),
        (ended, False, "ended on 2021-05-31"),
    ):
        assert anygrasp_licence(licence(tmp_path / "license", toolbox), now) == (is_good, f"its licence {words}")
    (tmp_path / "license" / "a.lic").unlink()
    assert "lacks a.lic" in anygrasp_licence(tmp_path / "license", now)[1]
    (tmp_path / "license" / "licenseCfg.json").write_text("{}")
    assert "is no licence" in anygrasp_licence(tmp_path / "license", now)[1]
    assert "no licence in" in anygrasp_licence(tmp_path / "elsewhere", now)[1]


def test_curobo_is_told_from_a_placeholder_and_by_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parts.curobo().state == "warn"
    stand_in.install(monkeypatch)
    assert parts.curobo() == Finding("cuRobo", "pass", "0.8.0, with all that is called of it")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "no CUDA device" in parts.curobo().found
    monkeypatch.delitem(sys.modules, "curobo.motion_planner")
    assert parts.curobo().state == "fail" and "placeholder" in parts.curobo().found


def test_the_json_has_every_subject_and_fix_gives_commands_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    findings = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)["findings"]
    subjects = {one["subject"] for one in findings}
    assert {"OS packages", "disk", "clock", "trial log", "page", "camera", "udev", "CAN", "calibration"} <= subjects
    assert {"renderer", "CUDA", "models", "AnyGrasp", "GraspGen", "cuRobo"} <= subjects
    fixes = CliRunner().invoke(app, ["doctor", "--fix"]).stdout.splitlines()
    assert fixes == [one["command"] for one in findings if one["command"] and one["state"] != "pass"]
