"""What becomes of the probabilities of one part of an image after the other."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from specimen_unet.domain.case import Array

Part = tuple[slice, ...]

# Copies from a GPU that may be under way while the next tile computes.
_UNDER_WAY = 2


class Sink(Protocol):
    """Takes parts of an image, disjoint and together the whole, in any order."""

    def add(self, part: Part, probabilities: torch.Tensor) -> None:
        """Take the probabilities (K, *part), float32 on the device.

        They may be changed afterwards.
        """

    def finish(self) -> None:
        """Wait for what is under way; called once, after all parts."""


class Labels:
    """Writes the label of the most probable class, the first of equals.

    Parameters
    ----------
    shape : sequence of int
        Of the image.
    label_values : sequence of int
        Label of every class.

    Attributes
    ----------
    values : ndarray of uint8 (uint16 where a label is above 255), shape (*spatial)
        The labels.
    """

    def __init__(self, shape: Sequence[int], label_values: Sequence[int]) -> None:
        is_small = max(label_values) < 256
        self.values: Array = np.zeros(shape, np.uint8 if is_small else np.uint16)
        self._label_values = label_values
        self._dtype = torch.uint8 if is_small else torch.int32
        self._copies = _Copies()
        self._total: torch.Tensor | None = None

    def add(self, part: Part, probabilities: torch.Tensor) -> None:
        """Choose the labels on the device and bring them here."""
        total = probabilities.sum()
        self._total = total if self._total is None else self._total + total
        background, *others = self._label_values
        labels = torch.full_like(probabilities[0], background, dtype=self._dtype)
        best = probabilities[0].clone()
        for label, values in zip(others, probabilities[1:], strict=True):
            labels.masked_fill_(values > best, label)
            torch.maximum(best, values, out=best)
        self._copies.add(labels, self.values[part])

    def finish(self) -> None:
        """Wait for what is under way."""
        self._copies.finish()

    @property
    def is_sound(self) -> bool:
        """Whether all probabilities were numbers."""
        return self._total is not None and math.isfinite(float(self._total))


class Probabilities:
    """Keeps all of them in main memory.

    Parameters
    ----------
    classes : int
        K.
    shape : sequence of int
        Of the image.

    Attributes
    ----------
    values : ndarray of float32, shape (K, *spatial)
        Background first.
    """

    def __init__(self, classes: int, shape: Sequence[int]) -> None:
        self.values: Array = np.empty((classes, *shape), np.float32)
        self._copies = _Copies()

    def add(self, part: Part, probabilities: torch.Tensor) -> None:
        """Bring them here."""
        self._copies.add(probabilities, self.values[:, *part])

    def finish(self) -> None:
        """Wait for what is under way."""
        self._copies.finish()


class MeanProbabilities:
    """Keeps the mean of what several models say, and nothing of each of them.

    Every model hands on all parts of the image; parts need not be the same.

    Parameters
    ----------
    classes : int
        K.
    shape : sequence of int
        Of the image.
    models : int
        How many there will be.

    Attributes
    ----------
    values : ndarray of float32, shape (K, *spatial)
        Background first; the mean once all models are through.
    """

    def __init__(self, classes: int, shape: Sequence[int], models: int) -> None:
        self.values: Array = np.zeros((classes, *shape), np.float32)
        self._models = models
        self._copies = _Copies(adds=True)

    def add(self, part: Part, probabilities: torch.Tensor) -> None:
        """Add the share of a model."""
        self._copies.add(probabilities / self._models, self.values[:, *part])

    def finish(self) -> None:
        """Wait for what is under way."""
        self._copies.finish()


class _Copies:
    """Copies from a device into arrays, a few at a time behind its work.

    With `adds`, what is in the arrays is added to.
    """

    def __init__(self, *, adds: bool = False) -> None:
        self._adds = adds
        self._under_way: deque[tuple[torch.cuda.Event, torch.Tensor, Array]] = deque()

    def add(self, values: torch.Tensor, target: Array) -> None:
        """Copy values to `target`, now or before `finish` returns."""
        if values.device.type != "cuda":
            self._put(values.cpu().numpy(), target)
            return
        pinned = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        pinned.copy_(values, non_blocking=True)
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(values.device))
        self._under_way.append((event, pinned, target))
        while len(self._under_way) > _UNDER_WAY:
            self._settle()

    def finish(self) -> None:
        while self._under_way:
            self._settle()

    def _settle(self) -> None:
        event, pinned, target = self._under_way.popleft()
        event.synchronize()
        self._put(pinned.numpy(), target)

    def _put(self, values: Array, target: Array) -> None:
        if self._adds:
            target += values
        else:
            target[...] = values
