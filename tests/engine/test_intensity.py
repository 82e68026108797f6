from __future__ import annotations

import numpy as np
import pytest

from specimen_unet.engine import intensity
from specimen_unet.engine.intensity import intensity_scale, normalised


@pytest.fixture
def image():
    generator = np.random.default_rng(0)
    dim = generator.normal(50, 5, (6, 20, 20))
    bright = generator.normal(140, 20, (6, 20, 20))
    return np.stack([dim, bright]).clip(0, 255).astype(np.uint8)


def test_z_score_gives_every_channel_mean_0_and_deviation_1(image):
    result = normalised(image, *intensity_scale(image, "z-score"))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result.mean((1, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(result.std((1, 2, 3)), 1, rtol=1e-4)


def test_percentiles_are_not_moved_by_a_few_bright_echoes(image):
    before = intensity_scale(image, "percentile")
    image[:, 0, 0, 0] = 255
    np.testing.assert_allclose(intensity_scale(image, "percentile"), before, rtol=0.02)


def test_range_maps_least_and_greatest_value_to_0_and_1(image):
    result = normalised(image, *intensity_scale(image, "range"))
    assert result.min() == 0
    np.testing.assert_allclose(result.max((1, 2, 3)), 1, rtol=1e-6)


def test_a_constant_channel_becomes_0(image):
    image[1] = 7
    result = normalised(image, *intensity_scale(image, "z-score"))
    assert not result[1].any()


def test_a_big_image_is_scaled_by_a_sample_of_it(image, monkeypatch):
    offset, factor = intensity_scale(image, "z-score")
    monkeypatch.setattr(intensity, "_SAMPLE", 500)
    thin_offset, thin_factor = intensity_scale(image, "z-score")
    np.testing.assert_allclose(thin_offset, offset, rtol=0.03)
    np.testing.assert_allclose(thin_factor, factor, rtol=0.15)
