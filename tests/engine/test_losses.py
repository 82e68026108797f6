from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from monai.losses.dice import DiceCELoss

from specimen_unet.domain.annotation import IGNORED
from specimen_unet.engine.losses import LOSSES, build_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.plan import Plan
    from specimen_unet.engine.losses import Loss


@pytest.fixture(params=[(2, 3, 12, 10), (2, 3, 4, 6, 8)], ids=["2d", "3d"])
def logits(request: pytest.FixtureRequest) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(request.param, generator=generator).requires_grad_()


@pytest.fixture
def classes(logits: torch.Tensor) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    size = (logits.shape[0], *logits.shape[2:])
    drawn = torch.randint(0, 3, size, generator=generator)
    drawn[torch.rand(size, generator=generator) < 0.4] = IGNORED
    return drawn


@pytest.fixture(params=list(LOSSES))
def loss(request: pytest.FixtureRequest, make_plan: Callable[..., Plan]) -> Loss:
    return build_loss(make_plan(loss=request.param))


def test_ignored_voxels_have_exactly_no_gradient(
    loss: Loss, logits: torch.Tensor, classes: torch.Tensor
) -> None:
    loss(logits, classes).backward()
    assert logits.grad is not None
    by_voxel = logits.grad.movedim(1, -1)
    assert (by_voxel[classes == IGNORED] == 0).all()
    assert (by_voxel[classes != IGNORED] != 0).any(-1).all()


def test_ignored_voxels_might_as_well_not_be_there(
    loss: Loss, logits: torch.Tensor, classes: torch.Tensor
) -> None:
    annotated = classes != IGNORED
    only_annotated = logits.movedim(1, -1)[annotated].T.unsqueeze(0)
    expected = loss(only_annotated, classes[annotated].unsqueeze(0))
    torch.testing.assert_close(loss(logits, classes), expected)


def test_what_the_network_says_of_ignored_voxels_changes_nothing(
    loss: Loss, logits: torch.Tensor, classes: torch.Tensor
) -> None:
    changed = torch.where((classes == IGNORED).unsqueeze(1), -logits * 9, logits)
    assert torch.equal(loss(changed, classes), loss(logits, classes))


def test_without_annotation_loss_and_gradients_are_zero(
    loss: Loss, logits: torch.Tensor, classes: torch.Tensor
) -> None:
    value = loss(logits, torch.full_like(classes, IGNORED))
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_a_perfect_answer_costs_nothing_and_a_wrong_one_much(
    loss: Loss, classes: torch.Tensor
) -> None:
    sure = 50.0 * torch.nn.functional.one_hot(classes.clamp(0), 3).movedim(-1, 1)
    assert loss(sure, classes).item() == pytest.approx(0, abs=1e-4)
    assert loss(-sure, classes).item() > 0.9


def test_fully_annotated_it_agrees_with_monai(
    logits: torch.Tensor, classes: torch.Tensor, make_plan: Callable[..., Plan]
) -> None:
    classes = classes.clamp(0)
    reference = DiceCELoss(
        softmax=True, to_onehot_y=True, include_background=False, batch=True
    )
    expected = reference(logits, classes.unsqueeze(1))
    torch.testing.assert_close(build_loss(make_plan())(logits, classes), expected)


def test_focal_loss_looks_at_doubtful_voxels(make_plan: Callable[..., Plan]) -> None:
    """Of an easy and a hard voxel, the easy one has far less of the gradient."""
    gradients = {}
    for name in ("Dice + cross-entropy", "Dice + focal"):
        logits = torch.tensor([[[[0.0, 0.0]], [[4.0, -1.0]]]], requires_grad=True)
        loss = build_loss(make_plan(loss=name))
        loss(logits, torch.tensor([[[1, 1]]])).backward()
        assert logits.grad is not None
        easy, hard = logits.grad[0, 1, 0].abs().tolist()
        gradients[name] = easy / hard
    assert gradients["Dice + focal"] < gradients["Dice + cross-entropy"]


def test_coarse_outputs_count_half_with_every_level(
    loss: Loss, logits: torch.Tensor, classes: torch.Tensor
) -> None:
    slices = (slice(None),) + (slice(None, None, 2),) * (logits.ndim - 2)
    half = logits[:, :][(slice(None), *slices)]
    fine, coarse = loss(logits, classes), loss(half, classes[slices])
    torch.testing.assert_close(loss([logits, half], classes), (fine + coarse / 2) / 1.5)


def test_it_is_computed_in_float32_inside_autocast(
    loss: Loss, logits: torch.Tensor, classes: torch.Tensor
) -> None:
    expected = loss(logits.bfloat16().float(), classes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(logits.bfloat16(), classes)
    assert value.dtype == torch.float32
    assert torch.equal(value, expected)
