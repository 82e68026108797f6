"""Model files made by safetensors itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from specimen_unet.domain.card import ModelCard
from specimen_unet.domain.plan import Fingerprint, Forecast, Plan, Split
from specimen_unet.domain.settings import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def make_card() -> Callable[..., ModelCard]:
    """Make a card of a small 2D model; any field of it can be given."""

    def make(**changes: Any) -> ModelCard:
        fields = {
            "name": "tumour",
            "plan": _plan(),
            "label_colours": {1: "#ff0000"},
            "axes": ("Y", "X"),
            "observers": ("EA",),
            "groups": {"032": "032"},
            "case_hashes": {"032": "ab" * 32},
            "versions": {"torch": "2.13.0"},
            "metrics": None,
            "steps_done": 10,
            "minutes_trained": 0.5,
            "date": "2026-11-21T14:32:00+00:00",
        }
        return ModelCard(**{**fields, **changes})

    return make


@pytest.fixture
def write_model(make_card: Callable[..., ModelCard]) -> Callable[..., Path]:
    """Write a model file with safetensors, its metadata as given."""
    from safetensors.numpy import save_file

    from specimen_unet.files.library import card_metadata

    def write(path: Path, metadata: dict[str, str] | None = None, **card: Any) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        weights = {"weight": np.arange(12, dtype=np.float32), "bias": np.ones(3)}
        save_file(
            weights,
            path,
            card_metadata(make_card(**card)) if metadata is None else metadata,
        )
        return path

    return write


def _plan() -> Plan:
    return Plan(
        dimensions=2,
        annotation="everywhere",
        ending="steps",
        minutes=1,
        steps=10,
        network="UNet",
        channels=(4, 8),
        strides=((1, 1), (2, 2)),
        kernels=((3, 3), (3, 3)),
        residual_units=0,
        deep_supervision=False,
        image_channels=1,
        label_values=(0, 1),
        label_names=("background", "tumour"),
        painted_background=None,
        loss="Dice",
        optimiser="Adam",
        learning_rate=0.01,
        patch=(16, 16),
        batch=1,
        spacing=(0.5, 0.5),
        unit="mm",
        normalisation="z-score",
        mirror_axes=(1,),
        augmentation=1,
        foreground=0.5,
        precision="float32",
        device="cpu",
        device_name="CPU",
        seed=0,
        split=Split(training=("032",), validation=(), caution=""),
        forecast=Forecast(seconds_per_step=0.1, memory_bytes=1, steps=10),
        fingerprint=Fingerprint(
            cases=1,
            shapes=((32, 32),),
            spacings=((0.5, 0.5),),
            unit="mm",
            channels=1,
            label_values=(1,),
            annotated_fraction=1,
            foreground_fraction=0.1,
            foreground_mean=1,
            foreground_sd=1,
            background_mean=0,
            background_sd=1,
        ),
        settings=TrainingSettings(),
        reasons={"dimensions": "The images are 2D."},
    )
