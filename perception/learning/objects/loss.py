"""What the objects' network is trained to make small."""

import torch
from torch import Tensor
from torch.nn import functional

from perception.estimators.vitro_s.encoding import LOG_B
from perception.learning.objects.samples import (
    BACK,
    DEPTH_WEIGHT,
    FRONT,
    MASK,
    MASK_WEIGHT,
    OFFSET_X,
    OFFSET_Y,
)

#: Of the terms of `loss_terms` in the loss.
WEIGHTS = {"mask": 1.0, "overlap": 0.5, "front": 4.0, "choice": 0.2, "back": 3.0, "offset": 0.5, "error": 0.1}
#: What the front that is not chosen counts beside the one that is nearer to the truth.
UNCHOSEN = 0.05


def loss_terms(answer: Tensor, y: Tensor) -> dict[str, Tensor]:
    """The terms of answers (B, OUTPUTS, H, W) for targets (B, 7, H, W), by name.

    Of the two fronts the one nearer to the truth is drawn to it (a mean of near wall and far wall of a vessel is
    neither), and a classifier learns which one that is.
    """
    logit, mask, seen = answer[:, 0], y[:, MASK], y[:, MASK_WEIGHT]
    cross = functional.binary_cross_entropy_with_logits(logit, mask, reduction="none")
    probability = logit.sigmoid() * seen
    both, either = (probability * mask).sum((1, 2)), (probability + mask * seen).sum((1, 2))
    weight = y[:, DEPTH_WEIGHT]
    total = weight.sum().clamp(min=1.0)
    fronts = torch.stack([answer[:, 3], answer[:, 3] - functional.softplus(answer[:, 4])], 1)
    errors = (fronts - y[:, FRONT : FRONT + 1]).abs()
    nearest, which = errors.min(1)
    back = answer[:, 3] - functional.softplus(answer[:, 6])
    chosen = torch.where(answer[:, 5] > 0, errors[:, 1], errors[:, 0]).detach()
    log_b = answer[:, 7].clamp(*LOG_B)
    choice = functional.binary_cross_entropy_with_logits(answer[:, 5], which.float(), reduction="none")
    apart = (errors[:, 1] - errors[:, 0]).detach().abs()
    offset = (answer[:, 1] - y[:, OFFSET_X]).abs() + (answer[:, 2] - y[:, OFFSET_Y]).abs()
    return {
        "mask": (cross * seen).sum() / seen.sum().clamp(min=1.0) * 8,
        "overlap": (1 - (2 * both + 1) / (either + 1)).mean(),
        "front": (weight * (nearest + UNCHOSEN * errors.max(1).values)).sum() / total,
        "choice": (weight * apart.clamp(max=0.3) * 5 * choice).sum() / total,
        "back": (weight * (back - y[:, BACK]).abs()).sum() / total,
        "offset": (y[:, MASK] * offset).sum() / y[:, MASK].sum().clamp(min=1.0),
        "error": (weight * (chosen / log_b.exp() + log_b)).sum() / total,
    }
