"""Which cell trials run in, as the first line of a run tells it."""

import re

import pytest

from app.console import Console
from app.interrupts import Interrupts
from app.run.operator import Operator
from app.run.options import RunOptions
from app.run.station import Station
from core.surfaces import Surface
from hardware.worlds import open_world


@pytest.mark.parametrize(("camera", "why"), [("auto", "no RealSense .* doctor"), ("sim", "as asked")])
def test_a_digital_cell_says_that_it_is_one_and_what_a_real_one_lacks(camera, why, monkeypatch, capsys):
    monkeypatch.setattr("hardware.cameras.attached.find_cameras", list)
    monkeypatch.setattr("hardware.arms.can_interfaces.find_can_interfaces", list)
    options = RunOptions(surface=Surface.DIFFUSE, cell="lab", camera=camera)
    Station(options, Operator(Console(), Interrupts(), True, "nobody"), open_world)
    said = capsys.readouterr().out.replace("\n", " ")
    assert "digital cell 'lab': camera and arms are simulated" in said
    assert re.search(why, said)
