"""The page of a replay: time goes where its keys say, and what is drawn is what the recording has at that time."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from app.page.page_server import PageServer
from app.replay.replay_page import ReplayPage
from app.replay.timeline import timeline_of, timeline_of_frames
from app.replay.transport import STEP_S, Transport
from app.trial_recording.reader import read_recording
from hardware.robot.kinematics import link_poses
from tests.support.drawn_cell import CELL, draw_frame
from tests.support.sessions.recorded_trial import RecordedTrial


@pytest.fixture
def transport() -> Iterator[Transport]:
    with closing(PageServer()) as server:
        yield Transport(server.viser, 10.0, [1.0, 2.5, 2.505, 9.0])


def test_steps_go_to_each_time_at_which_something_was_said_and_back(transport: Transport) -> None:
    seen = []
    for direction in (1, 1, 1, 1, -1, -1, -1, -1):
        transport.step(direction)
        seen.append(transport.time_s)
    np.testing.assert_allclose(seen, [1.0, 2.5, 9.0, 10.0, 9.0, 2.52, 1.0, 0.0], atol=STEP_S + 1e-9)


def test_play_follows_the_clock_at_its_speed_and_begins_again_at_the_end(transport: Transport) -> None:
    transport.toggle(now_s=100.0)
    transport.tick(102.0)
    assert transport.time_s == pytest.approx(2.0)
    transport._speed.value = "4"
    transport.tick(103.0)
    assert transport.time_s == pytest.approx(6.0)
    transport.tick(105.0)
    assert transport.is_playing and transport.time_s == 0.0
    transport._loop.value = False
    transport.tick(108.0)
    assert not transport.is_playing and transport.time_s == pytest.approx(10.0)
    transport.tick(109.0)
    assert transport.time_s == pytest.approx(10.0)


@pytest.mark.slow
def test_the_page_draws_what_the_recording_has_at_a_time_and_lets_nobody_else_in(done: RecordedTrial) -> None:
    timeline = timeline_of(read_recording(done.recording))
    arm = done.trial.plan.arm
    during_s = timeline.planned[arm].times_s[200]
    with closing(ReplayPage(timeline, CELL, "trial 1", "127.0.0.1")) as page:
        assert urllib.request.urlopen(page.address).status == 200
        foreign = urllib.request.Request(page.address, headers={"Host": "elsewhere.example"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(foreign)
        page.rest()  # from here on only the test draws
        page.draw(during_s)
        joints, width_m = timeline.measured[arm].at(during_s)
        expected = (CELL.arms[arm].T_world_base @ link_poses(joints, width_m, CELL.arms[arm].firmware)["link6"])[:3, 3]
        np.testing.assert_allclose(page._arms[arm]._links["link6"].position, expected, atol=1e-3)
        ghost = page._ghosts[arm]._links["link6"].position
        assert 0 < np.linalg.norm(ghost - expected) < 0.2
        assert "plan" in page._notes.content and "outcome" not in page._notes.content
        assert page._points is not None
        page.draw(0.0)
        assert page._points is None and "outcome" not in page._notes.content


@pytest.mark.slow
def test_a_replay_opens_where_all_its_pictures_are_there_and_nothing_has_moved(done: RecordedTrial) -> None:
    timeline = timeline_of(read_recording(done.recording))
    with closing(ReplayPage(timeline, CELL, "trial 1", "127.0.0.1")) as page:
        page.rest()
        at_s = page._transport.time_s
        page.draw(at_s)
        assert all(np.ptp(handle.image) > 100 for handle in page._images.values()) and page._points is not None
        assert 0 < at_s < timeline.planned[done.trial.plan.arm].times_s[0]


def test_a_trial_without_a_recording_is_shown_by_its_frame(tmp_path: Path) -> None:
    frame = draw_frame(CELL)
    timeline = timeline_of_frames([frame], None)
    with closing(ReplayPage(timeline, CELL, "an old trial", "127.0.0.1")) as page:
        page._ending.set()
        page._thread.join()
        page.draw(0.0)
        assert np.ptp(page._images["colour"].image) > 100
