"""A session in which an arm stands elsewhere than it says."""

from contextlib import closing

import numpy as np
import pytest

from app.console import Console
from app.interrupts import Interrupts
from app.run.operator import Operator
from app.run.options import PipelineOptions
from app.run.pipeline import Pipeline
from app.run.session import Session
from app.run.trial_log import TrialLog
from core.errors import ArmError
from hardware.robot.description import PARK_JOINTS
from hardware.simulation.zero_offset import FORCED_RAD, forced_joint
from tests.support.quick_cell import QuickCell
from trials.record import Outcome, Reason
from trials.store import TrialStore

SCENE = 8


def test_an_arm_whose_forearm_was_forced_is_found_before_it_comes_near_anything(tmp_path):
    forced_rad = forced_joint(3, FORCED_RAD)
    with closing(QuickCell(forced_rad=dict.fromkeys(("left", "right"), forced_rad))) as world:
        world.drawn.draws_arms = True
        for arm in world.arms.values():
            np.testing.assert_allclose(arm.state().joints_rad, PARK_JOINTS, atol=1e-3)
        pipeline = Pipeline(world._cell, PipelineOptions(estimator="oracle"), world.truth)
        with TrialStore(tmp_path / "trials.db") as store:
            session = Session(
                world, pipeline, TrialLog(store), Operator(Console(as_json=True), Interrupts(), assume_yes=True)
            )
            with pytest.raises(ArmError, match="joint 4"):
                session.run_scene("diffuse", SCENE, 1)
            (row,) = store.list()
        assert row.outcome is Outcome.REFUSED
        assert row.reason is Reason.ARM
        assert "joint 4" in row.notes["arms_seen"]["right"] + row.notes["arms_seen"]["left"]
        for arm in world.arms.values():
            np.testing.assert_allclose(arm.state().joints_rad, PARK_JOINTS, atol=np.deg2rad(0.5))
