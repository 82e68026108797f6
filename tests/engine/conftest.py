"""Fixtures of the engine's tests: plans of tiny networks, without planning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from specimen_unet.domain.plan import Fingerprint, Forecast, Plan, Split
from specimen_unet.domain.settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Compute in one thread: tiny networks lose ten times that in waiting."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def make_plan() -> Callable[..., Plan]:
    """Make a valid plan of a tiny network: ``make_plan(3, network="DynUNet")``."""
    return _plan


def _plan(dimensions: int = 3, **changes: Any) -> Plan:
    levels = len(changes.get("channels", (4, 8, 8)))
    values: dict[str, Any] = {
        "dimensions": dimensions,
        "annotation": "everywhere",
        "ending": "steps",
        "minutes": 1.0,
        "steps": 3,
        "network": "UNet",
        "channels": (4, 8, 8),
        "strides": ((1,) * dimensions, *[(2,) * dimensions] * (levels - 1)),
        "kernels": ((3,) * dimensions,) * levels,
        "residual_units": 2,
        "deep_supervision": False,
        "image_channels": 1,
        "label_values": (0, 1),
        "label_names": tuple(
            f"label {value}" for value in changes.get("label_values", (0, 1))
        ),
        "loss": "Dice + cross-entropy",
        "optimiser": "AdamW",
        "learning_rate": 0.002,
        "patch": (16,) * dimensions,
        "batch": 2,
        "spacing": (1.0,) * dimensions,
        "unit": "mm",
        "normalisation": "z-score",
        "mirror_axes": (),
        "augmentation": 1.0,
        "foreground": 0.5,
        "precision": "float32",
        "device": "cpu",
        "device_name": "CPU",
        "seed": 0,
        "split": Split(training=("a",), validation=("b",)),
        "forecast": Forecast(seconds_per_step=0.1, memory_bytes=1, steps=3),
        "fingerprint": Fingerprint(
            cases=2,
            shapes=((16,) * dimensions,) * 2,
            spacings=((1.0,) * dimensions,) * 2,
            unit="mm",
            channels=1,
            label_values=(1,),
            annotated_fraction=1.0,
            foreground_fraction=0.1,
            foreground_mean=1.0,
            foreground_sd=1.0,
            background_mean=0.0,
            background_sd=1.0,
        ),
        "settings": TrainingSettings(),
        "reasons": {},
    }
    return Plan(**{**values, **changes})
