"""The cell's DKT, kept warm: the same maps as a stream's, whatever was asked before."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import PerceptionError
from core.image import Intrinsics
from hardware.cameras.frame import RgbdFrame
from perception.estimators.dkt.estimator import DktEstimator
from perception.estimators.dkt.model import Dkt, DktSettings, load_dkt
from perception.estimators.dkt.warm_clip import WarmClip
from perception.estimators.estimator import Estimator
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import ESTIMATORS, open_estimator
from perception.estimators.specification import Observation
from tests.support.tiny.dkt import moving_clip

SETTINGS = DktSettings(size=(48, 32), mode="fast")


@pytest.fixture(scope="module", params=["fast", "exact"])
def model(folder: Path, request: pytest.FixtureRequest) -> Dkt:
    return load_dkt(folder, replace(SETTINGS, mode=request.param))


@pytest.fixture(scope="module")
def fast(folder: Path) -> Dkt:
    return load_dkt(folder, SETTINGS)


def streamed(model: Dkt, frames: list[np.ndarray]) -> np.ndarray:
    stream = model.open(len(frames), *frames[0].shape[:2], "depth")
    return ([a_map for frame in frames for a_map in stream.push(Observation(frame))] + stream.finish())[-1]


def seen(frames: list[np.ndarray]) -> list[RgbdFrame]:
    intrinsics = Intrinsics(frames[0].shape[1], frames[0].shape[0], 60.0, 60.0, 24.0, 16.0)
    depth = np.zeros(frames[0].shape[:2], np.float32)
    return [
        RgbdFrame(frame, depth, intrinsics, "1", number, 0.1 * number, "test") for number, frame in enumerate(frames)
    ]


def _newest(model: Dkt) -> Estimator:
    return Estimator(ESTIMATORS["dkt"], DktEstimator(model))


@pytest.mark.parametrize("count", [1, 2, 5, 7])
@pytest.mark.parametrize(("height", "width"), [(32, 48), (37, 61), (48, 32), (70, 40)])
def test_a_warm_clips_map_is_the_streams_last(model: Dkt, count: int, height: int, width: int) -> None:
    frames = moving_clip(count, height, width)
    assert np.array_equal(WarmClip(model, count, height, width).newest(frames), streamed(model, frames))


def test_one_after_the_other_without_a_trace(model: Dkt) -> None:
    first, second = moving_clip(5), moving_clip(5, seed=1)
    warm = WarmClip(model, 5, 32, 48)
    given = [warm.newest(frames) for frames in (first, second, first)]
    assert np.array_equal(given[0], given[2])
    assert np.array_equal(given[1], streamed(model, second))
    assert not np.array_equal(given[0], given[1])


def test_what_was_given_stays_as_it_is(fast: Dkt) -> None:
    warm = WarmClip(fast, 1, 32, 48)
    given = warm.newest(moving_clip(1))
    before = given.copy()
    warm.newest(moving_clip(1, seed=1))
    assert np.array_equal(given, before)


def test_frames_of_another_size_are_refused(fast: Dkt) -> None:
    with pytest.raises(PerceptionError, match="of one size"):
        WarmClip(fast, 1, 32, 48).newest(moving_clip(1, 32, 40))


def test_an_answer_with_nan_is_an_error(fast: Dkt) -> None:
    class Broken:
        def velocity(self, step: int, latents: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
            return latents * float("nan")

    with pytest.raises(PerceptionError, match="frame 4 is not finite"):
        WarmClip(replace(fast, transformer=Broken()), 5, 32, 48).newest(moving_clip(5))


def test_the_cells_dkt_answers_for_any_number_of_frames(folder: Path, fast: Dkt) -> None:
    options = EstimatorOptions(weights=folder, size=(48, 32), mode="fast", device="cpu")
    estimator = open_estimator("dkt", options=options)
    for count in (1, 3, 5, 5, 8, 1):
        frames = moving_clip(count)
        answer = estimator.estimate(seen(frames), None)
        assert np.array_equal(answer.values, streamed(fast, frames[-5:]))
        assert answer.kind == "disparity" and answer.estimator == estimator.name


def test_the_cells_dkt_takes_a_camera_of_another_size(fast: Dkt) -> None:
    estimator = _newest(fast)
    for height, width in ((32, 48), (40, 60), (32, 48)):
        frames = moving_clip(1, height, width)
        assert np.array_equal(estimator.estimate(seen(frames), None).values, streamed(fast, frames))


def test_clips_that_need_several_windows_are_streamed(fast: Dkt) -> None:
    model = replace(fast, settings=replace(fast.settings, window=1, stride=1))
    frames = moving_clip(5)
    assert np.array_equal(_newest(model).estimate(seen(frames), None).values, streamed(model, frames))


def test_without_memory_for_a_warm_clip_it_is_streamed(
    fast: Dkt, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_memory(*_: object) -> WarmClip:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("perception.estimators.dkt.warm_clip.WarmClip", no_memory)
    estimator, frames = _newest(fast), moving_clip(5)
    for _ in range(2):
        assert np.array_equal(estimator.estimate(seen(frames), None).values, streamed(fast, frames))
    assert caplog.text.count("they are streamed") == 1


def test_a_capture_that_fails_is_named_and_missed_by_nobody(fast: Dkt, caplog: pytest.LogCaptureFixture) -> None:
    frames = moving_clip(1)
    estimator = _newest(fast)
    estimator.estimate(seen(frames), None)
    assert isinstance(estimator.model, DktEstimator)
    warm = estimator.model._warm[1]
    assert warm is not None
    warm._capture(None)  # there is no CUDA here: it fails as it would on a GPU
    assert "CUDA graph failed" in caplog.text
    assert estimator.name.endswith(", no CUDA graph")
    assert np.array_equal(estimator.estimate(seen(frames), None).values, streamed(fast, frames))
