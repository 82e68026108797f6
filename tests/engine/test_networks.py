from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import torch
from monai.networks.nets.unet import UNet

from specimen_unet.engine.networks import (
    build_network,
    load_weights,
    size_multiple,
    weights_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.plan import Plan

FIVE_LEVELS = (4, 4, 8, 8, 8)


@pytest.fixture(params=[2, 3], ids=["2d", "3d"])
def dimensions(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(params=["UNet", "BasicUNet", "DynUNet"])
def plan(
    request: pytest.FixtureRequest, dimensions: int, make_plan: Callable[..., Plan]
) -> Plan:
    changes: dict[str, Any] = {"network": request.param, "label_values": (0, 1, 5)}
    if request.param == "BasicUNet":
        changes |= {"channels": FIVE_LEVELS, "patch": (16,) * (dimensions - 1) + (32,)}
    return make_plan(dimensions, image_channels=2, **changes)


def test_every_network_gives_a_logit_for_each_class_and_voxel(plan: Plan) -> None:
    logits = build_network(plan)(torch.zeros(2, 2, *plan.patch))
    assert logits.shape == (2, 3, *plan.patch)


def test_every_network_learns(plan: Plan) -> None:
    network = build_network(plan)
    image = torch.randn(2, 2, *plan.patch, generator=torch.Generator().manual_seed(0))
    truth = (image[:, 0] > 0).long()
    optimiser = torch.optim.AdamW(network.parameters(), 0.01)
    losses = []
    for _ in range(4):
        loss = torch.nn.functional.cross_entropy(network(image), truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_the_seed_decides_the_weights_and_nobody_else_notices(plan: Plan) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = build_network(plan)
    assert torch.equal(torch.rand(3), expected)

    again = build_network(plan)
    other = build_network(plan.model_copy(update={"seed": 7}))
    assert all(map(torch.equal, first.parameters(), again.parameters()))
    assert not all(map(torch.equal, first.parameters(), other.parameters()))


def test_no_network_uses_prelu(plan: Plan) -> None:
    kinds = {type(part) for part in build_network(plan).modules()}
    assert torch.nn.LeakyReLU in kinds
    assert torch.nn.PReLU not in kinds


@pytest.mark.parametrize("name", ["UNet", "DynUNet"])
def test_axes_are_pooled_by_their_own_strides(
    name: str, make_plan: Callable[..., Plan]
) -> None:
    plan = make_plan(
        network=name,
        strides=((1, 1, 1), (1, 2, 2), (2, 2, 2)),
        kernels=((1, 3, 3), (1, 3, 3), (3, 3, 3)),
    )
    assert size_multiple(plan) == (2, 4, 4)
    logits = build_network(plan)(torch.zeros(1, 1, 6, 8, 12))
    assert logits.shape == (1, 2, 6, 8, 12)


@pytest.mark.parametrize("name", ["UNet", "DynUNet"])
def test_a_kernel_of_one_does_not_reach_across_slices(
    name: str, make_plan: Callable[..., Plan]
) -> None:
    plan = make_plan(
        network=name,
        strides=((1, 1, 1), (1, 2, 2), (1, 2, 2)),
        kernels=((1, 3, 3),) * 3,
    )
    network = build_network(plan)
    convolutions = [
        part
        for part in network.modules()
        if isinstance(part, torch.nn.Conv3d | torch.nn.ConvTranspose3d)
    ]
    assert convolutions
    assert all(part.kernel_size[0] == 1 for part in convolutions)


@pytest.mark.parametrize("name", ["UNet", "DynUNet"])
@pytest.mark.parametrize("is_training", [True, False])
def test_a_single_thin_slice_is_no_obstacle(
    name: str, is_training: bool, make_plan: Callable[..., Plan]
) -> None:
    plan = make_plan(
        network=name,
        strides=((1, 1, 1), (1, 2, 2), (1, 2, 2)),
        patch=(1, 16, 16),
        kernels=((3, 3, 3),) * 3,
    )
    network = build_network(plan).train(is_training)
    assert torch.isfinite(network(torch.rand(1, 1, 1, 16, 16))).all()


@pytest.mark.parametrize("residual_units", [0, 2])
def test_with_equal_kernels_it_is_monais_unet_without_a_squeezed_head(
    residual_units: int, dimensions: int, make_plan: Callable[..., Plan]
) -> None:
    plan = make_plan(dimensions, residual_units=residual_units)
    network = build_network(plan)
    original = UNet(
        dimensions,
        1,
        2,
        plan.channels,
        plan.strides[1:],
        num_res_units=residual_units,
        act=("leakyrelu", {"negative_slope": 0.01}),
        norm=("instance", {"affine": True}),
    )
    if residual_units:
        del original.model[2][0].adn
    original.load_state_dict(network.state_dict())
    image = torch.rand(1, 1, *plan.patch)
    assert torch.equal(network(image), original(image))


def test_deep_supervision_gives_coarse_outputs_only_while_training(
    dimensions: int, make_plan: Callable[..., Plan]
) -> None:
    plan = make_plan(
        dimensions, network="DynUNet", deep_supervision=True, channels=(4, 4, 8, 8)
    )
    network = build_network(plan)
    image = torch.rand(1, 1, *plan.patch)
    sizes = [tuple(logits.shape[2:]) for logits in network(image)]
    assert sizes == [(16,) * dimensions, (8,) * dimensions, (4,) * dimensions]
    assert network.eval()(image).shape == (1, 2, *plan.patch)


def test_a_network_that_was_used_can_be_copied(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(network="DynUNet", deep_supervision=True)
    network = build_network(plan)
    network(torch.rand(1, 1, *plan.patch))
    copied = copy.deepcopy(network)
    assert len(copied(torch.rand(1, 1, *plan.patch))) == 2


def test_weights_are_listed_once_and_come_back(plan: Plan) -> None:
    network = build_network(plan)
    weights = weights_of(network)
    assert len({weight.data_ptr() for weight in weights.values()}) == len(weights)

    other = build_network(plan.model_copy(update={"seed": 7}))
    load_weights(other, weights)
    image = torch.rand(1, 2, *plan.patch)
    assert torch.equal(other(image), network(image))


def test_weights_of_another_network_are_refused_whole(
    make_plan: Callable[..., Plan],
) -> None:
    network = build_network(make_plan())
    before = [weight.clone() for weight in network.parameters()]
    wider = weights_of(build_network(make_plan(channels=(4, 8, 16))))
    with pytest.raises(ValueError, match="in the network"):
        load_weights(network, wider)
    with pytest.raises(ValueError, match="is missing in the weights"):
        load_weights(network, dict(list(weights_of(network).items())[1:]))
    with pytest.raises(ValueError, match="is missing in the network"):
        load_weights(network, {**weights_of(network), "zzz": torch.zeros(1)})
    assert all(map(torch.equal, before, network.parameters()))
