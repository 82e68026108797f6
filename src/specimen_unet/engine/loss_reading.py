"""Losses of steps, read without making a GPU wait."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

# A GPU has this many steps to work on while the CPU waits for the one before them:
# it never runs dry, and the CPU never gets far ahead of the clock.
_AHEAD = 2
# Reading makes the CPU wait for an Apple GPU, so there it is done this rarely.
_STEPS_PER_READING = 10


class LossReading:
    """Reads losses on a CPU at once, on a CUDA device two steps later.

    Parameters
    ----------
    device : torch.device
        Where losses are.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._under_way: deque[tuple[Tensor, torch.cuda.Event]] = deque()
        self._steps = 0

    def read(self, loss: Tensor) -> float | None:
        """Take the loss of a step; return the last one that is known, if it is new."""
        self._steps += 1
        if self._device.type == "cuda":
            return self._read_later(loss)
        if self._device.type == "cpu" or self._steps % _STEPS_PER_READING == 1:
            return float(loss)
        return None

    def _read_later(self, loss: Tensor) -> float | None:
        arriving = torch.empty((), dtype=loss.dtype, pin_memory=True)
        arriving.copy_(loss, non_blocking=True)
        arrived = torch.cuda.Event()
        arrived.record()
        self._under_way.append((arriving, arrived))
        if len(self._under_way) <= _AHEAD:
            return None
        value, has_arrived = self._under_way.popleft()
        has_arrived.synchronize()
        return float(value)
