"""Weight gradients of convolutions in bfloat16 on a CPU, against those in float32.

Random shapes, each in a process of its own, since some end the process. With `--plain`
torch's autocast alone computes them; without it, ours does, and no shape may be wrong.
"""

from __future__ import annotations

import argparse
import os
import random
from collections import Counter
from dataclasses import dataclass

import torch
from torch import nn

from specimen_unet.engine.precision import autocast

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
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    found: Counter[str] = Counter()
    for _ in range(arguments.shapes):
        shape = _draw(chance)
        verdict = _in_a_child(shape, arguments.plain)
        found[verdict] += 1
        if verdict != "right":
            print(f"{verdict}: {shape}", flush=True)
    print(dict(found))


def _draw(chance: random.Random) -> Shape:
    """Draw a shape as the deep levels of a U-Net have them."""
    sizes = (1, 2, 3, 4, 5, 6, 8, 12)
    return Shape(
        tuple(chance.choice(sizes) for _ in range(3)),
        tuple(chance.choice((1, 3, 3, 5)) for _ in range(3)),
        tuple(chance.choice((1, 1, 2)) for _ in range(3)),
        (chance.choice((1, 8, 24, 32, 64)), chance.choice((3, 8, 16, 32))),
    )


def _in_a_child(shape: Shape, is_plain: bool) -> str:
    """Return "right", "wrong" or "ended the process"."""
    child = os.fork()
    if child == 0:
        os.close(2)  # what the allocator says of what it finds destroyed
        os._exit(0 if _is_right(shape, is_plain) else _OUT_OF_ORDER)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        return {0: "right", _OUT_OF_ORDER: "wrong"}[os.WEXITSTATUS(status)]
    return "ended the process"


def _is_right(shape: Shape, is_plain: bool) -> bool:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    image = torch.randn(2, shape.channels[0], *shape.image)
    padding = tuple(each // 2 for each in shape.kernel)
    layer = nn.Conv3d(*shape.channels, shape.kernel, shape.stride, padding, bias=False)
    output = layer(image)
    noise = torch.randn(output.shape)
    output.backward(noise)
    exact, layer.weight.grad = layer.weight.grad, None
    assert exact is not None
    for _ in range(3):
        # So that memory nobody wrote does not happen to be zeros.
        del [torch.full((100_000,), 1e4) for _ in range(10)][:]
        cast = torch.autocast("cpu") if is_plain else autocast(CPU, "bfloat16")
        with cast:
            output = layer(image)
        output.backward(noise.to(output.dtype))
        found, layer.weight.grad = layer.weight.grad, None
        assert found is not None
        if not (found - exact).norm() < _TOLERANCE * exact.norm():
            return False
    return True


if __name__ == "__main__":
    main()
