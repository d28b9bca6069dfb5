"""Images of one exposure come out together, whatever order the streams arrive in."""

from dataclasses import dataclass

import numpy as np
import pytest

from hardware.cameras.camera import Freshness
from hardware.cameras.pairing import COLOR, DEPTH, INFRARED, ExposureMatcher, StreamKey

PERIOD_MS = 1000 / 30


@dataclass(frozen=True)
class Image:
    timestamp: float
    exposure: int


def play(arrivals: list[tuple[StreamKey, Image]], others: tuple[StreamKey, ...] = (DEPTH,)) -> list[dict]:
    matcher: ExposureMatcher[Image] = ExposureMatcher(others, {DEPTH}, PERIOD_MS / 2)
    out = []
    for key, image in arrivals:
        matcher.add(key, image)
        while (exposure := matcher.pop()) is not None:
            out.append(exposure)
    matcher.finish()
    while (exposure := matcher.pop()) is not None:
        out.append(exposure)
    return out


def streams(count: int, jitter_ms: float, seed: int) -> tuple[list[Image], list[Image]]:
    rng = np.random.default_rng(seed)
    jitter = rng.uniform(-jitter_ms, jitter_ms, count)
    color = [Image(n * PERIOD_MS + jitter[n], n) for n in range(count)]
    return color, [Image(n * PERIOD_MS, n) for n in range(count)]


@pytest.mark.parametrize("lead", range(-6, 7))
def test_every_exposure_is_paired_however_far_one_stream_runs_ahead(lead: int) -> None:
    color, depth = streams(40, jitter_ms=12.0, seed=lead % 7)
    arrivals = sorted(
        [(image.exposure + lead, COLOR, image) for image in color]
        + [(image.exposure, DEPTH, image) for image in depth],
        key=lambda item: item[0],
    )
    pairs = play([(key, image) for _, key, image in arrivals])
    assert [pair[COLOR].exposure for pair in pairs] == list(range(40))
    assert all(pair[COLOR].exposure == pair[DEPTH].exposure for pair in pairs)


def test_a_colour_image_whose_depth_was_dropped_is_passed_over() -> None:
    color, depth = streams(20, jitter_ms=5.0, seed=0)
    del depth[7:9]
    arrivals = sorted([(COLOR, i) for i in color] + [(DEPTH, i) for i in depth], key=lambda item: item[1].timestamp)
    pairs = play(arrivals)
    assert [pair[COLOR].exposure for pair in pairs] == [n for n in range(20) if n not in (7, 8)]
    assert all(pair[COLOR].exposure == pair[DEPTH].exposure for pair in pairs)


def test_colour_is_never_given_the_depth_of_the_frame_before() -> None:
    color, depth = streams(20, jitter_ms=0.0, seed=0)
    pairs = play([(DEPTH, depth[0])] + [(COLOR, image) for image in color[1:]])
    assert pairs == []


def test_missing_infrared_does_not_cost_the_exposure() -> None:
    color, depth = streams(5, jitter_ms=0.0, seed=0)
    arrivals = [item for c, d in zip(color, depth, strict=True) for item in ((DEPTH, d), (COLOR, c))]
    pairs = play([(INFRARED[0], depth[0]), *arrivals], (DEPTH, *INFRARED))
    assert [pair[COLOR].exposure for pair in pairs] == list(range(5))
    assert [INFRARED[0] in pair for pair in pairs] == [True, False, False, False, False]


def test_only_newer_frames_are_fresh() -> None:
    freshness = Freshness()
    assert freshness.admits(1, 10.0)
    assert not freshness.admits(1, 11.0), "a repeated number"
    assert not freshness.admits(2, 10.0), "a stale stamp"
    assert freshness.admits(2, 10.1)
