from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import torch
from monai.networks.nets.attentionunet import AttentionUnet
from monai.networks.nets.resnet import ResNetFeatures
from monai.networks.nets.segresnet import SegResNet
from monai.networks.nets.unet import UNet

from specimen_unet.engine.encoders import BACKBONES
from specimen_unet.engine.networks import (
    NETWORKS,
    build_network,
    load_weights,
    size_multiple,
    weights_of,
)
from specimen_unet.engine.unet import folded, unfolded

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.plan import Plan

FIVE_LEVELS = (4, 4, 8, 8, 8)
ENTRIES = [name for name in NETWORKS if name != "FlexibleUNet"]
ENTRIES += [f"FlexibleUNet {backbone}" for backbone in BACKBONES]
OWN_LEVELS = [
    "FastUNet",
    "UNet",
    "AttentionUnet",
    "SegResNet",
    "DynUNet",
    "ResidualDynUNet",
]


@pytest.fixture(params=[2, 3], ids=["2d", "3d"])
def dimensions(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(params=ENTRIES)
def plan(
    request: pytest.FixtureRequest,
    dimensions: int,
    make_plan: Callable[..., Plan],
    narrow_backbones: None,
) -> Plan:
    name, _, backbone = request.param.partition(" ")
    changes: dict[str, Any] = {"network": name, "label_values": (0, 1, 5)}
    if request.param == "BasicUNet":
        changes |= {"channels": FIVE_LEVELS, "patch": (16,) * (dimensions - 1) + (32,)}
    if backbone:
        changes |= {
            "backbone": backbone,
            "channels": FIVE_LEVELS,
            "strides": ((2,) * dimensions,) * 5,
            "patch": (32,) * (dimensions - 1) + (64,),
        }
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


@pytest.mark.parametrize("name", OWN_LEVELS)
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


@pytest.mark.parametrize("name", OWN_LEVELS)
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


@pytest.mark.parametrize("name", OWN_LEVELS)
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


def test_blocks_of_voxels_that_are_folded_come_back_where_they_were(
    dimensions: int, make_plan: Callable[..., Plan]
) -> None:
    """The first convolution sees half as many voxels, and the logits all of them."""
    block = (2,) * dimensions
    plan = make_plan(
        dimensions, network="FastUNet", strides=(block, block), channels=(4, 8)
    )
    network = build_network(plan)
    seen = []
    first = next(part for part in network.modules() if is_convolution(part))
    first.register_forward_hook(lambda _, given, __: seen.append(given[0].shape))
    logits = network(torch.rand(1, 1, *plan.patch))
    assert tuple(seen[0]) == (1, 2**dimensions, *(8,) * dimensions)
    assert logits.shape == (1, 2, *plan.patch)

    image = torch.rand(1, 3, *plan.patch)
    whole = unfolded(folded(image, block), block)
    assert torch.equal(whole, image)


def is_convolution(part: torch.nn.Module) -> bool:
    return isinstance(part, torch.nn.Conv2d | torch.nn.Conv3d)


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


def test_no_network_normalises_over_the_batch_or_draws_random_numbers(
    plan: Plan,
) -> None:
    """Each patch is answered as if it were alone, and twice the same."""
    network = build_network(plan)
    image = torch.rand(2, 2, *plan.patch)
    together = network(image)
    torch.testing.assert_close(network(image[:1]), together[:1], rtol=1e-3, atol=1e-4)
    assert torch.equal(network(image), together)


def test_gradients_flow_along_the_padded_shortcuts(
    dimensions: int, make_plan: Callable[..., Plan], narrow_backbones: None
) -> None:
    """Voxels are left out and channels added as MONAI does, which cuts gradients."""
    encoder: Any = ResNetFeatures("resnet18", False, dimensions, in_channels=1)
    plan = make_plan(
        dimensions,
        network="FlexibleUNet",
        backbone="ResNet-18",
        channels=FIVE_LEVELS,
        strides=((2,) * dimensions,) * 5,
    )
    network: Any = build_network(plan)
    features = torch.rand(1, 8, *(8,) * dimensions, requires_grad=True)
    found = network.encoder.layer2[0].downsample(features)
    assert torch.equal(found, encoder.layer2[0].downsample(features))
    found.sum().backward()
    assert features.grad is not None
    assert features.grad.sum() == 8 * 4**dimensions


def test_with_even_levels_it_is_monais_seg_res_net(
    dimensions: int, make_plan: Callable[..., Plan]
) -> None:
    plan = make_plan(dimensions, network="SegResNet", channels=(8, 16, 32, 64))
    network = build_network(plan)
    original = SegResNet(
        dimensions, in_channels=1, act=("leakyrelu", {"negative_slope": 0.01})
    )
    original.load_state_dict(network.state_dict())
    image = torch.rand(1, 1, *plan.patch)
    assert torch.equal(network(image), original(image))


def test_with_equal_kernels_it_is_monais_attention_unet(
    dimensions: int, make_plan: Callable[..., Plan]
) -> None:
    """But for what is normalised and how: the same convolutions in the same places."""
    plan = make_plan(dimensions, network="AttentionUnet")
    found = convolutions_of(build_network(plan))
    original = AttentionUnet(dimensions, 1, 2, plan.channels, (2, 2))
    assert found == convolutions_of(original)


def convolutions_of(network: torch.nn.Module) -> list[str]:
    kinds = torch.nn.Conv2d | torch.nn.Conv3d
    kinds |= torch.nn.ConvTranspose2d | torch.nn.ConvTranspose3d
    return [str(part) for part in network.modules() if isinstance(part, kinds)]


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
