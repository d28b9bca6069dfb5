"""What the objects' network is trained to make small is smallest at the truth."""

import pytest
import torch
from torch import Tensor

from perception.learning.objects.loss import UNCHOSEN, WEIGHTS, loss_terms
from perception.learning.objects.samples import BACK, DEPTH_WEIGHT, FRONT, MASK, MASK_WEIGHT, OFFSET_X, OFFSET_Y
from perception.objects.network import OUTPUTS

#: softplus of this is nothing.
NONE = -20.0


def target() -> Tensor:
    y = torch.zeros(2, 7, 16, 16)
    y[:, MASK, 4:12, 4:12] = y[:, DEPTH_WEIGHT, 4:12, 4:12] = 1.0
    y[:, FRONT, 4:12, 4:12], y[:, BACK, 4:12, 4:12] = 0.5, 0.3
    y[:, OFFSET_X, 4:12, 4:12], y[:, OFFSET_Y, 4:12, 4:12] = 0.1, -0.2
    y[:, MASK_WEIGHT] = 1.0
    return y


def perfect(y: Tensor) -> Tensor:
    """Sure of the mask; both fronts at the truth."""
    answer = torch.zeros(len(y), OUTPUTS, *y.shape[2:])
    answer[:, 0] = 40 * y[:, MASK] - 20
    answer[:, 1], answer[:, 2], answer[:, 3] = y[:, OFFSET_X], y[:, OFFSET_Y], y[:, FRONT]
    answer[:, 4], answer[:, 5] = NONE, NONE
    answer[:, 6] = torch.log(torch.expm1((y[:, FRONT] - y[:, BACK]).clamp(min=1e-6)))
    return answer


def test_a_perfect_answer_costs_nothing_but_for_its_doubt() -> None:
    y = target()
    terms = loss_terms(perfect(y), y)
    assert set(terms) == set(WEIGHTS)
    for name, term in terms.items():
        assert term == pytest.approx(0.0, abs=0.01), name


@pytest.mark.parametrize(("row", "name"), [(0, "mask"), (1, "offset"), (2, "offset"), (3, "front"), (6, "back")])
def test_each_error_is_seen_by_its_term(row: int, name: str) -> None:
    y = target()
    answer = perfect(y)
    answer[:, row, 4:12, 4:12] -= 30.0 if row == 0 else 1.0
    assert loss_terms(answer, y)[name] > 0.1


def test_the_front_that_is_farther_from_the_truth_hardly_pulls() -> None:
    y = target()
    answer = perfect(y)
    answer[:, 3], answer[:, 4] = y[:, FRONT] - 0.1, 0.0  # 0.69 behind the nearer, which is nearly right
    answer.requires_grad_()
    pull = torch.autograd.grad(loss_terms(answer, y)["front"], answer)[0]
    inside = (slice(None), slice(4, 12), slice(4, 12))
    near, behind = pull[:, 3][inside].abs(), pull[:, 4][inside].abs()
    assert (near > 0).all() and (behind <= UNCHOSEN * near).all()


def test_between_two_fronts_the_choice_learns_which_is_right() -> None:
    y = target()
    y[:, FRONT] -= 0.69 * y[:, MASK]  # the farther one is right
    answer = perfect(target())
    answer[:, 4], answer[:, 5] = 0.0, 0.0
    answer.requires_grad_()
    pull = torch.autograd.grad(loss_terms(answer, y)["choice"], answer)[0]
    assert (pull[:, 5, 4:12, 4:12] < 0).all(), "its logit is to rise"
    assert not pull[:, 3].any() and not pull[:, 4].any(), "and the fronts stay"


def test_no_better_depth_can_be_bought_with_expected_error() -> None:
    y = target()
    answer = (perfect(y) + 0.1).requires_grad_()
    pull = torch.autograd.grad(loss_terms(answer, y)["error"], answer)[0]
    assert pull[:, 7].any()
    assert not pull[:, :7].any()


def test_what_is_not_learnt_counts_for_nothing() -> None:
    y = target()
    y[:, MASK_WEIGHT, :, 12:] = 0
    one = perfect(y)
    other = one.clone()
    other[:, :, :, 12:] += 3.0
    for name, term in loss_terms(one, y).items():
        assert loss_terms(other, y)[name] == pytest.approx(float(term), abs=1e-5), name
    assert all(torch.isfinite(term) for term in loss_terms(one, torch.zeros_like(y)).values())
