"""Gradients of convolutions in bfloat16 on a CPU, against those in float32.

Those of weights and image, for random shapes, each in a process of its own, since some
end the process. With `--plain` torch's autocast alone computes them; without it, ours
does, and no shape may be wrong. `--channels-last` is how a training has them.
"""

from __future__ import annotations

import argparse
import os
import random
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from specimen_unet.engine.precision import autocast

_FORMATS = {2: torch.channels_last, 3: torch.channels_last_3d}
CPU = torch.device("cpu")
_TOLERANCE = 0.03
_OUT_OF_ORDER = 9  # what a child says of a wrong gradient by ending with it


@dataclass(frozen=True)
class Shape:
    """Of one 3D convolution."""

    image: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    channels: tuple[int, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true", help="torch's autocast alone")
    parser.add_argument("--dimensions", type=int, choices=(2, 3), default=3)
    parser.add_argument("--channels-last", action="store_true", help="how they lie")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    found: Counter[str] = Counter()
    for _ in range(arguments.shapes):
        shape = _draw(chance, arguments.dimensions)
        verdict = _in_a_child(shape, arguments)
        found[verdict] += 1
        if verdict != "right":
            print(f"{verdict}: {shape}", flush=True)
    print(dict(found))


def _draw(chance: random.Random, dimensions: int) -> Shape:
    """Draw a shape as the deep levels of a U-Net have them."""
    sizes = (1, 2, 3, 4, 5, 6, 8, 12)
    return Shape(
        tuple(chance.choice(sizes) for _ in range(dimensions)),
        tuple(chance.choice((1, 3, 3, 5)) for _ in range(dimensions)),
        tuple(chance.choice((1, 1, 2)) for _ in range(dimensions)),
        (chance.choice((1, 8, 24, 32, 64)), chance.choice((3, 8, 16, 32))),
    )


def _in_a_child(shape: Shape, arguments: Any) -> str:
    """Return "right", "wrong" or "ended the process"."""
    child = os.fork()
    if child == 0:
        os.close(2)  # what the allocator says of what it finds destroyed
        os._exit(0 if _is_right(shape, arguments) else _OUT_OF_ORDER)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        return {0: "right", _OUT_OF_ORDER: "wrong"}[os.WEXITSTATUS(status)]
    return "ended the process"


def _is_right(shape: Shape, arguments: Any) -> bool:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    image = torch.randn(2, shape.channels[0], *shape.image)
    padding = tuple(each // 2 for each in shape.kernel)
    kind = nn.Conv2d if arguments.dimensions == 2 else nn.Conv3d
    layer = kind(*shape.channels, shape.kernel, shape.stride, padding, bias=False)
    exact, noise = _gradients(layer, image)
    if arguments.channels_last:
        layout = _FORMATS[arguments.dimensions]
        image = image.contiguous(memory_format=layout)
        layer.to(memory_format=layout)
    for _ in range(3):
        # So that memory nobody wrote does not happen to be zeros.
        del [torch.full((100_000,), 1e4) for _ in range(10)][:]
        cast = torch.autocast("cpu") if arguments.plain else autocast(CPU, "bfloat16")
        found, _ = _gradients(layer, image, cast, noise)
        for ours, true in zip(found, exact, strict=True):
            if not (ours - true).norm() < _TOLERANCE * true.norm():
                return False
    return True


def _gradients(
    layer: nn.Module,
    image: torch.Tensor,
    cast: AbstractContextManager[object] | None = None,
    noise: torch.Tensor | None = None,
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return the gradients of weights and image, and what was passed back."""
    image = image.detach().requires_grad_()
    layer.zero_grad()
    with cast or nullcontext():
        output = layer(image)
    if noise is None:
        noise = torch.randn(output.shape)
    output.backward(noise.to(output.dtype))
    (weight,) = layer.parameters()
    assert weight.grad is not None
    assert image.grad is not None
    return [weight.grad, image.grad], noise


if __name__ == "__main__":
    main()
