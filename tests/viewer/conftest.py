"""Layers as scripts and people hand them over."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from npe2._pytest_plugin import TestPluginManager

SPACING = (2.0, 0.5, 0.5)


@pytest.fixture(autouse=True)
def _in_one_thread(garbage_stays_here: None) -> None:
    """Destroy widgets where they were made."""


@pytest.fixture
def make_layer() -> Callable[..., Any]:
    """Make something with .data, .scale, .units and .name: no napari in it."""

    def make(data: Any, name: str = "032", **attributes: Any) -> SimpleNamespace:
        axes = data.ndim
        settings: dict[str, Any] = {
            "scale": np.array((1.0, *SPACING))[-axes:],
            "units": ("mm",) * axes,
            **attributes,
        }
        return SimpleNamespace(data=data, name=name, **settings)

    return make


@pytest.fixture
def gray(spatial: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Noise, in 2D and in 3D."""
    return np.random.default_rng(0).integers(1, 255, spatial, dtype=np.uint8)


@pytest.fixture
def painted(spatial: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Labels 0 and 1, in 2D and in 3D."""
    labels = np.zeros(spatial, np.uint8)
    labels[..., 8:20, 8:20] = 1
    return labels


@pytest.fixture
def plugin(npe2pm: TestPluginManager) -> Iterator[str]:
    """Register the installed plugin, and no other, for one test."""
    with npe2pm.tmp_plugin(package="specimen-unet"):
        yield "specimen-unet"
