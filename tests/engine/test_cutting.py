"""The way an image is cut does not cost Dice: a trained model tells."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import specimen_unet as su


def blobs(seed: int, shape: tuple[int, ...]) -> su.Case:
    """Bright blobs of all sizes in noise, some brighter than others."""
    random = np.random.default_rng(seed)
    field = gaussian_filter(random.standard_normal(shape), 4)
    truth = field > 0.8 * field.std()
    image = 60 * truth + gaussian_filter(random.standard_normal(shape), 1) * 40 + 90
    labels = truth.astype(np.uint8)
    return su.Case(
        image.clip(0, 255).astype(np.uint8), {"truth": labels}, name=f"{seed}"
    )


def test_the_default_has_the_dice_of_tiles_that_overlap_more(trained: su.Model) -> None:
    cases = [blobs(seed, (192, 208)) for seed in range(100, 106)]
    default, overlapping = (
        np.mean([dice(trained, case, **settings) for case in cases])
        for settings in ({}, {"overlap": 0.5})
    )
    assert overlapping > 0.9
    assert default == pytest.approx(overlapping, abs=0.002)


@pytest.fixture(scope="module")
def trained() -> su.Model:
    """Train a small 2D network on patches of a ninth of the images."""
    return su.train(
        [blobs(seed, (192, 208)) for seed in range(8)],
        ending="steps",
        steps=120,
        minutes=5,
        network="UNet",
        channels=(16, 32, 64),
        patch=(64, 64),
        batch=4,
        device="cpu",
    )


def dice(model: su.Model, case: su.Case, **settings: float) -> float:
    found = su.segment(case, model, device="cpu", **settings).labels
    return float(su.compare(found, case.labels["truth"])["dice"].iloc[0])
