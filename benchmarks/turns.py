"""Measure several ways in turn, A B A B, so that a busy machine is busy for all."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def in_turns(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Measure every way in turn, again and again; return the medians."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    return {name: median(values) for name, values in found.items()}


def synchronise() -> None:
    """Wait until the graphics card, if there is one, has done what was asked."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
