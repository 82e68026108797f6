"""How many digits a network computes with: fewer where that is faster, and right."""

from __future__ import annotations

import itertools
import time
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from specimen_unet.engine.cpu_convolutions import Float32WhereCramped, OneDnnForOnePatch
from specimen_unet.engine.cpu_norms import ChannelsLastInstanceNorm

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

    On a CPU, convolutions that torch would get wrong or take long for are computed
    otherwise: see `cpu_convolutions`.
    """
    if device.type == "cpu":
        return _on_cpu(precision)
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))


@contextmanager
def _on_cpu(precision: Precision) -> Iterator[None]:
    with ExitStack() as stack:
        if precision == "float32":
            stack.enter_context(OneDnnForOnePatch())
        else:
            stack.enter_context(torch.autocast("cpu", getattr(torch, precision)))
            stack.enter_context(Float32WhereCramped())
        stack.enter_context(ChannelsLastInstanceNorm())
        yield


def _may_compute_bfloat16(capabilities: Mapping[str, object]) -> bool:
    """Tell whether a CPU has instructions for bfloat16, as far as it is known.

    Without them torch computes in float32 and converts, which a timing on a busy
    machine may take for faster. Where nothing is known the timing alone decides.
    """
    if capabilities.get("architecture") not in ("x86", "x86_64"):
        return True
    return any(capabilities.get(name) for name in _BFLOAT16_INSTRUCTIONS)


def has_tiles() -> bool:
    """Tell whether this CPU computes bfloat16 in tiles (AMX), as far as it is known."""
    return bool(_capabilities().get("amx_bf16"))


def _capabilities() -> Mapping[str, object]:
    """Return what this CPU can do; nothing is known by older versions of torch."""
    found: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return found


@lru_cache(maxsize=1)
def _fastest_on_cpu() -> Precision:
    """Time a small convolution block in both formats, interleaved, and compare.

    In one thread and by processor time, so that the answer is the same however busy
    the machine is.
    """
    if not _may_compute_bfloat16(_capabilities()):
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
