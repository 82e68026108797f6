"""How many digits a network computes with: fewer where that is faster, and right."""

from __future__ import annotations

import itertools
import time
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Precision = Literal["float32", "bfloat16", "float16"]

# bfloat16 costs some digits: it must win clearly, and a busy machine measures badly.
_WORTHWHILE = 1.15
_ROUNDS = 5
_BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "avx10_2")


def fastest_precision(device: torch.device) -> Precision:
    """Return the number format this device trains fastest in, without losing Dice.

    On a CPU that has instructions for bfloat16 both formats are tried for some 50 ms
    (once a process); float16 is never fast there.
    """
    if device.type == "cuda":
        capability, _ = torch.cuda.get_device_capability(device)
        return "bfloat16" if capability >= 8 else "float16"
    if device.type == "cpu":
        return _fastest_on_cpu()
    # MPS refuses 3D transposed convolutions in 16 bits (pytorch issue 160739).
    return "float32"


def autocast(
    device: torch.device, precision: Precision
) -> AbstractContextManager[object]:
    """Compute in `precision` inside this context; weights stay float32.

    On a CPU, convolutions of images that are hardly larger than their kernel stay in
    float32: see `_Float32WhereCramped`.
    """
    if precision == "float32":
        return nullcontext()
    if device.type == "cpu":
        return _cast_on_cpu(getattr(torch, precision))
    return torch.autocast(device.type, dtype=getattr(torch, precision))


@contextmanager
def _cast_on_cpu(dtype: torch.dtype) -> Iterator[None]:
    with torch.autocast("cpu", dtype=dtype), _Float32WhereCramped():
        yield


class _Float32WhereCramped(TorchFunctionMode):
    """Keeps convolutions in float32 where the kernel is as large as the image.

    There oneDNN's weight gradients in bfloat16 (torch 2.13, AVX512-BF16) are memory
    that nobody wrote: wrong by any factor, or infinite, and some write where they may
    not, which ends the process. A 3 x 3 x 3 kernel and a depth of two voxels are
    enough (benchmarks/cramped_gradients.py). Such images are small, so all digits
    cost no time.
    """

    def __torch_function__(
        self,
        function: Any,
        _types: Any,
        arguments: tuple[Any, ...] = (),
        named: dict[str, Any] | None = None,
    ) -> Any:
        """Compute, without autocast where a convolution is cramped."""
        named = named or {}
        if function not in _CONVOLUTIONS or not _is_cramped(*arguments, **named):
            return function(*arguments, **named)
        with torch.autocast("cpu", enabled=False):
            exact = [_as_float32(value) for value in arguments]
            return function(
                *exact, **{name: _as_float32(value) for name, value in named.items()}
            )


_CONVOLUTIONS = {
    torch.conv2d,
    torch.conv3d,
    torch.conv_transpose2d,
    torch.conv_transpose3d,
}


def _as_float32(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) else value


# torch's own name of its first argument, by which it may be given.
def _is_cramped(input: Tensor, weight: Tensor, *_: Any, **__: Any) -> bool:  # noqa: A002
    """Tell whether the kernel is as long as the image along some axis."""
    kernel = weight.shape[2:]
    # An image may come without the axis of the batch.
    sizes = zip(input.shape[-len(kernel) :], kernel, strict=True)
    return any(1 < length >= size for size, length in sizes)


def _may_compute_bfloat16(capabilities: Mapping[str, object]) -> bool:
    """Tell whether a CPU has instructions for bfloat16, as far as it is known.

    Without them torch computes in float32 and converts, which a timing on a busy
    machine may take for faster.
    """
    if capabilities.get("architecture") not in ("x86", "x86_64"):
        return True
    return any(capabilities.get(name) for name in _BFLOAT16_INSTRUCTIONS)


@lru_cache(maxsize=1)
def _fastest_on_cpu() -> Precision:
    """Time a small convolution block in both formats, interleaved, and compare.

    In one thread and by processor time, so that the answer is the same however busy
    the machine is.
    """
    # Older versions of torch cannot tell; the timing alone decides then.
    if not _may_compute_bfloat16(getattr(torch.cpu, "get_capabilities", dict)()):
        return "float32"
    with torch.random.fork_rng(devices=[]):
        block = nn.Sequential(
            nn.Conv3d(32, 32, 3, padding=1), nn.InstanceNorm3d(32), nn.LeakyReLU()
        )
        image = torch.randn(1, 32, 12, 24, 24)
    seconds: dict[Precision, float] = {"float32": 1e9, "bfloat16": 1e9}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for _, precision in itertools.product(range(_ROUNDS), seconds):
            taken = _seconds_of_one_pass(block, image, precision)
            seconds[precision] = min(seconds[precision], taken)
    finally:
        torch.set_num_threads(threads)
    is_faster = seconds["bfloat16"] * _WORTHWHILE < seconds["float32"]
    return "bfloat16" if is_faster else "float32"


def _seconds_of_one_pass(
    block: nn.Module, image: torch.Tensor, precision: Precision
) -> float:
    """Time one forward and backward pass."""
    start = time.process_time()
    with autocast(image.device, precision):
        output = block(image)
    output.float().sum().backward()
    return time.process_time() - start
