"""Which cell trials run in, as the first line of a run tells it."""

import re

import pytest

from app.console import Console
from app.interrupts import Interrupts
from app.run.operator import Operator
from app.run.options import RunOptions
from app.run.station import Station
from core.errors import VitroError
from core.surfaces import Surface
from hardware.worlds import open_world
from tests.support.paths import CELLS


@pytest.mark.parametrize(("camera", "why"), [("auto", "no RealSense .* doctor"), ("sim", "as asked")])
def test_a_digital_cell_says_that_it_is_one_and_what_a_real_one_lacks(camera, why, monkeypatch, capsys):
    monkeypatch.setattr("hardware.cameras.attached.find_cameras", list)
    monkeypatch.setattr("hardware.arms.can_interfaces.find_can_interfaces", list)
    options = RunOptions(surface=Surface.DIFFUSE, cell="lab", camera=camera)
    Station(options, Operator(Console(), Interrupts(), True, "nobody"), open_world)
    said = capsys.readouterr().out.replace("\n", " ")
    assert "digital cell 'lab': camera and arms are simulated" in said
    assert re.search(why, said)


@pytest.mark.parametrize(("attached", "why"), [((), "No RealSense camera is attached"), (("0815",), "not calibrated")])
def test_of_a_real_cell_without_a_camera_that_is_told_before_what_the_camera_would_measure(attached, why, monkeypatch):
    monkeypatch.setattr("app.run.station.find_cameras", lambda: attached)
    options = RunOptions(surface=Surface.DIFFUSE, camera="d435")
    with pytest.raises(VitroError, match=why):
        Station(options, Operator(Console(), Interrupts(), False, "nobody"), open_world)


def test_a_cell_from_a_file_is_told_with_it_for_its_name_may_be_another_cells(tmp_path, capsys):
    copied = tmp_path / "mine.yaml"
    copied.write_bytes((CELLS / "sim.yaml").read_bytes())
    for cell, said in ((str(copied), f"digital cell 'sim' of {copied}: camera"), ("sim", "digital cell 'sim': camera")):
        options = RunOptions(surface=Surface.DIFFUSE, cell=cell, camera="sim")
        Station(options, Operator(Console(), Interrupts(), True, "nobody"), open_world)
        assert said in capsys.readouterr().out.replace("\n", " ")
