"""What many calibrated cells come to: each figure beside what is wanted of it, and how often the truth lies within."""

import numpy as np

from app.bench.calibration import result_of, summarise


def cell(off: float, rng: np.random.Generator) -> dict:
    return {
        "accepted": True,
        "errors": {arm: {"translation_mm": 0.3, "rotation_deg": 0.05} for arm in ("left", "right")},
        "holdout": {"px": 0.3, "mm": 0.3},
        "driven": {"px": 0.9, "mm": 0.8},
        "touch_mm": [0.5, off],
        "error_sigmas": {arm: rng.normal(0.0, off, 10).tolist() for arm in ("left", "right")},
        "seconds": 60.0,
    }


def test_a_figure_is_kept_or_missed_and_stated_uncertainties_must_be_neither_too_small_nor_too_large() -> None:
    for off, is_kept in ((1.0, True), (3.0, False), (0.1, False)):
        rng = np.random.default_rng(0)
        summary = summarise([cell(off, rng) for _ in range(20)] + [{"accepted": False}])
        assert (summary["calibrated"], summary["of"]) == (20, 21)
        figures = summary["figures"]
        assert figures["covered"]["kept"] == is_kept and figures["covered"]["of"] == 400
        assert figures["touch_mm"]["kept"] == (off <= 2.0) and figures["holdout_px"]["kept"]


def test_only_a_calibration_that_ended_by_itself_is_kept_for_the_next_time() -> None:
    assert "errors" in result_of('{"accepted": false, "errors": {}, "findings": []}', "")
    for stdout, stderr in (("", "Traceback\nValueError: 3"), ('{"error": "interrupted"}', "Interrupted."), ("[]", "x")):
        broken = result_of(stdout, stderr)
        assert "errors" not in broken and not broken["accepted"]
        assert broken["findings"][0]["cause"] == stderr.splitlines()[-1]
