"""The page looks through the camera while a person is asked or an arm drives, and never while the session does."""

import threading
import time
from collections.abc import Iterator

import pytest

from app.calibrate.page.camera_watch import CameraWatch
from app.events import MotionBegin, MotionEnd, QuestionEnd, QuestionOpen
from app.question import Question
from core.errors import CameraError

QUESTION = Question("Move?", {"y": "move"})


class OneReader:
    """A camera that fails the test where two read at once. faulty: it gives no picture."""

    def __init__(self) -> None:
        self.reading, self.count, self.is_shared, self.faulty = threading.Lock(), 0, False, False

    def read(self, timeout_s: float = 1.0) -> object:
        if not self.reading.acquire(blocking=False):
            self.is_shared = True
            return object()
        try:
            time.sleep(0.01)
            self.count += 1
            if self.faulty:
                raise CameraError("No frame.", "Plug it in.")
            return object()
        finally:
            self.reading.release()


@pytest.fixture
def camera() -> OneReader:
    return OneReader()


@pytest.fixture
def watch(camera: OneReader, monkeypatch: pytest.MonkeyPatch) -> Iterator[CameraWatch]:
    monkeypatch.setattr("app.calibrate.page.camera_watch._PERIOD_S", 0.001)
    monkeypatch.setattr("app.calibrate.page.camera_watch._AFTER_FAULT_S", 0.001)
    watch = CameraWatch(lambda: camera)  # type: ignore[arg-type, return-value]
    yield watch
    watch.close()


def wait_for_more(camera: OneReader) -> None:
    count = camera.count
    while camera.count == count:
        time.sleep(0.001)


@pytest.mark.parametrize(
    ("begin", "end"),
    [(QuestionOpen(QUESTION), QuestionEnd(QUESTION, None)), (MotionBegin("left"), MotionEnd("left"))],
)
def test_once_it_has_heard_the_end_the_camera_is_the_sessions_alone(
    camera: OneReader, watch: CameraWatch, begin: QuestionOpen | MotionBegin, end: QuestionEnd | MotionEnd
) -> None:
    for _ in range(5):
        watch.hear(begin)
        wait_for_more(camera)
        watch.hear(end)
        count = camera.count
        camera.read()
        assert camera.count == count + 1
    assert not camera.is_shared


def test_a_camera_that_fails_is_said_and_asked_again(camera: OneReader, watch: CameraWatch) -> None:
    camera.faulty = True
    watch.hear(QuestionOpen(QUESTION))
    wait_for_more(camera)
    wait_for_more(camera)
    assert isinstance(watch.newest, CameraError)
    camera.faulty = False
    wait_for_more(camera)
    wait_for_more(camera)
    assert not isinstance(watch.newest, CameraError)
