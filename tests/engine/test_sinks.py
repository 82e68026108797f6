"""Labels and probabilities are written part by part."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from specimen_unet.engine.sinks import Labels, Probabilities


@pytest.mark.parametrize(("largest", "dtype"), [(255, np.uint8), (256, np.uint16)])
def test_each_voxel_gets_the_label_of_its_most_probable_class(
    spatial: tuple[int, ...], largest: int, dtype: type
) -> None:
    probabilities = np.random.default_rng(0).random((3, *spatial), np.float32)
    labels = Labels(spatial, (0, 4, largest))
    kept = Probabilities(3, spatial)
    for start in range(0, spatial[0], 3):
        part = (slice(start, min(start + 3, spatial[0])), slice(0, spatial[1]))
        values = torch.from_numpy(probabilities[:, *part])
        for sink in (labels, kept):
            sink.add(part, values)
    labels.finish()
    kept.finish()
    assert labels.values.dtype == dtype
    expected = np.array([0, 4, largest])[probabilities.argmax(0)]
    np.testing.assert_array_equal(labels.values, expected)
    np.testing.assert_array_equal(kept.values, probabilities)
    assert labels.is_sound


def test_equal_probabilities_give_the_first_class() -> None:
    labels = Labels((2, 2), (5, 1, 2))
    labels.add((slice(0, 2), slice(0, 2)), torch.full((3, 2, 2), 1 / 3))
    assert labels.values.tolist() == [[5, 5], [5, 5]]


def test_one_value_that_is_no_number_is_noticed() -> None:
    labels = Labels((4, 2), (0, 1))
    for start in (0, 2):
        values = torch.full((2, 2, 2), 0.5)
        values[0, 0, 0] = torch.nan if start == 0 else 0.5
        labels.add((slice(start, start + 2), slice(0, 2)), values)
    assert not labels.is_sound
