"""Convolutions that torch gets wrong on a CPU, or takes long for."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

# As a module gives them: image, weight, bias, stride, padding, dilation, groups.
_ALL_ARGUMENTS = 7


class OneDnnForOnePatch(TorchFunctionMode):
    """Has oneDNN compute the 3D convolutions of one patch in float32, as of several.

    torch (2.13) does so for batches of two or large images. Else it unfolds the image,
    27 times its memory, and takes up to three times as long: on the deep levels of a
    U-Net that segments one tile at a time.
    """

    def __torch_function__(
        self,
        function: Any,
        _types: Any,
        arguments: tuple[Any, ...] = (),
        named: dict[str, Any] | None = None,
    ) -> Any:
        """Compute, by oneDNN where it is one patch."""
        if function is torch.conv3d and not named and _is_one_patch(*arguments):
            image, weight, bias, stride, padding, dilation, groups = arguments
            return torch.mkldnn_convolution(
                *(image, weight, bias), padding, stride, dilation, groups
            )
        return function(*arguments, **(named or {}))


def _is_one_patch(*arguments: Any) -> bool:
    """Tell whether oneDNN can take it, and is faster: not for kernels of one voxel.

    Tensors without values, of which memory is forecast, are of another type.
    """
    if len(arguments) != _ALL_ARGUMENTS or isinstance(arguments[4], str):
        return False
    image, weight = arguments[:2]
    return (
        type(image) is Tensor
        and image.device.type == "cpu"
        and image.dtype == weight.dtype == torch.float32
        and image.ndim == weight.ndim
        and len(image) == 1
        and max(weight.shape[2:]) > 1
        and torch.backends.mkldnn.is_available()
    )


class Float32WhereCramped(TorchFunctionMode):
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
