"""What a pass of a network takes is measured before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from specimen_unet.engine.evaluation import Evaluator
from specimen_unet.engine.networks import build_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.plan import Plan

CPU = torch.device("cpu")


class Wide(torch.nn.Module):
    """Holds its image and twelve channels at a time."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.repeat(1, 12, *(1,) * (image.ndim - 2))[:, :2]


def test_the_tensors_alive_at_a_time_are_counted(
    make_plan: Callable[..., Plan], spatial: tuple[int, ...]
) -> None:
    plan = make_plan(len(spatial))
    found = Evaluator(Wide(), plan, CPU).bytes_per_voxel()
    # Twelve channels, and two of the softmax; convolutions work in a third more, and
    # in blocks of 16 channels.
    assert found == pytest.approx(1.3 * 4 * 14 + 128, rel=0.1)


@pytest.mark.parametrize("network", ["UNet", "DynUNet"])
def test_it_is_the_same_for_larger_tiles(
    make_plan: Callable[..., Plan], network: str
) -> None:
    small, large = (
        Evaluator(build_network(plan), plan, CPU).bytes_per_voxel()
        for plan in (
            make_plan(3, network=network, patch=(8, 8, 8)),
            make_plan(3, network=network, patch=(32, 32, 32)),
        )
    )
    assert small == pytest.approx(large, rel=0.1)
