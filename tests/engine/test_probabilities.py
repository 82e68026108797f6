"""Labels and uncertainty follow from the probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from specimen_unet.engine.probabilities import labels_of, uncertainty_of


@pytest.mark.parametrize(("largest", "dtype"), [(255, np.uint8), (256, np.uint16)])
def test_each_voxel_gets_the_label_of_its_most_probable_class(
    spatial: tuple[int, ...], largest: int, dtype: type
) -> None:
    probabilities = np.random.default_rng(0).random((3, *spatial), np.float32)
    found = labels_of(probabilities, (0, 4, largest))
    assert found.dtype == dtype
    expected = np.array([0, 4, largest])[probabilities.argmax(0)]
    np.testing.assert_array_equal(found, expected)


def test_equal_probabilities_give_the_first_class() -> None:
    assert labels_of(np.full((3, 2, 2), 1 / 3), (0, 1, 2)).tolist() == [[0, 0], [0, 0]]


def test_uncertainty_is_0_when_sure_and_1_when_all_classes_are_alike() -> None:
    probabilities = np.array([[[1, 1 / 3, 0.5]], [[0, 1 / 3, 0.5]], [[0, 1 / 3, 0]]])
    found = uncertainty_of(probabilities.astype(np.float32))
    np.testing.assert_allclose(found[0], [0, 1, np.log(2) / np.log(3)], atol=1e-6)


def test_a_certain_zero_is_no_hole() -> None:
    found = uncertainty_of(np.array([[[1.0]], [[0.0]]], np.float32))
    assert found.dtype == np.float32
    assert found.tolist() == [[0.0]]
