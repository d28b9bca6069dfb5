"""The objects' network: what goes in, what comes out."""

import pytest
import torch

from perception.estimators.vitro_s.network import MULTIPLE
from perception.objects.encoding import CHANNELS
from perception.objects.network import OUTPUTS, ObjectsNet


@pytest.fixture(scope="module")
def net() -> ObjectsNet:
    torch.manual_seed(0)
    return ObjectsNet().eval()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (3, 1)])
def test_any_multiple_goes_in_and_as_large_an_answer_comes_out(net: ObjectsNet, height: int, width: int) -> None:
    x = torch.randn(2, CHANNELS, height * MULTIPLE, width * MULTIPLE)
    with torch.no_grad():
        assert net(x).shape == (2, OUTPUTS, *x.shape[2:])


def test_untrained_it_says_nothing(net: ObjectsNet) -> None:
    with torch.no_grad():
        assert not net(torch.randn(1, CHANNELS, MULTIPLE, MULTIPLE)).any()


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    net = ObjectsNet()
    with torch.no_grad():
        # What begins at zero hides what lies before it.
        for parameter in net.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    net(torch.randn(1, CHANNELS, 2 * MULTIPLE, 2 * MULTIPLE)).square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []
