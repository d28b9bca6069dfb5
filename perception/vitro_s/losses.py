"""What vitro-s is trained to: encoded depth, its edges at several scales, and its own expected error."""

import torch
from torch import Tensor

#: Scales of the gradient term and its weight; weight of the term for the expected error.
SCALES, GRADIENT, LIKELIHOOD = 3, 0.5, 0.05


def loss(answer: Tensor, q: Tensor, weight: Tensor) -> Tensor:
    """Scalar loss of answers (B, 2, H, W) for targets (B, H, W) under weights (B, H, W).

    L1 on q; L1 on its differences at three scales (as MiDaS has it, Ranftl et al. 2020); and the negative
    log likelihood of a Laplace distribution around the answer as it is, so that the expected error cannot
    buy a worse depth.
    """
    total = weight.sum().clamp(min=1.0)
    error = answer[:, 0] - q
    value = (weight * error.abs()).sum() / total
    log_b = answer[:, 1].clamp(-6.0, 2.0)
    likelihood = (weight * (error.detach().abs() * torch.exp(-log_b) + log_b)).sum() / total
    return value + GRADIENT * _gradient(error, weight) + LIKELIHOOD * likelihood


def _gradient(error: Tensor, weight: Tensor) -> Tensor:
    total = error.new_zeros(())
    for scale in range(SCALES):
        e, w = error[:, :: 2**scale, :: 2**scale], weight[:, :: 2**scale, :: 2**scale]
        across = torch.minimum(w[:, :, 1:], w[:, :, :-1])
        down = torch.minimum(w[:, 1:], w[:, :-1])
        total = total + (across * (e[:, :, 1:] - e[:, :, :-1]).abs()).sum() / across.sum().clamp(min=1.0)
        total = total + (down * (e[:, 1:] - e[:, :-1]).abs()).sum() / down.sum().clamp(min=1.0)
    return total
