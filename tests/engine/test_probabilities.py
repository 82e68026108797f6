"""Uncertainty follows from the probabilities."""

from __future__ import annotations

import numpy as np

from specimen_unet.engine.probabilities import uncertainty_of


def test_uncertainty_is_0_when_sure_and_1_when_all_classes_are_alike() -> None:
    probabilities = np.array([[[1, 1 / 3, 0.5]], [[0, 1 / 3, 0.5]], [[0, 1 / 3, 0]]])
    found = uncertainty_of(probabilities.astype(np.float32))
    np.testing.assert_allclose(found[0], [0, 1, np.log(2) / np.log(3)], atol=1e-6)


def test_a_certain_zero_is_no_hole() -> None:
    found = uncertainty_of(np.array([[[1.0]], [[0.0]]], np.float32))
    assert found.dtype == np.float32
    assert found.tolist() == [[0.0]]
