"""What vitro-s is trained to: encoded depth, its edges at several scales, its expected error, and outlines."""

import torch
from torch import Tensor
from torch.nn import functional

from perception.estimators.vitro_s.encoding import LOG_B

#: Scales of the gradient term and its weight; weights of the terms for the expected error and for outlines.
SCALES, GRADIENT, LIKELIHOOD, OUTLINE = 3, 0.5, 0.05, 0.15
#: Above the table: by 4 mm where the camera is 0.6 m over it.
ABOVE_Q = 0.027


def loss(answer: Tensor, q: Tensor, weight: Tensor) -> Tensor:
    """Scalar loss of answers (B, 3, H, W) for targets (B, H, W) under weights (B, H, W).

    L1 on q; L1 on its differences at three scales (as MiDaS has it, Ranftl et al. 2020); and the negative
    log likelihood of a Laplace distribution around the answer as it is, so that the expected error cannot
    buy a worse depth; and the cross entropy of what stands above the table.
    """
    total = weight.sum().clamp(min=1.0)
    error = answer[:, 0] - q
    value = (weight * error.abs()).sum() / total
    log_b = answer[:, 1].clamp(*LOG_B)
    likelihood = (weight * (error.detach().abs() * torch.exp(-log_b) + log_b)).sum() / total
    above = functional.binary_cross_entropy_with_logits(answer[:, 2], (q > ABOVE_Q).float(), weight, reduction="sum")
    return value + GRADIENT * _gradient(error, weight) + LIKELIHOOD * likelihood + OUTLINE * above / total


def _gradient(error: Tensor, weight: Tensor) -> Tensor:
    total = error.new_zeros(())
    for scale in range(SCALES):
        e, w = error[:, :: 2**scale, :: 2**scale], weight[:, :: 2**scale, :: 2**scale]
        across = torch.minimum(w[:, :, 1:], w[:, :, :-1])
        down = torch.minimum(w[:, 1:], w[:, :-1])
        total = total + (across * (e[:, :, 1:] - e[:, :, :-1]).abs()).sum() / across.sum().clamp(min=1.0)
        total = total + (down * (e[:, 1:] - e[:, :-1]).abs()).sum() / down.sum().clamp(min=1.0)
    return total
