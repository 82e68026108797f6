"""Fewer digits are taken where they are faster, and only where they are right."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch
from torch import nn

from specimen_unet.engine import precision
from specimen_unet.engine.precision import autocast, fastest_precision

CPU = torch.device("cpu")


def test_precision_is_probed_quickly_and_never_float16_on_a_cpu() -> None:
    start = time.perf_counter()
    assert fastest_precision(CPU) in ("float32", "bfloat16")
    assert time.perf_counter() - start < 10
    assert fastest_precision(CPU) == fastest_precision(CPU)


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"architecture": "x86_64", "avx512_f": True, "avx512_bf16": False}, False),
        ({"architecture": "x86_64", "avx512_bf16": True}, True),
        ({"architecture": "x86_64", "amx_bf16": True}, True),
        ({"architecture": "arm64"}, True),
        ({}, True),
    ],
)
def test_a_processor_without_instructions_for_bfloat16_is_not_asked_for_it(
    capabilities: dict[str, Any], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    precision._fastest_on_cpu.cache_clear()
    monkeypatch.setattr(
        torch.cpu, "get_capabilities", lambda: capabilities, raising=False
    )
    # However a timing ends on a busy machine.
    times = {"float32": 2.0, "bfloat16": 1.0}
    monkeypatch.setattr(
        precision, "_seconds_of_one_pass", lambda *pass_: times[pass_[-1]]
    )
    found = fastest_precision(CPU)
    precision._fastest_on_cpu.cache_clear()
    assert found == ("bfloat16" if expected else "float32")


def test_the_probe_leaves_random_numbers_alone() -> None:
    precision._fastest_on_cpu.cache_clear()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    fastest_precision(CPU)
    assert torch.equal(torch.rand(2), expected)


def test_autocast_computes_in_the_precision_of_the_plan() -> None:
    weight = torch.ones(2, 2)
    with autocast(CPU, "bfloat16"):
        assert (weight @ weight).dtype == torch.bfloat16
    with autocast(CPU, "float32"):
        assert (weight @ weight).dtype == torch.float32


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


DIGITS: tuple[precision.Precision, ...] = ("float32", "bfloat16")


def gradient(
    image: torch.Tensor,
    kernel: tuple[int, ...],
    stride: int,
    digits: precision.Precision,
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
