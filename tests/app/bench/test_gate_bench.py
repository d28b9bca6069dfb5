"""The bench of the gate: every kind of bad pick is refused for what is wrong with it, and good ones pass."""

import json

import pytest

from app.bench.gate.bad import KINDS
from app.bench.gate.command import bench_gate
from app.bench.options import BenchGateOptions


def test_every_kind_of_bad_pick_is_refused_for_its_reason_and_no_good_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_gate(BenchGateOptions(good=4, bad=len(KINDS), as_json=True)) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["good"], result["good_refused"]) == (4, 0)
    assert result["bad"] == result["bad_refused"] == result["named"] == len(KINDS) >= 40
