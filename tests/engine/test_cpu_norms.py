"""Instance norm on a CPU: torch's numbers, in another order in memory."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from specimen_unet.engine import learner as learner_module
from specimen_unet.engine import precision
from specimen_unet.engine.cpu_norms import (
    ChannelsLastInstanceNorm,
    laid_out,
    laid_out_as_usual,
)
from specimen_unet.engine.learner import Learner
from specimen_unet.engine.networks import build_network
from specimen_unet.engine.patches import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.plan import Plan

FORMATS = {2: torch.channels_last, 3: torch.channels_last_3d}


def norm_of(dimensions: int, channels: int) -> nn.Module:
    kind = nn.InstanceNorm2d if dimensions == 2 else nn.InstanceNorm3d
    norm = kind(channels, affine=True)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
        norm.bias.uniform_(-1, 1)
    return norm


def passed_through(norm: nn.Module, images: Tensor) -> list[Tensor]:
    """Return the answer and all gradients of a loss that every voxel counts in."""
    images = images.clone().requires_grad_()
    norm = copy.deepcopy(norm)
    answer = norm(images)
    weights = torch.linspace(-1, 2, answer.numel(), dtype=answer.dtype)
    (answer * weights.view_as(answer)).mean().backward()
    gradients = [images.grad, *(weight.grad for weight in norm.parameters())]
    assert all(gradient is not None for gradient in gradients)
    return [answer.detach(), *gradients]


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("lies_last", [False, True])
def test_the_numbers_are_those_of_torch(dimensions: int, batch: int, lies_last: bool):
    torch.manual_seed(0)
    norm = norm_of(dimensions, 5)
    images = 3 + 2 * torch.randn(batch, 5, *(4, 6, 7)[:dimensions])
    if lies_last:
        images = images.contiguous(memory_format=FORMATS[dimensions])
    expected = passed_through(norm, images)
    with ChannelsLastInstanceNorm():
        found = passed_through(norm, images)
    assert found[0].is_contiguous(memory_format=FORMATS[dimensions])
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_the_numbers_are_those_of_torch_in_bfloat16():
    torch.manual_seed(0)
    norm = norm_of(3, 5)
    images = torch.randn(2, 5, 6, 8, 8, dtype=torch.bfloat16)
    expected = norm(images)
    with ChannelsLastInstanceNorm():
        found = norm(images)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize(
    ("norm", "shape"),
    [
        (nn.InstanceNorm2d(3), (2, 3, 4, 4)),
        (nn.InstanceNorm2d(3, affine=True, track_running_stats=True), (2, 3, 4, 4)),
        (nn.InstanceNorm1d(3, affine=True), (2, 3, 4)),
        (nn.InstanceNorm2d(3, affine=True).double(), (2, 3, 4, 4)),
    ],
    ids=["no weights", "running means", "one axis", "float64"],
)
def test_other_norms_are_left_to_torch(norm: nn.Module, shape: tuple[int, ...]):
    dtype = next(norm.parameters(), torch.empty(0)).dtype
    images = torch.randn(shape, dtype=dtype)
    expected = copy.deepcopy(norm)(images)
    with ChannelsLastInstanceNorm():
        assert torch.equal(norm(images), expected)


def test_a_single_voxel_is_refused_as_torch_does():
    with ChannelsLastInstanceNorm(), pytest.raises(ValueError, match="spatial element"):
        nn.InstanceNorm2d(3, affine=True)(torch.randn(2, 3, 1, 1))


def test_weights_keep_their_values_and_can_lie_as_usual_again(
    make_plan: Callable[..., Plan],
):
    network = build_network(make_plan(3))
    values = [weight.clone() for weight in network.parameters()]
    for arrange, lies_last in ((laid_out, True), (laid_out_as_usual, False)):
        assert arrange(network) is network
        for weight, value in zip(network.parameters(), values, strict=True):
            assert torch.equal(weight, value)
            if weight.ndim == 5 and weight.shape[1] > 1 and max(weight.shape[2:]) > 1:
                assert weight.is_contiguous() is not lies_last


def test_group_norms_keep_weights_as_they_are():
    network = nn.Sequential(
        *(nn.Conv2d(4, 4, 3), nn.InstanceNorm2d(4), nn.GroupNorm(2, 4))
    )
    assert laid_out(network)[0].weight.is_contiguous()


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_training_learns_what_it_did_with_torchs_norms(
    dimensions: int, make_plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
):
    """torch's fused optimisers are silently wrong where gradients lie otherwise."""
    plan = make_plan(dimensions, precision="float32")
    device = torch.device("cpu")
    torch.manual_seed(0)
    images = torch.randn(plan.batch, plan.image_channels, *plan.patch)
    batch = Batch(images, (images[:, 0] > 0).long(), is_annotated=True)

    def losses() -> list[float]:
        learner = Learner(plan, device, None)
        found = [float(learner.learn(batch, 1e-3, step)) for step in range(6)]
        for weight in learner.network.parameters():
            assert weight.grad is not None
            if weight.ndim == dimensions + 2:
                assert weight.grad.stride() == weight.stride()
        return found

    ours = losses()
    monkeypatch.setattr(precision, "ChannelsLastInstanceNorm", nullcontext)
    monkeypatch.setattr(learner_module, "laid_out", lambda network: network)
    assert losses() == pytest.approx(ours, rel=1e-4)
