"""What people are told of the arms once they were stopped."""

import signal

import pytest

from app.interrupts import Interrupts


def stopped(times: int) -> tuple[Interrupts, list[str]]:
    calls: list[str] = []
    with Interrupts() as interrupts:
        interrupts.emergency = lambda: calls.append("emergency")
        interrupts.acknowledge = lambda: calls.append("stopping")
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
    return interrupts, calls


def test_arms_that_were_stopped_along_their_path_hold() -> None:
    interrupts, calls = stopped(1)
    assert interrupts.stop_requested and calls == ["stopping"]
    assert "hold where they are" in interrupts.aftermath


def test_arms_in_emergency_stop_are_said_to_sink_and_how_they_are_led_back() -> None:
    interrupts, calls = stopped(2)
    assert calls == ["stopping", "emergency"]
    assert "hold where they are" not in interrupts.aftermath
    assert "sinks" in interrupts.aftermath and "recover ARM" in interrupts.aftermath


def test_work_that_is_broken_off_is_no_emergency_of_an_arm() -> None:
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt), interrupts.deferring():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert not interrupts.was_emergency
