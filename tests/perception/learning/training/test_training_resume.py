"""A run goes on to the bit, and a checkpoint is whole and of this model or is refused by name."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from core.errors import StorageError, TrainingError
from perception.learning.training.checkpoint import Checkpoints, restore
from perception.learning.training.lora import lora_tensors
from perception.learning.training.trainer import Trainer
from tests.support.stand_ins.full_disk import disk_of
from tests.support.tiny.training import ball_data, tiny_trainer


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training") / "base"


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkpoints, Trainer, dict]:
    """Checkpoints of steps 1 and 2, the trainer after step 4, and its model's identity."""
    trainer, identity = tiny_trainer(base)
    checkpoints = Checkpoints(tmp_path_factory.mktemp("run"), 3)
    for _ in range(2):
        trainer.step()
        checkpoints.save(trainer, identity)
    trainer.step()
    trainer.step()
    return checkpoints, trainer, identity


@pytest.fixture
def copied(trained: tuple[Checkpoints, Trainer, dict], tmp_path: Path) -> Checkpoints:
    """The checkpoints, to be damaged."""
    shutil.copytree(trained[0].folder, tmp_path / "run")
    return Checkpoints(tmp_path / "run", 3)


def state_of(trainer: Trainer) -> list[torch.Tensor]:
    """Every number that steps change: weights, and AdamW's moments of each."""
    tensors = list(lora_tensors(trainer.transformer).values())
    moments = [t for s in trainer.optimizer.state.values() for t in s.values() if isinstance(t, torch.Tensor)]
    return [tensor.detach().clone() for tensor in (*tensors, *moments)]


def test_steps_after_a_kill_are_those_of_a_run_that_nothing_stopped(
    base: Path, trained: tuple[Checkpoints, Trainer, dict]
) -> None:
    checkpoints, straight, _ = trained
    generator = torch.get_rng_state()
    torch.manual_seed(99)  # another process's generators stand elsewhere
    resumed, identity = tiny_trainer(base)
    restore(resumed, checkpoints.newest(identity))
    assert torch.equal(torch.get_rng_state(), generator)
    reports = [resumed.step(), resumed.step()]
    assert [report.step for report in reports] == [3, 4]
    for ours, theirs in zip(state_of(resumed), state_of(straight), strict=True):
        assert torch.equal(ours, theirs)


def test_it_goes_on_with_as_many_threads_as_the_checkpoint_was_made_with(
    base: Path, tmp_path: Path, threads: Callable[[int], None]
) -> None:
    threads(2)
    straight, identity = tiny_trainer(base)
    straight.step()
    Checkpoints(tmp_path, 1).save(straight, identity)
    straight.step()
    threads(1)
    resumed, _ = tiny_trainer(base)
    restore(resumed, Checkpoints(tmp_path, 1).newest(identity))
    assert torch.get_num_threads() == 2
    resumed.step()
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(state_of(resumed), state_of(straight), strict=True))


def test_only_the_lora_learns(base: Path, trained: tuple[Checkpoints, Trainer, dict]) -> None:
    fresh, _ = tiny_trainer(base)
    before, after = (dict(trainer.transformer.named_parameters()) for trainer in (fresh, trained[1]))
    for name, parameter in after.items():
        assert torch.equal(parameter, before[name]) != (".lora_" in name), name
        assert parameter.requires_grad == (".lora_" in name)


def test_a_checkpoint_of_another_model_is_refused_by_what_differs(
    base: Path, trained: tuple[Checkpoints, Trainer, dict]
) -> None:
    checkpoints, _, identity = trained
    _, other = tiny_trainer(base, rank=3)
    with pytest.raises(TrainingError, match=r"another model.*LoRA rank 2 there, 3 here"):
        checkpoints.newest(other)
    with pytest.raises(TrainingError, match=r"base weights .* there, 0123 here"):
        checkpoints.newest(identity | {"base weights": "0123"})
    with pytest.raises(TrainingError, match="transformer layers 2 there, 30 here"):
        checkpoints.newest(identity | {"transformer layers": 30})


@pytest.mark.parametrize(("name", "said"), [("optimizer.bin", "cut off: 100 of"), ("lora.safetensors", "cut off")])
def test_a_cut_off_checkpoint_is_named_and_the_one_before_it_offered(
    copied: Checkpoints, trained: tuple[Checkpoints, Trainer, dict], name: str, said: str
) -> None:
    identity = trained[2]
    newest = copied.there()[-1] / name
    newest.write_bytes(newest.read_bytes()[:100])
    with pytest.raises(TrainingError, match=f"step-000002/{name} is {said}") as error:
        copied.newest(identity)
    assert "--from step-000001" in error.value.remedy
    assert copied.at(copied.folder / "step-000001", identity).step == 1


def test_one_flipped_bit_or_a_lost_file_is_noticed(
    copied: Checkpoints, trained: tuple[Checkpoints, Trainer, dict]
) -> None:
    path = copied.there()[-1] / "lora.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"lora\.safetensors is damaged"):
        copied.newest(trained[2])
    path.unlink()
    with pytest.raises(TrainingError, match=r"lora\.safetensors is missing"):
        copied.newest(trained[2])


def test_the_last_few_stay_and_what_a_kill_left_half_written_is_no_checkpoint(
    trained: tuple[Checkpoints, Trainer, dict], tmp_path: Path
) -> None:
    _, trainer, identity = trained
    checkpoints = Checkpoints(tmp_path, 1)
    (tmp_path / "step-000001").mkdir()
    (tmp_path / ".step-000009.partial").mkdir()
    checkpoints.save(trainer, identity)
    assert [path.name for path in checkpoints.there()] == ["step-000004"]
    assert checkpoints.newest(identity).step == 4


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file of this process may grow beyond 20 kB: the optimizer's state is 70."""
    with disk_of(20_000):
        yield


def test_a_full_disk_leaves_the_earlier_checkpoints_and_no_half_one(
    copied: Checkpoints, trained: tuple[Checkpoints, Trainer, dict], full_disk: None
) -> None:
    with pytest.raises(StorageError, match="cannot be written") as error:
        copied.save(trained[1], trained[2])
    assert "earlier ones are kept" in error.value.remedy
    assert sorted(path.name for path in copied.folder.iterdir()) == ["step-000001", "step-000002"]
    assert copied.newest(trained[2]).step == 2


def test_a_loss_that_is_not_finite_stops_before_it_changes_anything(base: Path) -> None:
    trainer, _ = tiny_trainer(base, ball_data(), batch=1)
    trainer.step()
    before = state_of(trainer)
    healthy, trainer._level_weights = trainer._level_weights, torch.full_like(trainer._level_weights, torch.nan)
    with pytest.raises(TrainingError, match="loss of step 2 is nan"):
        trainer.step()
    for ours, theirs in zip(before, state_of(trainer), strict=True):
        assert torch.equal(ours, theirs)
    assert trainer.steps_done == 1 and healthy.isfinite().all()
