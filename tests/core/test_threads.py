"""BLAS keeps to one thread where that is asked, and gets back what it had."""

from collections.abc import Iterator

import numpy as np
import pytest

from core import threads
from core.threads import one_blas_thread
from perception.table.locate import fit_table
from perception.table.metric_scale import fit_metric
from tests.support.scenes.biased import answer, bent, draw_scenes


def blas_threads() -> int:
    """The most threads that numpy's or scipy's BLAS may use; 0 where that is not known."""
    return max((library.threads for library in threads._openblas()), default=0)


pytestmark = pytest.mark.skipif(blas_threads() == 0, reason="numpy has another BLAS")


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """As on any machine of two cores, whatever the environment asks for."""
    before = blas_threads()
    threads.set_blas_threads(2)
    yield
    threads.set_blas_threads(before)


def test_what_was_set_before_is_set_again_even_after_a_failure() -> None:
    with pytest.raises(ValueError), one_blas_thread(), one_blas_thread():
        assert blas_threads() == 1
        raise ValueError
    assert blas_threads() == 2


def test_scipys_blas_keeps_to_one_thread_as_numpys_does() -> None:
    assert {library.threads for library in threads._openblas()} == {2}
    with one_blas_thread():
        assert {library.threads for library in threads._openblas()} == {1}


def test_the_scale_and_the_plane_are_fitted_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = draw_scenes(range(1))[0]
    relative = answer(scene, bent("radial", 0.02, True)(scene, np.random.default_rng(0)), np.random.default_rng(1))
    seen: list[int] = []
    for name in ("solve", "lstsq"):
        own = getattr(np.linalg, name)
        monkeypatch.setattr(np.linalg, name, lambda *a, own=own, **k: (seen.append(blas_threads()), own(*a, **k))[1])
    metric = fit_metric(relative, scene.view, scene.frame)
    assert metric.correction is not None and metric.correction.used
    fitted = len(seen)
    fit_table(scene.frame)
    assert 0 < fitted < len(seen) and set(seen) == {1}
