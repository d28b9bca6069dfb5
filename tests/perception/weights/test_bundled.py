"""Files of weights that prove to be whole."""

from pathlib import Path

import pytest
import torch
from torch import nn

from core.errors import PerceptionError
from perception.weights.bundled import fill_network, read_tensors, tensors_bytes

FORMAT = "tests 1"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "some.safetensors"
    path.write_bytes(tensors_bytes({n: p.detach() for n, p in nn.Linear(3, 2).named_parameters()}, FORMAT))
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    layer, again = nn.Linear(3, 2), nn.Linear(3, 2)
    path = tmp_path / "some.safetensors"
    path.write_bytes(tensors_bytes({name: p.detach() for name, p in layer.named_parameters()}, FORMAT))
    fill_network(again, read_tensors(path, FORMAT), path)
    assert torch.equal(again.weight, layer.weight) and torch.equal(again.bias, layer.bias)


def test_a_single_bit_that_flipped_is_noticed_wherever_it_is(file: Path) -> None:
    whole = file.read_bytes()
    for place in range(8, len(whole), 7):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(PerceptionError) as caught:
            read_tensors(file, FORMAT)
        assert "some.safetensors" in str(caught.value)


def test_weights_of_another_format_or_network_are_refused(file: Path) -> None:
    with pytest.raises(PerceptionError, match="no weights of tests 2"):
        read_tensors(file, "tests 2")
    with pytest.raises(PerceptionError, match="of another network"):
        fill_network(nn.Linear(4, 2), read_tensors(file, FORMAT), file)
    with pytest.raises(PerceptionError, match="of another network"):
        fill_network(nn.Conv2d(3, 2, 1, bias=False), read_tensors(file, FORMAT), file)


@pytest.mark.parametrize("kernel", [nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 5, groups=4)])
def test_kernels_are_written_however_they_lie_in_memory(tmp_path: Path, kernel: nn.Conv2d) -> None:
    laid = kernel.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    path = tmp_path / "some.safetensors"
    path.write_bytes(tensors_bytes({"weight": laid.weight.detach().half()}, FORMAT))
    assert torch.equal(read_tensors(path, FORMAT)["weight"], kernel.weight.half())
