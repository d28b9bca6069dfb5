"""Ending a stop drops the arm: only at the key of a person who holds it."""

import pytest

from app.console import Console
from app.recover import let_down
from tests.support.emulated_arm import emulated_cells, ready


@pytest.fixture
def cell():
    with emulated_cells() as make:
        yield ready(make)


def answering(monkeypatch, key):
    asked = []
    monkeypatch.setattr(Console, "ask_key", lambda _, question, keys: asked.append(question) or key)
    return asked


def test_an_arm_without_stop_or_fault_keeps_its_power_and_nobody_is_asked(cell, monkeypatch):
    asked = answering(monkeypatch, "h")
    let_down(cell.arm, Console(is_quiet=True))
    assert not asked
    assert cell.plant.power


def test_a_stopped_arm_keeps_its_power_until_a_person_holds_it(cell, monkeypatch):
    cell.arm.stop()
    cell.clock.sleep(0.1)
    asked = answering(monkeypatch, "q")
    with pytest.raises(KeyboardInterrupt):
        let_down(cell.arm, Console(is_quiet=True))
    assert "DROPS" in asked[0]
    assert cell.plant.power


def test_a_recovered_arm_is_powered_and_proved_by_the_next_session(cell, monkeypatch):
    cell.arm.stop()
    cell.clock.sleep(0.1)
    answering(monkeypatch, "h")
    let_down(cell.arm, Console(is_quiet=True))
    assert not cell.plant.power
    cell.arm.close()
    cell.arm.connect()
    cell.arm.enable()
    assert cell.plant.power
    assert not cell.arm.state().stopped
