"""The way to a device that keeps nobody waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from specimen_unet.domain.case import Array


def sent(values: Array, device: torch.device) -> torch.Tensor:
    """Put an array on a device; nobody waits until it has arrived.

    What goes to a GPU from memory that may be paged out makes the CPU wait for all
    that the GPU still computes, so it goes by way of memory that may not.
    """
    tensor = torch.from_numpy(values)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
