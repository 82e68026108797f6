"""Convolutions on a CPU are right, and take no longer than they must."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from specimen_unet.engine.precision import Precision, autocast

CPU = torch.device("cpu")

CRAMPED = [
    ((2, 8, 8), (3, 3, 3), 1),
    ((2, 2, 4), (3, 3, 3), 1),
    ((5, 1, 6), (3, 3, 3), 2),
    ((4, 8, 8), (5, 5, 5), 1),
    ((8, 1), (3, 3), 2),
]
ROOMY = [((4, 8, 8), (3, 3, 3), 1), ((1, 8, 8), (1, 3, 3), 1), ((8, 8), (3, 3), 2)]


@pytest.mark.parametrize(("shape", "kernel", "stride"), [*CRAMPED, *ROOMY])
def test_gradients_in_16_bits_are_those_in_32(
    shape: tuple[int, ...], kernel: tuple[int, ...], stride: int
) -> None:
    """oneDNN's are memory nobody wrote where the kernel is as large as the image."""
    torch.manual_seed(0)
    image = torch.randn(1, 32, *shape)
    exact, quick = (gradient(image, kernel, stride, name) for name in DIGITS)
    assert ((quick - exact).norm() / exact.norm()).item() < 0.03


def test_only_cramped_convolutions_keep_all_digits() -> None:
    for shape, kernel, _ in (*CRAMPED, *ROOMY):
        weight, image = torch.ones(4, 4, *kernel), torch.ones(1, 4, *shape)
        convolve = torch.conv3d if len(kernel) == 3 else torch.conv2d
        with autocast(CPU, "bfloat16"):
            padded = convolve(image, weight, padding=tuple(k // 2 for k in kernel))
        is_cramped = (shape, kernel) in [each[:2] for each in CRAMPED]
        assert padded.dtype == (torch.float32 if is_cramped else torch.bfloat16)


def test_it_does_not_matter_how_a_convolution_is_given_its_image() -> None:
    image, weight = torch.ones(1, 4, 2, 8, 8), torch.ones(4, 4, 3, 3, 3)
    with autocast(CPU, "bfloat16"):
        named = torch.conv3d(input=image, weight=weight, padding=1)
        alone = torch.conv3d(image[0], weight, padding=1)
    assert named.dtype == alone.dtype == torch.float32
    torch.testing.assert_close(named[0], alone)


DIGITS: tuple[Precision, ...] = ("float32", "bfloat16")


def gradient(
    image: torch.Tensor,
    kernel: tuple[int, ...],
    stride: int,
    digits: Precision,
) -> torch.Tensor:
    """Return the weights' gradient of a convolution that is always the same."""
    torch.manual_seed(1)
    kind: Any = nn.Conv3d if len(kernel) == 3 else nn.Conv2d
    padding = tuple(each // 2 for each in kernel)
    layer = kind(32, 32, kernel, stride, padding, bias=False)
    with autocast(CPU, digits):
        output = layer(image)
    output.backward(torch.randn(output.shape).to(output.dtype))
    found: torch.Tensor = layer.weight.grad
    return found


DEEP = [
    # Image, kernel, stride, dilation, groups.
    ((1, 8, 4, 6, 6), (3, 3, 3), (1, 1, 1), (1, 1, 1), 1),
    ((1, 8, 4, 6, 6), (1, 3, 3), (1, 2, 2), (1, 1, 1), 1),
    ((1, 8, 2, 1, 3), (3, 3, 3), (2, 2, 2), (1, 1, 1), 1),
    ((1, 8, 7, 7, 7), (3, 3, 3), (1, 1, 1), (2, 2, 2), 1),
    ((1, 8, 4, 6, 6), (5, 5, 5), (1, 1, 1), (1, 1, 1), 4),
    ((1, 8, 4, 6, 6), (1, 1, 1), (1, 1, 1), (1, 1, 1), 1),
    ((2, 8, 4, 6, 6), (3, 3, 3), (1, 1, 1), (1, 1, 1), 1),
]


@pytest.mark.parametrize("case", DEEP)
@pytest.mark.parametrize("bias", [True, False])
def test_one_patch_gives_what_torch_gives(case: tuple[Any, ...], bias: bool) -> None:
    shape, kernel, stride, dilation, groups = case
    torch.manual_seed(0)
    padding = tuple(each // 2 for each in kernel)
    layer = nn.Conv3d(8, 4, kernel, stride, padding, dilation, groups, bias)
    image = torch.randn(shape, requires_grad=True)
    parts = [image, *layer.parameters()]
    expected = layer(image)
    upstream = torch.randn(expected.shape)
    gradients = torch.autograd.grad(expected, parts, upstream)
    with autocast(CPU, "float32"):
        found = layer(image)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    for one, other in zip(
        torch.autograd.grad(found, parts, upstream), gradients, strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_one_patch_is_computed_faster_than_torch_does() -> None:
    """As two are, of which torch has oneDNN compute each."""
    layer, image = nn.Conv3d(64, 64, 3, padding=1), torch.randn(1, 64, 12, 20, 20)

    def seconds() -> float:
        start = time.thread_time()
        layer(image)
        return time.thread_time() - start

    plain, ours = [], []
    with torch.inference_mode():
        for _ in range(9):
            plain.append(seconds())
            with autocast(CPU, "float32"):
                ours.append(seconds())
    assert 1.3 * min(ours) < min(plain)


def test_an_image_without_an_axis_for_the_batch_is_left_to_torch() -> None:
    layer, image = nn.Conv3d(1, 4, 3, padding=1), torch.ones(1, 4, 6, 6)
    with autocast(CPU, "float32"):
        found = layer(image)
    torch.testing.assert_close(found, layer(image))


def test_memory_can_be_told_from_tensors_without_values() -> None:
    with FakeTensorMode():
        layer, image = nn.Conv3d(8, 4, 3, padding=1), torch.ones(1, 8, 4, 6, 6)
        with autocast(CPU, "float32"):
            found = layer(image)
    assert found.shape == (1, 4, 4, 6, 6)
