"""Muon and AdamW under one factor, for the small convolutional networks."""

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

import torch
from torch import Tensor, nn

MUON_RATE = 2e-3
WEIGHT_DECAY, BETAS, MOMENTUM = 1e-2, (0.9, 0.98), 0.95
#: Parts of the kernels that can be stepped at the same time.
HANDS = 2


class Muon:
    """Muon for the convolutions, AdamW for the rest, under one factor on their rates.

    Muon (Jordan et al. 2024; `torch.optim.Muon`) takes orthogonal steps, for which a matrix is needed: a
    convolution's kernel counts as one of its outputs by all of its inputs. On this network AdamW alone learns
    far more slowly (docs/lab/vitro-s.md).
    """

    def __init__(self, net: nn.Module, adams_modules: tuple[str, ...], adam_rate: float) -> None:
        """net: its kernels lie in memory as channels_last has them; adams_modules: whose kernels AdamW moves too."""
        self._adam_rate = adam_rate
        named = list(net.named_parameters())
        kernels = {name for name, p in named if p.ndim == 4 and not name.startswith(adams_modules)}
        self._kernels = [p for name, p in named if name in kernels]
        self._others = [p for name, p in named if name not in kernels]
        # Matrices that share the kernels' memory.
        self._matrices = [nn.Parameter(_matrix(kernel.data)) for kernel in self._kernels]
        self._muons = [
            torch.optim.Muon(self._matrices[i::HANDS], MUON_RATE, weight_decay=WEIGHT_DECAY, momentum=MOMENTUM)
            for i in range(HANDS)
        ]
        self._adam = torch.optim.AdamW(self._others, adam_rate, weight_decay=WEIGHT_DECAY, betas=BETAS, fused=True)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What `step` wants gradients of, in its order."""
        return [*self._kernels, *self._others]

    def step(self, gradients: Sequence[Tensor], factor: float, workers: Executor) -> None:
        """Moves the weights, each part of them in a worker; factor (0 to 1) scales all rates."""
        for matrix, gradient in zip(self._matrices, gradients, strict=False):
            matrix.grad = _matrix(gradient)
        for other, gradient in zip(self._others, gradients[len(self._matrices) :], strict=True):
            other.grad = gradient
        rates = [*((muon, MUON_RATE) for muon in self._muons), (self._adam, self._adam_rate)]
        for optimizer, rate in rates:
            optimizer.param_groups[0]["lr"] = rate * factor
        for done in [workers.submit(optimizer.step) for optimizer, _ in rates]:
            done.result()

    def state(self) -> dict[str, Any]:
        return {"muon": [muon.state_dict() for muon in self._muons], "adam": self._adam.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        for muon, own in zip(self._muons, state["muon"], strict=True):
            muon.load_state_dict(own)
        self._adam.load_state_dict(state["adam"])


def _matrix(kernel: Tensor) -> Tensor:
    """(out, h * w * in) view of a kernel (out, in, h, w) in channels_last memory."""
    return kernel.permute(0, 2, 3, 1).contiguous().flatten(1)
