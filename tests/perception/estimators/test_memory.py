"""Memory that runs out: one more try at the setting that the model declares, recorded; then a refusal by name."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

from core.errors import PerceptionError
from perception.estimators.estimator import Estimator
from perception.estimators.memory import OutOfMemoryError
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import open_estimator
from perception.estimators.specification import EstimatorSpecification, Observation
from tests.support.drawn_cell import CELL, draw_frame
from tests.support.tiny.estimators import save_depth_anything, save_marigold


def run_out_on_cuda() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")  # as a GPU's allocator does


#: What asks for more than there is, each in its own way.
HUNGRY: dict[str, Callable[[], object]] = {
    "numpy": lambda: np.empty((1 << 47,), np.float64),
    "torch on the CPU": lambda: torch.empty(1 << 47, dtype=torch.float64),
    "torch on CUDA": run_out_on_cuda,
}


class Model:
    """Answers where `tries` is 0; a smaller one has tried once less."""

    def __init__(self, run_out: Callable[[], object], tries: int) -> None:
        self._run_out, self.tries = run_out, tries

    def estimate(self, seen: Sequence[Observation]) -> np.ndarray:
        if self.tries:
            self._run_out()
        return np.ones(seen[-1].color.shape[:2], np.float32)

    def smaller(self, height: int, width: int) -> tuple["Model", str]:
        return Model(self._run_out, self.tries - 1), f"{width // 2}x{height // 2}"


def estimator(model: object) -> Estimator:
    return Estimator(EstimatorSpecification("hungry", "", "disparity", lambda options: model), model)


@pytest.mark.parametrize("run_out", HUNGRY.values(), ids=HUNGRY)
def test_what_does_not_fit_is_tried_once_more_at_the_declared_setting_and_recorded(run_out) -> None:
    frame = draw_frame(CELL)
    height, width = frame.color.shape[:2]
    assert estimator(Model(run_out, 0)).estimate([frame], None).estimator == "hungry"
    answer = estimator(Model(run_out, 1)).estimate([frame], None)
    assert answer.estimator == f"hungry, retried at {width // 2}x{height // 2}: no memory"
    with pytest.raises(OutOfMemoryError, match="hungry does not fit") as caught:
        estimator(Model(run_out, 2)).estimate([frame], None)
    assert "--estimator" in caught.value.remedy


def test_other_errors_are_not_tried_again_nor_called_memory() -> None:
    def fail() -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        estimator(Model(fail, 1)).estimate([draw_frame(CELL)], None)


@pytest.mark.parametrize(
    ("name", "save", "size"),
    [("depth-anything-v2-large", save_depth_anything, (70, 56)), ("marigold-e2e", save_marigold, (64, 48))],
)
def test_models_of_a_size_declare_half_of_it_with_the_same_weights(name, save, size, tmp_path, monkeypatch) -> None:
    frame = draw_frame(CELL)
    options = EstimatorOptions(weights=save(tmp_path), size=size, device="cpu")
    whole = open_estimator(name, options)
    smaller, setting = whole.model.smaller(*frame.color.shape[:2])
    assert whole.model._size == size and smaller._size[0] <= size[0] // 2 and f"{smaller._size[0]}x" in setting
    assert Estimator(whole.specification, smaller).estimate([frame], None).values.shape == frame.color.shape[:2]


def test_an_own_file_that_runs_out_of_memory_is_refused_by_name(tmp_path) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        "import numpy as np\nfrom perception.estimators.specification import EstimatorSpecification\n"
        "class Own:\n    def estimate(self, seen):\n        return np.empty((1 << 47,))\n"
        "ESTIMATOR = EstimatorSpecification('own', '', 'disparity', load=lambda options: Own())\n"
    )
    with pytest.raises(PerceptionError, match=r"own fails: .*MemoryError in line 5"):
        open_estimator(str(file)).estimate([draw_frame(CELL)], None)
