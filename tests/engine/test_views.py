"""A part of a case costs what a network has to see of it, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from specimen_unet.domain.case import Case
from specimen_unet.domain.control import PreviewRequest
from specimen_unet.domain.events import Preview
from specimen_unet.engine.preview import Previewer
from specimen_unet.engine.views import View

if TYPE_CHECKING:
    from collections.abc import Callable

    from specimen_unet.domain.plan import Plan

CPU = torch.device("cpu")


class Counting(torch.nn.Module):
    """Says foreground where it is bright, and keeps the shapes of what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[tuple[int, ...]] = []

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.shown.append(tuple(image.shape))
        return torch.cat([-10 * image[:, :1], 10 * image[:, :1]], dim=1)


def a_case(*shape: int, spacing: float = 1.0) -> Case:
    image = np.random.default_rng(0).integers(0, 255, (1, *shape), np.uint8)
    return Case(image, {}, spacing=(spacing,) * len(shape), unit="mm", name="a")


def previewed(case: Case, plan: Plan, network: Counting, index: int) -> Preview:
    """Preview a slice twice: what a pass takes is measured once a network."""
    previewer = Previewer([case], plan, CPU)
    for _ in range(2):
        network.shown.clear()
        found = previewer.preview(PreviewRequest("a", index), network, 1)
    assert isinstance(found, Preview)
    return found


@pytest.mark.parametrize("spacing", [1.0, 0.5])
@pytest.mark.parametrize("index", [0, 3, 30, 59])
def test_a_preview_in_3d_is_one_layer_of_patches(
    make_plan: Callable[..., Plan], index: int, spacing: float
) -> None:
    plan = make_plan(3, patch=(16, 32, 32), mirror_axes=(0, 1, 2))
    network, case = Counting(), a_case(60, 64, 64, spacing=spacing)
    found = previewed(case, plan, network, index)
    # Tiles of 32 that overlap by a quarter: three beside one another in 64.
    tiles = 9 if spacing == 1.0 else 1
    assert sum(shape[0] for shape in network.shown) == tiles
    assert {shape[2:] for shape in network.shown} == {(16, 32, 32)}
    if spacing == 1.0:
        bright = case.image[0, index] > case.image.mean()
        np.testing.assert_array_equal(found.labels > 0, bright)


def test_a_preview_in_2d_of_a_volume_is_one_slice(
    make_plan: Callable[..., Plan],
) -> None:
    plan = make_plan(2, patch=(32, 32))
    network = Counting()
    previewed(a_case(60, 64, 64), plan, network, 30)
    assert sum(shape[0] for shape in network.shown) == 9
    assert {shape[2:] for shape in network.shown} == {(32, 32)}


@pytest.mark.parametrize(
    ("wanted", "read"),
    [((20, 21), (13, 29)), ((0, 1), (0, 16)), ((39, 40), (24, 40)), ((0, 40), (0, 40))],
)
def test_a_patch_around_what_is_wanted_is_read(
    make_plan: Callable[..., Plan], wanted: tuple[int, int], read: tuple[int, int]
) -> None:
    plan = make_plan(3, patch=(16, 16, 16))
    assert View(a_case(40, 16, 16), wanted, plan).read == read
